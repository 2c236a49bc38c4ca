"""Figs. 4 and 6b: redundancy against panel size."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from kratos.figures.curves import draw_curves, finite, summarise

NEEDS = "redundancy"


def draw(
    rows: pd.DataFrame,
    titles: Mapping[str, Mapping[str, str]],
    *,
    panels: list[list[str]],
    columns: int = 3,
    maximum_fraction: float = 1.0,
) -> tuple[Figure, pd.DataFrame]:
    """Mean over cell types of the correlation among the top-k genes; error bars are standard deviations over types.

    Parameters
    ----------
    rows
        Columns method, cell_type, n_genes, fraction, value, note.
    titles
        Names to show, by section and name.
    panels
        Methods of every axis.
    columns
        Axes per row.
    maximum_fraction
        Largest panel size shown, as a fraction of all genes.
    """
    shown = finite(rows)
    shown = shown[shown["fraction"] <= maximum_fraction + 1e-9]
    drawn = [method for panel in panels for method in panel]
    curves = summarise(shown[shown["method"].isin(drawn)], ["dataset", "method"])
    figure = draw_curves(curves, panels, titles["methods"], "Redundancy (mean PCC)", columns=columns)
    return figure, curves
