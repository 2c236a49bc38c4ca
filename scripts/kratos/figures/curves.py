"""Curves over panel size: one axis per panel, one line per method, error bars as in the paper's Figs. 4 to 6."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from kratos.figures.style import MARKERS, METHOD_COLOURS, panel_letter, percent_axis


def summarise(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean, standard deviation and number of values at every panel size, over whatever is not in `by`."""
    groups = rows.groupby([*by, "n_genes", "fraction"], sort=True)["value"]
    return groups.agg(mean="mean", sd="std", n="count").reset_index()


def draw_curves(
    curves: pd.DataFrame,
    panels: Sequence[Sequence[str]],
    titles: Mapping[str, str],
    ylabel: str,
    *,
    columns: int,
    error_bars: bool = True,
    reference: Mapping[str, float] | None = None,
) -> Figure:
    """Draw one axis per panel of methods.

    Parameters
    ----------
    curves
        Columns method, n_genes, fraction, mean, sd.
    panels
        Methods of every axis.
    titles
        Name to show for every method.
    ylabel
        Label of the y axis.
    columns
        Axes per row.
    error_bars
        Draw standard deviations.
    reference
        Horizontal lines by label.
    """
    columns = min(columns, len(panels))
    n_rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(
        n_rows, columns, figsize=(3.3 * columns + 0.4, 2.7 * n_rows), squeeze=False, sharey=True, sharex=True
    )
    shown = curves[curves["method"].isin([m for panel in panels for m in panel])]
    order = list(dict.fromkeys(m for panel in panels for m in panel))
    for index, (axis, panel) in enumerate(zip(axes.flat, panels, strict=False)):
        for method in panel:
            own, look = shown[shown["method"] == method], order.index(method)
            # A small shift keeps the error bars of neighbouring methods apart; the CSV has the true sizes.
            shift = 1.0 + 0.012 * (panel.index(method) - (len(panel) - 1) / 2)
            axis.errorbar(
                100 * own["fraction"] * shift,
                own["mean"],
                yerr=own["sd"] if error_bars else None,
                color=METHOD_COLOURS[look % len(METHOD_COLOURS)],
                marker=MARKERS[look % len(MARKERS)],
                markersize=3,
                linewidth=1.1,
                elinewidth=0.6,
                capsize=1.5,
                label=titles[method],
            )
        for label, value in (reference or {}).items():
            axis.axhline(value, color="0.5", linewidth=0.8, linestyle="--", label=label)
        axis.set_title(f"{panel_letter(index)} {' vs. '.join(titles[m] for m in panel)}" if len(panels) > 1 else "")
        if len(shown):
            percent_axis(axis, shown["fraction"])
        axis.grid(axis="y", color="0.92", linewidth=0.6)
        if len(panel) > 1 or reference or len(panels) == 1:
            axis.legend(frameon=False, loc="best")
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    for row in axes:
        row[0].set_ylabel(ylabel)
    # sharex hides the labels of upper axes, also where there is no axis below.
    for index in range(max(0, len(panels) - columns), len(panels)):
        axes.flat[index].tick_params(labelbottom=True)
    for index in range(len(panels) - columns):
        axes.flat[index].set_xlabel("")
    return figure


def finite(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows that were evaluated."""
    return rows[(rows["note"] == "") & np.isfinite(rows["value"])]
