"""AUROC at one panel size, per method, protocol and cell type."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

NEEDS = "auroc"


def tabulate(rows: pd.DataFrame, titles: Mapping[str, Mapping[str, str]], *, fraction: float = 0.01) -> pd.DataFrame:
    """One row per protocol and method: mean over folds, seeds and evaluated types, then each type's own mean.

    Parameters
    ----------
    rows
        Columns dataset, seed, method, protocol, cell_type, n_genes, fraction, fold, value, note.
    titles
        Names to show, by section and name.
    fraction
        Panel size as a fraction of all genes; the nearest evaluated size is taken.

    Returns
    -------
    pandas.DataFrame
        Types that were not evaluated have no column; their number and reason are in ``not_evaluated``.
    """
    table = []
    for (dataset, protocol, method), own in rows.groupby(["dataset", "protocol", "method"], sort=False):
        evaluated = own[own["note"] == ""]
        line = {
            "dataset": titles["datasets"][dataset],
            "protocol": protocol,
            "method": titles["methods"][method],
            "seeds": own["seed"].nunique(),
        }
        if len(evaluated):
            sizes = evaluated[["n_genes", "fraction"]].drop_duplicates()
            size = int(sizes.loc[(sizes["fraction"] - fraction).abs().idxmin(), "n_genes"])
            by_type = evaluated[evaluated["n_genes"] == size].groupby("cell_type")["value"].mean()
            line |= {"n_genes": size, "mean_auroc": by_type.mean(), **by_type.to_dict()}
        else:
            line |= {"n_genes": 0, "mean_auroc": np.nan}
        excluded = own.loc[own["note"] != "", ["cell_type", "note"]].drop_duplicates()
        line["not_evaluated"] = "; ".join(f"{t}: {n}" for t, n in excluded.itertuples(index=False))
        table.append(line)
    frame = pd.DataFrame(table)
    return frame[[c for c in frame.columns if c != "not_evaluated"] + ["not_evaluated"]]
