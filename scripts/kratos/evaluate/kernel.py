"""The radial kernel among cells, for many fits: squared distances gene by gene, kernel rows on demand.

Squared distances of a ranked gene list add up gene by gene, so one pass over the ranking serves every subset size.
For one kernel width, exp(-gamma D) is computed row by row when a fit first needs it, and serves all folds of a search.
All functions are compiled, and cached on disk, by numba.
"""

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

BLOCK = 64  # rows that `training_row` fills are padded with zeros to a multiple of this

TILE = 64  # cells per side of a square of distances that stays in the cache
LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # ln 2 in two parts, the first of 33 bits
ROUNDER = 6755399441055744.0  # 1.5 * 2**52: adding it leaves the nearest integer in the low bits of the sum
# Chebyshev fit of (exp(r) - 1 - r - r**2 / 2) / r**3 on |r| <= ln(2) / 2; highest power first
E9, E8, E7 = 2.0911236630261545e-09, 2.510038549551032e-08, 2.755728296954995e-07
E6, E5, E4 = 2.7557268459997064e-06, 2.4801587317144498e-05, 0.00019841269863053618
E3, E2, E1, E0 = 0.0013888888888886552, 0.008333333333330062, 0.041666666666666664, 0.16666666666666669


class Kernel(NamedTuple):
    """Kernel values among m of N cells, filled row by row on demand (see `new_kernel`).

    Attributes
    ----------
    source
        (N, N) float64 squared distances of all cells; symmetric, zero diagonal.
    cells
        (m,) int64 rows of `source` that take part, all cells of the first class before those of the second.
    distances, fetched
        (>= m, >= m) float64, rows gathered from `source`; (m,) int64, 1 where the row is there.
    values, stamp
        (>= m, >= m) float64, kernel rows; (m,) int64, the number of the kernel width a row was computed for.
    """

    source: np.ndarray
    cells: np.ndarray
    distances: np.ndarray
    fetched: np.ndarray
    values: np.ndarray
    stamp: np.ndarray


def new_kernel(source: np.ndarray, cells: np.ndarray, memory: tuple[np.ndarray, np.ndarray]) -> Kernel:
    """Set up an empty cache for the kernel among `cells`; `memory` lends two (>= m, >= m) float64 arrays."""
    distances, values = memory
    return Kernel(source, cells, distances, np.zeros(cells.size, np.int64), values, np.full(cells.size, -1, np.int64))


