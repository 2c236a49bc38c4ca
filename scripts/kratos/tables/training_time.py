"""Training times of models, taken in turn in one job, and their ratio to the first model's."""

from collections.abc import Mapping

import pandas as pd

NEEDS = "timing"


def tabulate(rows: pd.DataFrame, titles: Mapping[str, Mapping[str, str]], *, reference: str) -> pd.DataFrame:
    """One row per model: median and range of its training time, and the ratio to the reference of the same repeat.

    Parameters
    ----------
    rows
        Columns dataset, model, repeat, seconds, device.
    titles
        Names to show, by section and name.
    reference
        Model whose time is 1.
    """
    table = []
    for (dataset, device), own in rows.groupby(["dataset", "device"], sort=False):
        wide = own.pivot_table(index="repeat", columns="model", values="seconds")
        for model in own["model"].unique():
            ratio = wide[model] / wide[reference]
            table.append(
                {
                    "dataset": titles["datasets"][dataset],
                    "model": titles["models"][model],
                    "device": device,
                    "repeats": len(wide),
                    "seconds_median": wide[model].median(),
                    "seconds_min": wide[model].min(),
                    "seconds_max": wide[model].max(),
                    f"times_{reference}": ratio.median(),
                }
            )
    return pd.DataFrame(table)
