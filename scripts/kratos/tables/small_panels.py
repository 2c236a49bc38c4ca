"""AUROC at a few panel sizes in numbers of genes: one row per method and protocol."""

from collections.abc import Mapping

import pandas as pd

from kratos.evaluate.panels import share_full_panel

NEEDS = "auroc"
LARGEST = 50
"""Genes in the largest panel that counts as small."""


def tabulate(rows: pd.DataFrame, titles: Mapping[str, Mapping[str, str]], *, largest: int = LARGEST) -> pd.DataFrame:
    """Mean over folds and seeds of each type, then over the types that have a value at this size.

    Parameters
    ----------
    rows
        AUROC rows of `kratos.evaluate.auroc.auroc_rows` with dataset, method and seed.
    titles
        Names to show, by section and name.
    largest
        Largest panel shown, in genes.

    Returns
    -------
    pandas.DataFrame
        Columns dataset, protocol, method, then ``top <k>`` for every size that was evaluated, then ``types``, the
        number of cell types in the mean.
    """
    kept = share_full_panel(rows)
    kept = kept[(kept["note"] == "") & kept["value"].notna() & (kept["n_genes"] <= largest)]
    table = []
    for (dataset, protocol, method), own in kept.groupby(["dataset", "protocol", "method"], sort=False):
        by_type = own.groupby(["n_genes", "cell_type"])["value"].mean()
        line = {
            "dataset": titles["datasets"][dataset],
            "protocol": protocol,
            "method": titles["methods"][method],
        }
        line |= {f"top {k}": value for k, value in by_type.groupby("n_genes").mean().items()}
        table.append(line | {"types": own["cell_type"].nunique()})
    frame = pd.DataFrame(table, columns=None if table else ["dataset", "protocol", "method", "types"])
    sizes = sorted((c for c in frame if str(c).startswith("top ")), key=lambda c: int(c.split()[1]))
    return frame[["dataset", "protocol", "method", *sizes, "types"]]
