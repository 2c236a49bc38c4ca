"""Pixels of one-vs-one explanations: which are kept, where their mass lies, where chance would put it (Sec. 6.4)."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from kratos.errors import KratosError

Region = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From row and column, as fractions of the image (0 to 1, at pixel centres), to a mask."""

REGIONS: dict[str, Region] = {
    "left": lambda row, col: col < 0.5,
    "right": lambda row, col: col > 0.5,
    "upper": lambda row, col: row < 0.5,
    "lower": lambda row, col: row > 0.5,
    "centre": lambda row, col: (np.abs(row - 0.5) < 1 / 6) & (np.abs(col - 0.5) < 1 / 6),
}
IN_USE = 0.05
"""A pixel is in use when some digit's mean there exceeds this share of its brightest mean."""


def keep_extremes(effect: np.ndarray, top: int) -> np.ndarray:
    """Keep the `top` largest positive and `top` smallest negative of the effects (p,), set the others to 0.

    Positive pixels are to be added, negative ones removed; a pixel among the largest whose effect is not positive
    (and the other way round) is not kept.
    """
    order = np.argsort(-effect, kind="stable")
    kept = np.zeros_like(effect)
    added, removed = order[:top], order[len(order) - min(top, len(order)) :]
    kept[added] = np.maximum(effect[added], 0)
    kept[removed] += np.minimum(effect[removed], 0)
    return kept


def pair_rankings(rows: pd.DataFrame, what: str) -> pd.DataFrame:
    """One-vs-one rankings of pixels, on all cells (protocol ``crossval``).

    Parameters
    ----------
    rows
        Ranking rows with columns dataset, method, seed, protocol, cell_type, target, gene, effect, mean, row, col.
    what
        Name of the table or figure, for messages.

    Raises
    ------
    KratosError
        When no row is of a pair, when a data set's genes are no pixels, or a pair has no effects.
    """
    shown = rows[(rows["protocol"] == "crossval") & (rows["target"] != "")]
    if shown.empty:
        raise KratosError(f"{what}: no one-vs-one ranking of protocol 'crossval': show methods that have 'pairs'")
    if not {"row", "col"} <= set(shown.columns) or shown[["row", "col"]].isna().any(axis=None):
        raise KratosError(
            f"{what}: the genes of data set '{shown['dataset'].iloc[0]}' are no pixels (no row and col): "
            "show a data set of images (loaders mnist and digits)"
        )
    if shown["effect"].isna().any():
        pair = shown[shown["effect"].isna()].iloc[0]
        raise KratosError(
            f"{what}: method '{pair['method']}' has no effect for {pair['cell_type']} to {pair['target']} "
            f"({pair['note'] or 'no signed effect'}): show a method with a signed effect"
        )
    return shown


def position(pixels: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of pixel centres as fractions of the image; the image ends at the largest row and column."""
    row, col = (pixels[key].to_numpy(dtype=np.float64) for key in ("row", "col"))
    return (row + 0.5) / (row.max() + 1), (col + 0.5) / (col.max() + 1)


def pixels_in_use(rankings: pd.DataFrame) -> set[str]:
    """Pixels (genes) on which some ranked digit has ink: chance on an image's empty border means nothing."""
    means = rankings.pivot_table("mean", "cell_type", "gene", aggfunc="first", observed=True)
    inked = means.gt(IN_USE * means.max(axis=1), axis=0).any()
    return set(inked.index[inked])


def mass_share(mass: np.ndarray, inside: np.ndarray) -> float:
    """Share of a mass (p,) of non-negative values that lies inside a mask (p,); NaN when there is none."""
    return float(mass[inside].sum() / mass.sum()) if mass.sum() > 0 else np.nan


def chance_shares(mass: np.ndarray, inside: np.ndarray, *, permutations: int, seed: int) -> np.ndarray:
    """Shares (permutations,) of the same values placed at random among the pixels given, without replacement."""
    rng = np.random.default_rng(seed)
    values = mass[mass > 0]
    shares = np.empty(permutations)
    for index in range(permutations):
        places = rng.choice(len(inside), size=min(len(values), len(inside)), replace=False)
        shares[index] = mass_share(values[: len(places)], inside[places])
    return shares
