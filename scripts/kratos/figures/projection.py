"""Figs. 1 and 3: UMAP and t-SNE of the input and of embeddings, coloured by cell type."""

from collections.abc import Mapping

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kratos.errors import KratosError
from kratos.figures.style import cell_type_colours, panel_letter, shortened

NEEDS = "projections"
PROJECTION_TITLES = {"umap": "UMAP", "tsne": "t-SNE"}


def draw(
    rows: pd.DataFrame,
    titles: Mapping[str, Mapping[str, str]],
    *,
    panels: list[list[str]],
    columns: int = 3,
) -> tuple[Figure, pd.DataFrame]:
    """One scatter plot per panel.

    Parameters
    ----------
    rows
        Columns cell, cell_type, space, projection, x, y; the first seed is drawn.
    titles
        Names to show, by section and name.
    panels
        Pairs (projection, space); a space is ``input`` or a model.
    columns
        Plots per row.
    """
    rows = rows[rows["seed"] == rows["seed"].min()]
    colours = cell_type_colours(rows["cell_type"].unique())
    columns = min(columns, len(panels))
    n_rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(n_rows, columns, figsize=(3.0 * columns + 1.6, 2.9 * n_rows), squeeze=False)
    plotted = []
    for index, (axis, (projection, space)) in enumerate(zip(axes.flat, panels, strict=False)):
        own = rows[(rows["projection"] == projection) & (rows["space"] == space)]
        if own.empty:
            raise KratosError(f"no {projection} of '{space}': add it to 'projections', or its model to the data set")
        # One scatter in random-looking but fixed order, so that no type hides the others by being drawn last.
        own = own.sample(frac=1.0, random_state=0)
        size = min(12.0, 6000.0 / max(len(own), 1))
        axis.scatter(own["x"], own["y"], s=size, c=own["cell_type"].map(colours), linewidths=0, rasterized=True)
        what = "input" if space == "input" else titles["models"][space]
        axis.set_title(f"{panel_letter(index)} {PROJECTION_TITLES[projection]}, {what}")
        axis.set(xticks=[], yticks=[])
        axis.set_xlabel(f"{PROJECTION_TITLES[projection]} 1")
        axis.set_ylabel(f"{PROJECTION_TITLES[projection]} 2")
        plotted.append(own.sort_index())
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=5, color=colour, label=name)
        for name, colour in zip(shortened(list(colours)), colours.values(), strict=True)
    ]
    figure.legend(handles=handles, loc="outside right center", frameon=False, title="Cell type")
    return figure, pd.concat(plotted, ignore_index=True)
