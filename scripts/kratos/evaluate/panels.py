"""What all evaluations of marker panels share: panel sizes, and which cell types are evaluated."""

import numpy as np
import pandas as pd


def grid_sizes(n_genes: int, fractions: list[float]) -> list[int]:
    """Panel sizes: fractions of `n_genes`, rounded, at least 1, each once, ascending."""
    return sorted({max(1, round(fraction * n_genes)) for fraction in fractions})


def why_not_evaluated(ranking: pd.DataFrame, cell_type: str, y: np.ndarray, minimum_cells: int) -> str:
    """Why a cell type (mask `y` over cells) is not evaluated for a method; empty when it is."""
    if y.sum() < minimum_cells:
        return f"{int(y.sum())} cells, fewer than minimum_cells = {minimum_cells}"
    if not (ranking["cell_type"] == cell_type).any():
        return "not ranked by this method"
    return ""


def note_of(ranking: pd.DataFrame, cell_type: str) -> str:
    """The note that a ranking has for a type without ranked genes."""
    notes = ranking.loc[ranking["cell_type"] == cell_type, "note"]
    return str(notes.iloc[0]) or "no gene has a score"
