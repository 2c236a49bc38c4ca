"""Every method, tool and control at one panel size: AUROC under both protocols with intervals over seeds."""

from collections.abc import Mapping

import pandas as pd

from kratos.evaluate.panels import share_full_panel
from kratos.tables.statistics import interval, type_means

NEEDS = "auroc"


def tabulate(rows: pd.DataFrame, titles: Mapping[str, Mapping[str, str]], *, fraction: float = 0.01) -> pd.DataFrame:
    """One row per method and protocol, best first.

    Parameters
    ----------
    rows
        AUROC rows of `kratos.evaluate.auroc.auroc_rows` with dataset, method and seed.
    titles
        Names to show, by section and name.
    fraction
        Panel size as a fraction of all genes.

    Returns
    -------
    pandas.DataFrame
        Mean over cell types, then over seeds, with its 95 % t-interval over seeds; each type's mean over seeds;
        which types have no value, and why.
    """
    means = type_means(share_full_panel(rows)[lambda r: r["method"].isin(rows["method"])], fraction)
    # The control that evaluated all genes for everyone comes along in the rows even where it is not shown.
    rows = rows[rows["method"].isin(titles["methods"])]
    table = []
    for (dataset, protocol, method), _ in rows.groupby(["dataset", "protocol", "method"], sort=False):
        place = (means["dataset"] == dataset) & (means["protocol"] == protocol) & (means["method"] == method)
        own = means[place]
        by_seed = own.groupby("seed")["value"].mean()
        mean, low, high = interval(by_seed.to_numpy())
        by_type = own.groupby("cell_type")["value"].mean().to_dict()
        sizes = sorted(own["n_genes"].unique())
        line = {
            "dataset": titles["datasets"][dataset],
            "protocol": protocol,
            "method": titles["methods"][method],
            "n_genes": _range(sizes),
            "seeds": len(by_seed),
            "auroc": mean,
            "low": low,
            "high": high,
        }
        table.append(line | by_type | {"not_evaluated": _excluded(rows, dataset, protocol, method)})
    frame = pd.DataFrame(table).sort_values(
        ["dataset", "protocol", "auroc"], ascending=[True, True, False], ignore_index=True
    )
    return frame[[c for c in frame.columns if c != "not_evaluated"] + ["not_evaluated"]]


def _range(sizes: list[int]) -> int | str:
    """One panel size, or the range of several."""
    return (sizes or [0])[0] if len(sizes) < 2 else f"{sizes[0]} to {sizes[-1]}"


def _excluded(rows: pd.DataFrame, dataset: str, protocol: str, method: str) -> str:
    """Cell types without a value, and why."""
    place = (rows["dataset"] == dataset) & (rows["protocol"] == protocol) & (rows["method"] == method)
    notes = rows.loc[place & (rows["note"] != ""), ["cell_type", "note"]].drop_duplicates()
    return "; ".join(f"{cell_type}: {note}" for cell_type, note in notes.itertuples(index=False))
