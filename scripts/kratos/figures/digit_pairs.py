"""Fig. 7: pixels to add and to remove so that a digit becomes another."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from kratos.evaluate.pixels import keep_extremes, pair_rankings

NEEDS = "rankings"
ADD, REMOVE, DIGIT = np.array([0.79, 0.05, 0.12]), np.array([0.03, 0.30, 0.72]), np.array([0.55, 0.55, 0.55])
FAINTEST = 0.2
"""Opacity of the least important pixel shown; it grows linearly to 1 for the most important."""


def draw(
    rows: pd.DataFrame,
    titles: Mapping[str, Mapping[str, str]],
    *,
    top: int = 25,
    columns: int = 6,
) -> tuple[Figure, pd.DataFrame]:
    """One image per pair of digits: the mean of the original digit in grey, pixels to add in red, to remove in blue.

    Parameters
    ----------
    rows
        Ranking rows of one-vs-one methods on images, columns dataset, method, seed, protocol, cell_type, target, gene,
        effect, mean, row, col; protocol ``crossval`` and the first seed are drawn.
    titles
        Names to show, by section and name.
    top
        Pixels kept at either end of the signed effects, the others are 0 (Sec. 6.4: 25).
    columns
        Images per row.

    Returns
    -------
    figure, plotted
        Columns dataset, method, cell_type, target, gene, row, col, mean, effect, and ``shown``: the kept effects,
        divided within each image by their largest absolute value.
    """
    rankings = pair_rankings(rows[rows["seed"] == rows["seed"].min()], "figure 'digit_pairs'")
    pairs = list(rankings.groupby(["dataset", "method", "cell_type", "target"], sort=False))
    several = rankings[["dataset", "method"]].drop_duplicates().shape[0] > 1
    columns = min(columns, len(pairs))
    n_rows = -(-len(pairs) // columns)
    figure, axes = plt.subplots(n_rows, columns, figsize=(1.35 * columns, 1.6 * n_rows + 0.35), squeeze=False)
    plotted = []
    for axis, ((dataset, method, digit, target), own) in zip(axes.flat, pairs, strict=False):
        kept = keep_extremes(own["effect"].to_numpy(), top)
        largest = np.abs(kept).max()
        own = own.assign(shown=kept / largest if largest > 0 else kept)
        axis.imshow(picture(own), interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set(visible=True, color="0.7", linewidth=0.6)
        what = f"\n{titles['datasets'][dataset]}, {titles['methods'][method]}" if several else ""
        axis.set_title(f"{digit} → {target}{what}", pad=3)
        plotted.append(own)
    for axis in axes.flat[len(pairs) :]:
        axis.remove()
    handles = [
        Patch(color=DIGIT, label="original digit (mean)"),
        Patch(color=ADD, label="add"),
        Patch(color=REMOVE, label="remove"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    wanted = ["dataset", "method", "cell_type", "target", "gene", "row", "col", "mean", "effect", "shown"]
    return figure, pd.concat(plotted, ignore_index=True)[wanted]


def picture(pixels: pd.DataFrame) -> np.ndarray:
    """RGB image (rows, columns, 3): white paper, the digit's mean in grey, the shown pixels over it."""
    row, col = pixels["row"].to_numpy(dtype=int), pixels["col"].to_numpy(dtype=int)
    ink = pixels["mean"].to_numpy(dtype=np.float64)
    ink = ink / ink.max() if ink.max() > 0 else ink
    shown = pixels["shown"].to_numpy()
    colour = 1 - ink[:, None] * (1 - DIGIT)
    opacity = np.where(shown != 0, FAINTEST + (1 - FAINTEST) * np.abs(shown), 0.0)[:, None]
    colour = (1 - opacity) * colour + opacity * np.where(shown[:, None] > 0, ADD, REMOVE)
    image = np.ones((row.max() + 1, col.max() + 1, 3))
    image[row, col] = colour
    return image
