"""How tightly the cells of a type lie together in Figs. 1 and 3: the silhouette of the cell types in each picture."""

from collections.abc import Mapping

import pandas as pd
from sklearn.metrics import silhouette_score

from kratos.errors import KratosError

NEEDS = "projections"


def tabulate(rows: pd.DataFrame, titles: Mapping[str, Mapping[str, str]], *, spaces: list[str]) -> pd.DataFrame:
    """One row per projection, space and seed.

    Parameters
    ----------
    rows
        Columns dataset, seed, projection, space, cell_type, x, y.
    titles
        Names to show, by section and name.
    spaces
        What was projected: ``input`` or models.

    Returns
    -------
    pandas.DataFrame
        ``silhouette`` of the cell types by the distances in the plane (Sec. 2.3.3), over all cells.
    """
    table = []
    for (dataset, projection, seed), own in rows.groupby(["dataset", "projection", "seed"], sort=True):
        for space in spaces:
            plane = own[own["space"] == space]
            if plane.empty:
                raise KratosError(
                    f"table 'projection_silhouette': '{space}' is not projected: fit that model on {dataset}"
                )
            table.append(
                {
                    "dataset": titles["datasets"][dataset],
                    "projection": projection,
                    "space": "input" if space == "input" else titles["models"][space],
                    "seed": seed,
                    "n_cells": len(plane),
                    "silhouette": silhouette_score(plane[["x", "y"]], plane["cell_type"]),
                }
            )
    return pd.DataFrame(table)
