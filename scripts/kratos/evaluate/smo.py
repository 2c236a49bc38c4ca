"""A support vector machine for many fits on one set of cells: LIBSVM's solution path, without its overhead.

The dual problem of the C-SVM with a radial kernel is solved by sequential minimal optimisation: the working pair is
chosen by second-order information (Fan, Chen & Lin, JMLR 6, 2005, WSS 2), and shrinking, the reconstruction of the
gradient and the stopping rule are those of Chang & Lin (LIBSVM, ACM TIST 2:27, 2011, Sec. 4-5). Every floating-point
operation that LIBSVM's result depends on is made in the same precision and order (kernel rows in single precision;
gradient and dual variables in double), so that iterations, support vectors and decision values are LIBSVM's. What
differs is the bookkeeping around them:

- kernel rows are computed on demand, once per kernel width, and serve all folds of a search;
- the scans for the working pair are branch-free and vectorised, over blocks of cells;
- the gradient G is kept as F_t = y_t G_t, and the index sets I_up and I_low as additive penalties 0 or infinity;
- cells are reordered by an index at a shrink, and rows gathered when next needed, instead of swapped one by one;
- the bounded cells' share of the gradient (LIBSVM's G_bar) is brought up to date only when a reconstruction needs it.
"""

import numpy as np
from numba import njit

from kratos.evaluate.kernel import BLOCK, Kernel, require_row, training_row
from kratos.evaluate.working_set import (
    CURVATURE_FLOOR,
    TOLERANCE,
    Buffers,
    advance,
    close_tail,
    largest_low,
    last_up,
    partner,
    place,
    shrink,
    survey,
)

MOST_ITERATIONS = 100_000_000  # minutes; scikit-learn sets no limit, and never ends on distances that are none
SHRINK_EVERY = 1000  # iterations, or as many as there are training cells if these are fewer


@njit(cache=True, nogil=True, error_model="numpy")
def _pair_step(a_i: float, a_j: float, same: bool, step: float, c_i: float, c_j: float) -> tuple[float, float]:
    """Move two dual variables along their line by `step`, and back to the box [0, c_i] x [0, c_j] if they left it.

    The first grows by `step`; the second falls by it where both cells are of the `same` class, and else grows too.
    """
    if same:
        total = a_i + a_j
        a_i += step
        a_j -= step
        if total > c_i:
            if a_i > c_i:
                a_i, a_j = c_i, total - c_i
        elif a_j < 0.0:
            a_i, a_j = total, 0.0
        if total > c_j:
            if a_j > c_j:
                a_i, a_j = total - c_j, c_j
        elif a_i < 0.0:
            a_i, a_j = 0.0, total
        return a_i, a_j
    difference = a_i - a_j
    a_i += step
    a_j += step
    if difference > 0.0:
        if a_j < 0.0:
            a_i, a_j = difference, 0.0
    elif a_i < 0.0:
        a_i, a_j = 0.0, -difference
    if difference > c_i - c_j:
        if a_i > c_i:
            a_i, a_j = c_i, c_i - difference
    elif a_j > c_j:
        a_i, a_j = c_j + difference, c_j
    return a_i, a_j


@njit(cache=True, nogil=True, error_model="numpy")
def _note_bound(b: Buffers, events: int, q: int, weight: float, was: bool, is_now: bool) -> int:
    """Note that a dual variable reached or left its upper bound, for `_settle_bounded`; give the number of notes."""
    if was != is_now:
        b.event_cell[events] = q
        b.event_weight[events] = weight if is_now else -weight
        return events + 1
    return events


@njit(cache=True, nogil=True, error_model="numpy")
def _settle_bounded(b: Buffers, kernel: Kernel, gamma: float, width: int, events: int) -> None:
    """Bring `b.bounded` (each cell's sum over the bounded dual variables) up to date with the noted events."""
    for event in range(events):
        q, weight = b.event_cell[event], b.event_weight[event]
        require_row(kernel, q, gamma, width)
        row = kernel.values[q]
        for k in range(kernel.cells.size):
            b.bounded[k] += weight * np.float32(row[k])


@njit(cache=True, nogil=True, error_model="numpy")
def _unshrink(b: Buffers, kernel: Kernel, gamma: float, width: int, n: int, costs: tuple, size: int) -> None:
    """Compute F anew for the cells left out, positions `size` to n - 1 (Chang & Lin 2011, Sec. 5.2)."""
    for t in range(size, n):
        p = b.order[t]
        place(b, t, costs[0] if b.sign[p] > 0.0 else costs[1])
        b.gradient[t] = b.bounded[b.columns[t]] - b.sign[p]
    close_tail(b, n)
    for t in range(size):
        if b.up[t] == 0.0 and b.low[t] == 0.0:  # a free cell
            p, q = b.order[t], b.columns[t]
            require_row(kernel, q, gamma, width)
            row, weight = kernel.values[q], b.sign[p] * b.alpha[p]
            for u in range(size, n):
                b.gradient[u] += weight * np.float32(row[b.columns[u]])


