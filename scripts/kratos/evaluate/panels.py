"""What all evaluations of marker panels share: panel sizes, and which cell types are evaluated."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kratos.errors import KratosError


def grid_sizes(n_genes: int, grid: Sequence[float]) -> list[int]:
    """Panel sizes of a grid, ascending, each once.

    Parameters
    ----------
    n_genes
        Number of all genes.
    grid
        Fractions of `n_genes` in (0, 1], rounded, at least 1 gene; or whole numbers from 2 on, that many genes
        (those beyond `n_genes` are left out).
    """
    for size in grid:
        if not (0.0 < size <= 1.0 or (size >= 2 and float(size).is_integer())):
            raise KratosError(
                f"panel size: {size} is neither a fraction in (0, 1] nor a whole number from 2 on; correct the grids "
                "in the config"
            )
    sizes = {int(size) if size > 1 else max(1, round(size * n_genes)) for size in grid}
    return sorted(size for size in sizes if size <= n_genes)


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


def share_full_panel(rows: pd.DataFrame) -> pd.DataFrame:
    """Give every method the AUROC of all genes, which a control has evaluated once.

    Parameters
    ----------
    rows
        AUROC rows of one or more methods; those with ``full_panel`` come from a control that has all genes as its only
        panel.

    Returns
    -------
    pandas.DataFrame
        The rows, with the control's repeated under the name of every other method of the same data set, seed and
        protocol, for the types whose genes it ranks all (``ranks_all``).
    """
    control = rows[rows["full_panel"]].drop(columns="method")
    keys = ["dataset", "seed", "protocol", "cell_type"]
    own = rows.loc[~rows["full_panel"] & rows["ranks_all"], [*keys, "method"]].drop_duplicates()
    shared = control.merge(own, on=keys).assign(full_panel=False)
    return pd.concat([rows, shared], ignore_index=True) if len(shared) else rows