def _exact_reduction(name: str) -> Any:
    """Give LLVM's `name` (minnum, maxnum) of two doubles, free to be vectorised: no operand here is ever NaN."""

    @intrinsic
    def operation(typing_context: Any, first: Any, second: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            double = ir.DoubleType()
            signature = ir.FunctionType(double, [double, double])
            function = builder.module.declare_intrinsic(f"llvm.{name}", [double], signature)
            return builder.call(function, arguments, fastmath=("nnan", "nsz"))

        return types.float64(types.float64, types.float64), generate

    return operation


least = _exact_reduction("minnum")
most = _exact_reduction("maxnum")


@intrinsic
def _fused(typing_context: Any, first: Any, second: Any, third: Any) -> Any:
    """Give first * second + third, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


@intrinsic
def _times_power(typing_context: Any, value: Any, rounded: Any) -> Any:
    """Give value * 2**k, where `rounded` is k + ROUNDER: k is added to the exponent's bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        value, rounded = (builder.bitcast(argument, word) for argument in arguments)
        return builder.bitcast(builder.add(value, builder.shl(rounded, word(52))), ir.DoubleType())

    return types.float64(types.float64, types.float64), generate


@njit(cache=True, nogil=True, error_model="numpy")
def radial_row(distances: np.ndarray, gamma: float, out: np.ndarray) -> None:
    """Write exp(-gamma * distances) to `out`, to one unit in the last place (but never below exp(-708) = 3e-308)."""
    for k in range(distances.size):
        x = most(-gamma * distances[k], -708.0)
        rounded = _fused(x, LOG2_E, ROUNDER)
        n = rounded - ROUNDER
        r = _fused(n, -LN2_LOW, _fused(n, -LN2_HIGH, x))
        p = _fused(E9, r, E8)
        p = _fused(p, r, E7)
        p = _fused(p, r, E6)
        p = _fused(p, r, E5)
        p = _fused(p, r, E4)
        p = _fused(p, r, E3)
        p = _fused(p, r, E2)
        p = _fused(p, r, E1)
        p = _fused(p, r, E0)
        p = _fused(p, r, 0.5)
        out[k] = _times_power(1.0 + _fused(r * r, p, r), rounded)


@njit(cache=True, nogil=True, error_model="numpy")
def require_row(kernel: Kernel, q: int, gamma: float, width: int) -> None:
    """Compute kernel row q, unless it is there for this kernel width."""
    if kernel.stamp[q] == width:
        return
    m = kernel.cells.size
    if kernel.fetched[q] == 0:
        source = kernel.source[kernel.cells[q]]
        for k in range(m):
            kernel.distances[q, k] = source[kernel.cells[k]]
        kernel.fetched[q] = 1
    radial_row(kernel.distances[q, :m], gamma, kernel.values[q, :m])
    kernel.stamp[q] = width


@njit(cache=True, nogil=True, error_model="numpy")
def training_row(values: np.ndarray, runs: np.ndarray, columns: np.ndarray, size: int, out: np.ndarray) -> None:
    """Copy a kernel row in single precision: by runs of neighbours if there are any, else by index."""
    if runs.shape[0] > 0:
        for run in range(runs.shape[0]):
            length = runs[run, 2]
            target = out[runs[run, 0] : runs[run, 0] + length]
            origin = values[runs[run, 1] : runs[run, 1] + length]
            for k in range(length):
                target[k] = origin[k]
    else:
        for t in range(size):
            out[t] = values[columns[t]]
    for t in range(size, -(-size // BLOCK) * BLOCK):
        out[t] = 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def decisions_within(kernel: Kernel, train: np.ndarray, weights: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Sum weights[p] * kernel[train[p], test] over the cells of non-zero weight, whose rows must be there.

    `train` and `test` are positions in the kernel's cells; the sum runs in the order of `train`.
    """
    total = np.zeros(test.size)
    for p in range(train.size):
        if weights[p] != 0.0:
            row = kernel.values[train[p]]
            for k in range(test.size):
                total[k] += weights[p] * row[test[k]]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def decisions_outside(kernel: Kernel, weights: np.ndarray, gamma: float, test: np.ndarray) -> np.ndarray:
    """Sum weights[p] * exp(-gamma D[cells[p], test]) over the cells of non-zero weight; `test` are rows of `source`."""
    total, distances, row = np.zeros(test.size), np.empty(test.size), np.empty(test.size)
    for p in range(kernel.cells.size):
        if weights[p] != 0.0:
            source = kernel.source[kernel.cells[p]]
            for k in range(test.size):
                distances[k] = source[test[k]]
            radial_row(distances, gamma, row)
            for k in range(test.size):
                total[k] += weights[p] * row[k]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _add_genes(x: np.ndarray, a: np.ndarray, total: np.ndarray) -> None:
    """Add (x[g] - a[g])**2 to `total`, gene after gene."""
    g = 0
    while g + 4 <= a.size:  # four at a time, to load and store the totals less often
        first, second, third, fourth = x[g], x[g + 1], x[g + 2], x[g + 3]
        p, q, r, s = a[g], a[g + 1], a[g + 2], a[g + 3]
        for k in range(total.size):
            value = total[k] + (first[k] - p) * (first[k] - p)
            value += (second[k] - q) * (second[k] - q)
            value += (third[k] - r) * (third[k] - r)
            total[k] = value + (fourth[k] - s) * (fourth[k] - s)
        g += 4
    while g < a.size:
        first, p = x[g], a[g]
        for k in range(total.size):
            total[k] += (first[k] - p) * (first[k] - p)
        g += 1


@njit(cache=True, nogil=True, error_model="numpy")
def add_squared_differences(x: np.ndarray, squared: np.ndarray) -> None:
    """Add the squared differences of genes to squared distances, in place.

    Differences are taken directly and summed gene after gene, so that cells with the same values get the same
    distances to the last bit, and a cell and its duplicate the distance 0 (scores of such cells must tie).

    Parameters
    ----------
    x
        (genes, N) float64, C-contiguous.
    squared
        (N, N) float64, symmetric; only tiles on and above the diagonal are computed, the others mirrored.
    """
    genes, n = x.shape
    for i0 in range(0, n, TILE):
        i1 = min(i0 + TILE, n)
        for j0 in range(i0, n, TILE):
            j1 = min(j0 + TILE, n)
            for g0 in range(0, genes, TILE):
                g1 = min(g0 + TILE, genes)
                for i in range(i0, i1):
                    _add_genes(x[g0:g1, j0:j1], x[g0:g1, i], squared[i, j0:j1])
            if j0 > i0:
                for j in range(j0, j1):
                    for i in range(i0, i1):
                        squared[j, i] = squared[i, j]
