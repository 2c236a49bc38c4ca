"""Table 2: silhouette, ARI and AMI per model, on test cells (which the published values match) and on all cells."""

from collections.abc import Mapping

import pandas as pd

NEEDS = "clustering"
METRICS = ("silhouette", "ari", "ami")


def tabulate(rows: pd.DataFrame, titles: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """One row per model and set of cells: mean over seeds of each metric, and its standard deviation when seeds > 1.

    Parameters
    ----------
    rows
        Columns dataset, seed, model, cells, n_cells, metric, value.
    titles
        Names to show, by section and name.
    """
    table = []
    for (dataset, model, cells), own in rows.groupby(["dataset", "model", "cells"], sort=False):
        by_metric = own.groupby("metric")["value"]
        line = {
            "dataset": titles["datasets"][dataset],
            "model": titles["models"][model],
            "cells": cells,
            "n_cells": int(own["n_cells"].iloc[0]),
            "seeds": own["seed"].nunique(),
        }
        for metric in METRICS:
            line[metric] = by_metric.mean()[metric]
        if line["seeds"] > 1:
            for metric in METRICS:
                line[f"{metric}_sd"] = by_metric.std()[metric]
        table.append(line)
    return pd.DataFrame(table)
