"""Figs. 5 and 6a: AUROC against panel size."""

from collections.abc import Mapping
from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from kratos.evaluate.panels import share_full_panel
from kratos.figures.curves import draw_curves, finite, summarise

NEEDS = "auroc"


def draw(
    rows: pd.DataFrame,
    titles: Mapping[str, Mapping[str, str]],
    *,
    panels: list[list[str]],
    protocol: Literal["crossval", "heldout"] = "crossval",
    columns: int = 3,
    maximum_fraction: float = 1.0,
    error_bars: bool = True,
) -> tuple[Figure, pd.DataFrame]:
    """Mean over folds and evaluated cell types; error bars are standard deviations over both.

    Parameters
    ----------
    rows
        Columns method, protocol, cell_type, n_genes, fraction, fold, value, note.
    titles
        Names to show, by section and name.
    panels
        Methods of every axis.
    protocol
        ``crossval`` (the paper) or ``heldout``.
    columns
        Axes per row.
    maximum_fraction
        Largest panel size shown, as a fraction of all genes.
    error_bars
        Draw standard deviations.
    """
    shown = finite(share_full_panel(rows[rows["protocol"] == protocol]))
    shown = shown[shown["fraction"] <= maximum_fraction + 1e-9]
    drawn = [method for panel in panels for method in panel]
    curves = summarise(shown[shown["method"].isin(drawn)], ["dataset", "protocol", "method"])
    figure = draw_curves(curves, panels, titles["methods"], "AUROC", columns=columns, error_bars=error_bars)
    return figure, curves