@njit(cache=True, nogil=True, error_model="numpy")
def _offset(b: Buffers, n: int) -> float:
    """Give rho: the mean F of the free cells, or the middle of its bounds if there is none."""
    free, total, upper, lower = 0, 0.0, np.inf, -np.inf
    for t in range(n):
        f = b.gradient[t]
        if b.up[t] != 0.0:
            lower = max(lower, f)
        elif b.low[t] != 0.0:
            upper = min(upper, f)
        else:
            free += 1
            total += f
    return total / free if free > 0 else (upper + lower) / 2.0


@njit(cache=True, nogil=True, error_model="numpy")
def solve(
    b: Buffers,
    kernel: Kernel,
    gamma: float,
    width: int,
    train: np.ndarray,
    runs: np.ndarray,
    n_first: int,
    costs: tuple[float, float],
) -> tuple[int, float]:
    """Fit a C-SVM with the radial kernel, from zero, to LIBSVM's default tolerance of 1e-3.

    Parameters
    ----------
    b
        Working memory; on return `b.alpha[:n] * b.sign[:n]` are the dual coefficients.
    kernel, gamma, width
        Kernel cache, kernel width, and a number that is new for every new value of `gamma`.
    train
        (n,) int64 positions in `kernel.cells` of the training cells: first class (y = +1), then second (y = -1).
    runs
        (r, 3) int64: the neighbours in `train` as (position, first kernel column, length) that make it up.
    n_first
        Number of cells of the first class.
    costs
        Upper bound of the dual variables, for the first and the second class.

    Returns
    -------
    iterations, rho
        Iterations, or -1 if there were over 100 million. The decision value of a cell is the sum of its kernel values
        times the dual coefficients, minus rho; positive for the first class.
    """
    n = train.size
    for t in range(n):
        b.order[t], b.columns[t], b.row_epoch[t] = t, train[t], -1
        b.alpha[t] = 0.0
        b.sign[t] = 1.0 if t < n_first else -1.0
        b.gradient[t] = -b.sign[t]
        place(b, t, costs[0] if t < n_first else costs[1])
    close_tail(b, n)
    b.bounded[:] = 0.0
    iterations = events = epoch = 0
    countdown = min(n, SHRINK_EVERY) + 1
    unshrunk = False
    size, blocks = n, -(-n // BLOCK)
    smallest = survey(b, blocks)
    while True:
        countdown -= 1
        if countdown == 0:
            countdown = min(n, SHRINK_EVERY)
            before, top, largest = size, -smallest, largest_low(b, size)
            if not unshrunk and top + largest <= 10.0 * TOLERANCE:
                unshrunk = True
                if size < n:
                    _settle_bounded(b, kernel, gamma, width, events)
                    _unshrink(b, kernel, gamma, width, n, costs, size)
                    events, size = 0, n
            kept = shrink(b, size, top, largest)
            if kept != before or size != before:
                epoch, runs = epoch + 1, runs[:0]
                size, blocks = kept, -(-kept // BLOCK)
                close_tail(b, size)
                smallest = survey(b, blocks)

        i = j = -1
        if smallest < np.inf:
            i = last_up(b, smallest, blocks)
            p = b.order[i]
            row_i = b.rows[p]
            if b.row_epoch[p] != epoch:
                require_row(kernel, train[p], gamma, width)
                training_row(kernel.values[train[p]], runs, b.columns, size, row_i)
                b.row_epoch[p] = epoch
            j = partner(b, row_i, -smallest, blocks)
        if j < 0:
            if size == n:
                break
            # Optimal among the active cells: bring back the others, and shrink again after one more iteration.
            _settle_bounded(b, kernel, gamma, width, events)
            _unshrink(b, kernel, gamma, width, n, costs, size)
            events, countdown = 0, 2
            epoch, size, blocks = epoch + 1, n, -(-n // BLOCK)
            smallest = survey(b, blocks)
            continue

        iterations += 1
        if iterations > MOST_ITERATIONS:
            return -1, 0.0
        q = b.order[j]
        row_j = b.rows[q]
        if b.row_epoch[q] != epoch:
            require_row(kernel, train[q], gamma, width)
            training_row(kernel.values[train[q]], runs, b.columns, size, row_j)
            b.row_epoch[q] = epoch
        curvature = 2.0 - 2.0 * row_i[j]
        if curvature <= 0.0:
            curvature = CURVATURE_FLOOR
        step = b.sign[p] * ((b.gradient[j] - b.gradient[i]) / curvature)
        c_i = costs[0] if b.sign[p] > 0.0 else costs[1]
        c_j = costs[0] if b.sign[q] > 0.0 else costs[1]
        a_i, a_j = b.alpha[p], b.alpha[q]
        b.alpha[p], b.alpha[q] = _pair_step(a_i, a_j, b.sign[p] == b.sign[q], step, c_i, c_j)
        if events + 2 > b.event_cell.size:
            _settle_bounded(b, kernel, gamma, width, events)
            events = 0
        events = _note_bound(b, events, train[p], b.sign[p] * c_i, a_i >= c_i, b.alpha[p] >= c_i)
        events = _note_bound(b, events, train[q], b.sign[q] * c_j, a_j >= c_j, b.alpha[q] >= c_j)
        place(b, i, c_i)
        place(b, j, c_j)
        smallest = advance(b, row_i, row_j, b.sign[p] * (b.alpha[p] - a_i), b.sign[q] * (b.alpha[q] - a_j), blocks)
    return iterations, _offset(b, n)
