"""Dense and sparse matrices, without importing anything heavy."""

from typing import Any

import numpy as np
from scipy import sparse


def to_dense(x: Any) -> np.ndarray:
    """A float32 array (n, p) from a dense or sparse matrix."""
    return np.asarray(x.toarray() if sparse.issparse(x) else x, dtype=np.float32)
