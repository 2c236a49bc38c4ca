"""Counts: that they are counts, and how they become log-normalised values."""

from typing import Any

import anndata as ad
import numpy as np
from scipy import sparse

from kratos.cells import check_values, first_entry
from kratos.errors import KratosError


def whole_counts(adata: ad.AnnData, matrix: Any, name: str) -> sparse.csr_matrix:
    """Counts as CSR float32, or an error naming the first cell and gene whose value is not a count.

    Parameters
    ----------
    adata
        Its names are used in messages.
    matrix
        Cells x genes, dense or sparse.
    name
        File or data set, for messages.

    Returns
    -------
    scipy.sparse.csr_matrix
        Cells x genes, sorted indices, no explicit zeros.

    Raises
    ------
    KratosError
        For a value that is NaN, infinite, negative, fractional, or above 2**24 (inexact in float32).
    """
    remedy = "counts must be whole numbers of 0 or more, give the file with raw counts"
    check_values(adata, matrix, name, remedy)
    entry = first_entry(matrix, lambda x: (x != np.rint(x)) | (x > 2**24))
    if entry:
        cell, gene, value = adata.obs_names[entry[0]], adata.var_names[entry[1]], entry[2]
        word = "too large for a count" if value > 2**24 else "not a whole number"
        raise KratosError(f"{name}: the value {value:.10g} of cell {cell!r}, gene {gene!r} is {word}; {remedy}")
    counts = sparse.csr_matrix(matrix, dtype=np.float32, copy=True)
    counts.sum_duplicates()
    counts.eliminate_zeros()
    return counts


def log_normalize(
    counts: sparse.csr_matrix, total_counts: np.ndarray | None = None, target: float = 1e4
) -> sparse.csr_matrix:
    """Scale each cell to `target` counts, then log(1 + x).

    Parameters
    ----------
    counts
        Cells x genes.
    total_counts
        Counts per cell, (n_cells,), that `target` refers to; the row sums when None. A cell without counts stays 0.
    target
        Counts per cell after scaling.

    Returns
    -------
    scipy.sparse.csr_matrix
        Cells x genes, float32.
    """
    totals = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel() if total_counts is None else total_counts
    # In float32, and dividing rather than multiplying, as scanpy does: the result is then the same to the last bit.
    scale = (np.where(totals > 0, totals, 1.0) / target).astype(np.float32)
    values = np.log1p(counts.data.astype(np.float32) / np.repeat(scale, np.diff(counts.indptr)))
    return sparse.csr_matrix((values, counts.indices.copy(), counts.indptr.copy()), counts.shape)
