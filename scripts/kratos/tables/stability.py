"""Stability of marker panels: how much of a method's panel two seeds share."""

from collections.abc import Mapping
from itertools import combinations

import pandas as pd

from kratos.evaluate.panels import grid_sizes
from kratos.tables.statistics import interval

NEEDS = "rankings"


def tabulate(rows: pd.DataFrame, titles: Mapping[str, Mapping[str, str]], *, fraction: float = 0.01) -> pd.DataFrame:
    """Mean Jaccard index of the top genes over all pairs of seeds and cell types, per method.

    Parameters
    ----------
    rows
        Ranking rows with dataset, method, seed and protocol.
    titles
        Names to show, by section and name.
    fraction
        Panel size as a fraction of all genes.

    Returns
    -------
    pandas.DataFrame
        ``jaccard`` with a 95 % t-interval over cell types; NaN for a method with one seed. A method without chance has
        1.
    """
    table = []
    for (dataset, protocol, method), own in rows.groupby(["dataset", "protocol", "method"], sort=False):
        own = own[own["target"] == ""]
        size = grid_sizes(own["gene"].nunique(), [fraction])[0]
        top = own[(own["rank"] > 0) & (own["rank"] <= size)]
        by_type = [_jaccard(of_type) for _, of_type in top.groupby("cell_type") if len(of_type["seed"].unique()) >= 2]
        mean, low, high = interval(by_type)
        table.append(
            {
                "dataset": titles["datasets"][dataset],
                "protocol": protocol,
                "method": titles["methods"][method],
                "n_genes": size,
                "seeds": own["seed"].nunique(),
                "jaccard": mean,
                "low": low,
                "high": high,
            }
        )
    return pd.DataFrame(table).sort_values(["dataset", "protocol", "jaccard"], ascending=[True, True, False])


def _jaccard(of_type: pd.DataFrame) -> float:
    panels = [set(genes) for _, genes in of_type.groupby("seed")["gene"]]
    shares = [len(a & b) / len(a | b) for a, b in combinations(panels, 2)]
    return sum(shares) / len(shares)
