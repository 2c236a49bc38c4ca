"""The working set of the SVM solver: which pair of cells is optimised next, and which cells are left out for now.

The gradient G of the dual objective is kept as F_t = y_t G_t; a cell's membership of the index sets I_up and I_low is
an additive penalty of 0 or infinity. The scans over the cells are then free of branches, vectorised block by block.
All per-cell state is in the present order of the cells, which a shrink changes.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from kratos.evaluate.kernel import BLOCK, least, most

TOLERANCE = 1e-3  # largest violation of the optimality conditions at the end
CURVATURE_FLOOR = 1e-12  # stands in for a curvature that is not positive (duplicated cells)


class Buffers(NamedTuple):
    """Working memory of `solve` (see `new_buffers`); after a fit, `alpha` and `sign` describe the solution.

    All per-cell arrays are in the present order of the cells, except `alpha` and `sign` (the training set's order) and
    `bounded` (the kernel's order).
    """

    rows: np.ndarray
    row_epoch: np.ndarray
    order: np.ndarray
    columns: np.ndarray
    gradient: np.ndarray
    up: np.ndarray
    low: np.ndarray
    best: np.ndarray
    alpha: np.ndarray
    sign: np.ndarray
    bounded: np.ndarray
    event_cell: np.ndarray
    event_weight: np.ndarray


def new_buffers(capacity: int) -> Buffers:
    """Allocate working memory for training sets, and their kernels, of up to `capacity` cells."""
    n = -(-capacity // BLOCK) * BLOCK
    rows = np.empty((capacity, n), np.float32)
    integers = [np.zeros(n, np.int64) for _ in range(3)]
    doubles = [np.zeros(n) for _ in range(7)]
    return Buffers(rows, *integers, *doubles, np.zeros(4 * n, np.int64), np.zeros(4 * n))


@njit(cache=True, nogil=True, error_model="numpy")
def place(b: Buffers, t: int, c: float) -> None:
    """Enter the cell at position t into I_up and I_low as its dual variable stands."""
    p = b.order[t]
    may_rise, may_fall = b.alpha[p] < c, b.alpha[p] > 0.0
    if b.sign[p] < 0.0:
        may_rise, may_fall = may_fall, may_rise
    b.up[t] = 0.0 if may_rise else np.inf
    b.low[t] = 0.0 if may_fall else -np.inf


@njit(cache=True, nogil=True, error_model="numpy")
def close_tail(b: Buffers, size: int) -> None:
    """Keep the positions from `size` to the end of its block out of both index sets."""
    for t in range(size, -(-size // BLOCK) * BLOCK):
        b.up[t], b.low[t], b.gradient[t] = np.inf, -np.inf, 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def advance(b: Buffers, row_i: np.ndarray, row_j: np.ndarray, step_i: float, step_j: float, blocks: int) -> float:
    """Add the two rows to the gradient; give the smallest F in I_up and leave each block's in `b.best`."""
    smallest = np.inf
    for block in range(blocks):
        s = block * BLOCK
        f, up = b.gradient[s : s + BLOCK], b.up[s : s + BLOCK]
        k_i, k_j = row_i[s : s + BLOCK], row_j[s : s + BLOCK]
        best = np.inf
        for t in range(BLOCK):
            f[t] += k_i[t] * step_i + k_j[t] * step_j
            best = least(best, f[t] + up[t])
        b.best[block] = best
        smallest = least(smallest, best)
    return smallest


@njit(cache=True, nogil=True, error_model="numpy")
def survey(b: Buffers, blocks: int) -> float:
    """Give the smallest F in I_up and leave each block's in `b.best`, as `advance` does."""
    smallest = np.inf
    for block in range(blocks):
        best = np.inf
        for t in range(block * BLOCK, (block + 1) * BLOCK):
            best = least(best, b.gradient[t] + b.up[t])
        b.best[block] = best
        smallest = least(smallest, best)
    return smallest


@njit(cache=True, nogil=True, error_model="numpy")
def last_up(b: Buffers, smallest: float, blocks: int) -> int:
    """Give the last position in I_up whose F is `smallest` (LIBSVM's later cell wins a tie)."""
    block = blocks - 1
    while b.best[block] != smallest:
        block -= 1
    t = (block + 1) * BLOCK - 1
    while b.gradient[t] + b.up[t] != smallest:
        t -= 1
    return t


@njit(cache=True, nogil=True, error_model="numpy")
def _gain(f: float, curvature: float, top: float) -> float:
    """Twice the decrease of the objective for a pair (Fan et al. 2005, Eq. 3.3); zero when it does not violate."""
    violation = most(top + f, 0.0)
    return violation * violation / (curvature if curvature > 0.0 else CURVATURE_FLOOR)


@njit(cache=True, nogil=True, error_model="numpy")
def partner(b: Buffers, row: np.ndarray, top: float, blocks: int) -> int:
    """Select the second cell of the pair; give its position, or -1 when no pair violates by TOLERANCE."""
    largest_f = -np.inf
    largest = 0.0
    for block in range(blocks):
        s = block * BLOCK
        f, low, k = b.gradient[s : s + BLOCK], b.low[s : s + BLOCK], row[s : s + BLOCK]
        best = 0.0
        best_f = -np.inf
        for t in range(BLOCK):
            value = f[t] + low[t]
            best_f = most(best_f, value)
            best = most(best, _gain(value, 2.0 - 2.0 * k[t], top))
        b.best[block] = best
        largest = most(largest, best)
        largest_f = most(largest_f, best_f)
    if top + largest_f < TOLERANCE:
        return -1
    block = blocks - 1
    while b.best[block] != largest:
        block -= 1
    t = (block + 1) * BLOCK - 1
    while _gain(b.gradient[t] + b.low[t], 2.0 - 2.0 * row[t], top) != largest:
        t -= 1
    return t


@njit(cache=True, nogil=True, error_model="numpy")
def largest_low(b: Buffers, size: int) -> float:
    """Give the largest F in I_low."""
    largest = -np.inf
    for t in range(size):
        largest = most(largest, b.gradient[t] + b.low[t])
    return largest


@njit(cache=True, nogil=True, error_model="numpy")
def shrink(b: Buffers, size: int, top: float, largest: float) -> int:
    """Move bounded cells that cannot be selected behind the active ones; give the number of active cells.

    A cell in I_up only is left out when its F exceeds the largest of I_low, a cell in I_low only when its -F exceeds
    the largest of I_up (Chang & Lin 2011, Sec. 5.1); cells are exchanged from both ends, which fixes their order.
    """
    t = 0
    while t < size:
        if _removable(b, t, top, largest):
            size -= 1
            while size > t and _removable(b, size, top, largest):
                size -= 1
            if size > t:
                b.order[t], b.order[size] = b.order[size], b.order[t]
                b.columns[t], b.columns[size] = b.columns[size], b.columns[t]
                b.gradient[t], b.gradient[size] = b.gradient[size], b.gradient[t]
                b.up[t], b.up[size] = b.up[size], b.up[t]
                b.low[t], b.low[size] = b.low[size], b.low[t]
        t += 1
    return size


@njit(cache=True, nogil=True, error_model="numpy")
def _removable(b: Buffers, t: int, top: float, largest: float) -> bool:
    if b.up[t] == 0.0:
        return b.low[t] != 0.0 and b.gradient[t] > largest
    return -b.gradient[t] > top
