"""How many perturbed test cells each network reads as the target type (not in the paper)."""

from collections.abc import Mapping

import pandas as pd

NEEDS = "transfer"
COLUMNS = {
    ("none", False): "unchanged",
    ("all", False): "all",
    ("extremes", False): "extremes",
    ("permuted", False): "permuted",
    ("all", True): "all_clipped",
    ("extremes", True): "extremes_clipped",
    ("permuted", True): "permuted_clipped",
}


def tabulate(rows: pd.DataFrame, titles: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """One row per pair and model, and one for the mean over pairs; values are means over seeds.

    Parameters
    ----------
    rows
        Columns dataset, method, seed and those of `kratos.evaluate.transfer.transfer_rows`.
    titles
        Names to show, by section and name.

    Returns
    -------
    pandas.DataFrame
        ``cells`` test cells of the type, ``recognised`` the share of them that the model reads rightly; then the share
        read as the target: ``unchanged``, moved by ``all`` of the perturbation, by its ``extremes``, by its values
        ``permuted`` over the genes; ``_clipped`` where values were brought back into the range of the data.
    """
    lines = []
    for (dataset, method, model), own in rows.groupby(["dataset", "method", "model"], sort=False):
        place = {
            "dataset": titles["datasets"][dataset],
            "method": titles["methods"][method],
            "model": titles["models"][model],
        }
        block = []
        for (cell_type, target), pair in own.groupby(["cell_type", "target"], sort=False):
            shares = pair.groupby(["change", "clipped"])["read_as_target"].mean()
            unchanged = pair[(pair["change"] == "none") & ~pair["clipped"]]
            block.append(
                {
                    **place,
                    "pair": f"{cell_type} to {target}",
                    "cells": int(pair["n_cells"].iloc[0]),
                    "recognised": unchanged["own"].mean(),
                    **{column: shares[key] for key, column in COLUMNS.items()},
                }
            )
        values = pd.DataFrame(block)[["recognised", *COLUMNS.values()]].mean().to_dict()
        lines += [*block, {**place, "pair": "mean of pairs", "cells": sum(b["cells"] for b in block), **values}]
    return pd.DataFrame(lines)
