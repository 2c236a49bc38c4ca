"""Redundancy of a marker panel: the mean Pearson correlation between its genes (Sec. 6.2, Fig. 4)."""

from typing import Any, Literal

import numpy as np
import pandas as pd
from anndata import AnnData

from kratos.evaluate.panels import note_of, why_not_evaluated
from kratos.matrices import to_dense
from kratos.rank.order import ranked_genes


def panel_redundancy(x: np.ndarray, sizes: list[int], *, diagonal: bool = False) -> np.ndarray:
    """Mean correlation over the pairs of the first k columns, for every k.

    With z the standardised columns, the sum of all correlations among the first k is ‖z₁ + … + z_k‖² / n: a running
    sum gives the whole grid in one pass, without a correlation matrix.

    Parameters
    ----------
    x
        Cells × genes, genes in ranked order (n, p).
    sizes
        Panel sizes k.
    diagonal
        Average over the whole matrix, its diagonal of ones included (released code), instead of over pairs.

    Returns
    -------
    numpy.ndarray
        One value per size; NaN where fewer than two genes vary. Genes that are constant over these cells have no
        correlation and are left out of the mean.
    """
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    norm = np.sqrt(np.square(centred).sum(axis=0))
    varies = norm > 1e-12 * np.sqrt(len(x))
    running, counted, start = np.zeros(len(x)), 0, 0
    values = np.full(len(sizes), np.nan)
    for position in np.argsort(sizes):
        columns = np.arange(start, sizes[position])[varies[start : sizes[position]]]
        running += (centred[:, columns] / norm[columns]).sum(axis=1)
        counted, start = counted + len(columns), sizes[position]
        total = float(running @ running)
        if counted >= 2:
            values[position] = total / counted**2 if diagonal else (total - counted) / (counted * (counted - 1))
    return values


def cells_of(labels: np.ndarray, cell_type: str, cells: Literal["all", "type"]) -> np.ndarray:
    """Mask of the cells over which a type's panel is correlated: all of them, or the type's own."""
    return np.ones(len(labels), dtype=bool) if cells == "all" else labels == cell_type


def redundancy_rows(
    adata: AnnData,
    ranking: pd.DataFrame,
    sizes: list[int],
    *,
    minimum_cells: int,
    cells: Literal["all", "type"],
    diagonal: bool,
) -> pd.DataFrame:
    """Mean correlation among each type's top-k genes; columns cell_type, n_genes, fraction, value, note."""
    x, labels = to_dense(adata.X), adata.obs["cell_type"].astype(str).to_numpy()
    position = {gene: i for i, gene in enumerate(adata.var_names)}
    rows: list[tuple[Any, ...]] = []
    for cell_type in sorted(np.unique(labels)):
        note = why_not_evaluated(ranking, cell_type, labels == cell_type, minimum_cells)
        genes = [] if note else ranked_genes(ranking, cell_type)
        note = note or ("" if genes else note_of(ranking, cell_type))
        if note:
            rows.append((cell_type, 0, np.nan, np.nan, note))
            continue
        wanted = [k for k in sizes if 2 <= k <= len(genes)]
        panel = x[cells_of(labels, cell_type, cells)][:, [position[g] for g in genes]]
        for k, value in zip(wanted, panel_redundancy(panel, wanted, diagonal=diagonal), strict=True):
            rows.append((cell_type, k, k / adata.n_vars, value, ""))
    return pd.DataFrame(rows, columns=["cell_type", "n_genes", "fraction", "value", "note"])
