"""Dense and sparse matrices, in memory or on disk, without importing anything heavy."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

# Rows of a block: a few thousand genes make 30 MB of it when dense, and reading costs little more than all at once.
ROWS = 4096


def to_dense(x: Any) -> np.ndarray:
    """A float32 array (n, p) from a dense or sparse matrix."""
    return np.asarray(x.toarray() if sparse.issparse(x) else x, dtype=np.float32)


def on_disk(x: Any) -> bool:
    """Whether a matrix (n, p) is read from its file whenever rows of it are taken (see `kratos.stored`)."""
    return not (x is None or isinstance(x, np.ndarray) or sparse.issparse(x))


def row_blocks(x: Any, rows: int = ROWS) -> Iterator[tuple[int, Any]]:
    """Walk over a matrix (n, p) in memory-sized steps.

    Yields
    ------
    tuple
        First row, and the rows from there (dense or sparse): all at once where the matrix is in memory anyway.
    """
    if not on_disk(x):
        yield 0, x
        return
    for start in range(0, x.shape[0], rows):
        yield start, x[start : start + rows]


def memory_bytes(x: Any) -> int:
    """Bytes that a matrix in memory takes, dense or CSR."""
    return x.data.nbytes + x.indices.nbytes + x.indptr.nbytes if sparse.issparse(x) else x.nbytes


def row_sums(x: Any) -> np.ndarray:
    """Sums over the columns of a matrix (n, p) in memory or on disk, (n,) float64."""
    return np.concatenate([np.asarray(rows.sum(axis=1, dtype=np.float64)).ravel() for _, rows in row_blocks(x)])
