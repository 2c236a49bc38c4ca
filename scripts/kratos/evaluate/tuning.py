"""Selecting C and gamma of the kernel SVM by random search, and scoring the selected SVM: the steps within one fold."""

from typing import NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedKFold

from kratos.errors import KratosError
from kratos.evaluate.kernel import Kernel, decisions_outside, decisions_within, new_kernel
from kratos.evaluate.roc import auroc
from kratos.evaluate.smo import solve
from kratos.evaluate.working_set import Buffers, new_buffers


class SearchResult(NamedTuple):
    """The selected draw: its row in the parameters, C, gamma, mean inner AUROC, and the number of SVMs fitted."""

    best_index: int
    C: float
    gamma: float
    inner_auroc: float
    n_fits: int


class FoldResult(NamedTuple):
    """AUROC on the test cells of a fold, with the parameters selected on its training cells."""

    fold: int
    auroc: float
    C: float
    gamma: float
    inner_auroc: float


class Fold(NamedTuple):
    """A training and a test set within a kernel's cells; `weights` are the balanced weights of the two classes."""

    train: np.ndarray
    runs: np.ndarray
    n_first: int
    weights: tuple[float, float]
    test: np.ndarray
    test_labels: np.ndarray


def require_cells(y: np.ndarray, folds: int, which: str) -> None:
    """Raise unless each class has a cell for every fold."""
    positive, negative = int(y.sum()), int((~y).sum())
    if folds < 2 or min(positive, negative) < folds:
        raise KratosError(
            f"{positive} cells of the type and {negative} others do not allow {folds} {which} folds, each with both; "
            "leave the cell type out (minimum number of cells) or use fewer folds (at least 2)."
        )


def prepare(D: np.ndarray, y: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, Kernel, Buffers]:
    """Order training cells as LIBSVM does (negatives, then the type's cells) and set up their kernel."""
    cells = np.concatenate([train[~y[train]], train[y[train]]]).astype(np.int64)
    m = cells.size
    return cells, new_kernel(np.ascontiguousarray(D), cells, (np.empty((m, m)), np.empty((m, m)))), new_buffers(m)


def _fold(train: np.ndarray, test: np.ndarray, labels: np.ndarray) -> Fold:
    """Describe a fold of a kernel's cells, whose `labels` are False, then True."""
    starts = np.flatnonzero(np.diff(train, prepend=-2) != 1)
    lengths = np.diff(starts, append=train.size)
    positive = int(labels[train].sum())
    negative = train.size - positive
    weights = (train.size / (2.0 * negative), train.size / (2.0 * positive))
    runs = np.column_stack([starts, train[starts], lengths]).astype(np.int64)
    return Fold(train.astype(np.int64), runs, negative, weights, test.astype(np.int64), labels[test])


def _inner_splits(cells: np.ndarray, labels: np.ndarray, folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split the cells in their own order, as scikit-learn does: it decides which folds get the remainders."""
    own_order = np.argsort(cells)
    splits = StratifiedKFold(folds).split(own_order, labels[own_order])
    return [(np.sort(own_order[train]), np.sort(own_order[test])) for train, test in splits]


def _fit(kernel: Kernel, buffers: Buffers, fold: Fold, c: float, gamma: float, width: int) -> tuple[np.ndarray, float]:
    """Fit on a fold; give the weights of its training cells in the decision value, and the offset."""
    costs = (c * fold.weights[0], c * fold.weights[1])
    iterations, rho = solve(buffers, kernel, gamma, width, fold.train, fold.runs, fold.n_first, costs)
    n = fold.train.size
    if iterations < 0:
        raise KratosError(
            f"the SVM with C = {c:g}, gamma = {gamma:g} did not converge on {n} cells; the distances must be those of "
            "cells in a space of genes (symmetric, zero diagonal)."
        )
    return buffers.alpha[:n] * buffers.sign[:n], rho


def tune(
    kernel: Kernel, buffers: Buffers, labels: np.ndarray, parameters: np.ndarray, inner_folds: int
) -> SearchResult:
    """Search over a kernel's cells.

    A draw is left as soon as its mean AUROC cannot exceed the best one's, even with 1 in the folds to come.
    """
    require_cells(labels, inner_folds, "inner")
    folds = [_fold(train, test, labels) for train, test in _inner_splits(kernel.cells, labels, inner_folds)]
    best_index, best_mean, n_fits = -1, -np.inf, 0
    for index, (c, gamma) in enumerate(parameters):
        scores = np.ones(inner_folds)
        mean = 1.0
        for number, fold in enumerate(folds):
            if mean <= best_mean:
                break
            weights, rho = _fit(kernel, buffers, fold, c, gamma, index)
            n_fits += 1
            decisions = decisions_within(kernel, fold.train, weights, fold.test) - rho
            scores[number] = auroc(fold.test_labels, -decisions)  # positive decisions are for the first class
            mean = np.average(scores)
        if mean > best_mean:
            best_index, best_mean = index, mean
    c, gamma = parameters[best_index]
    return SearchResult(best_index, float(c), float(gamma), float(best_mean), n_fits)


def tune_and_score(
    D: np.ndarray,
    y: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    parameters: np.ndarray,
    inner_folds: int,
    fold: int,
) -> FoldResult:
    """Search on the training cells, refit the best draw on them, and score the test cells."""
    in_test = int(y[test].sum())
    if in_test in (0, test.size):
        raise KratosError(
            f"{in_test} of the {test.size} test cells are of the type: AUROC needs cells of the type and others; "
            "use another split, or leave the cell type out."
        )
    cells, kernel, buffers = prepare(D, y, train)
    best = tune(kernel, buffers, y[cells], parameters, inner_folds)
    whole = np.arange(cells.size)
    everything = _fold(whole, whole[:0], y[cells])
    weights, rho = _fit(kernel, buffers, everything, best.C, best.gamma, len(parameters))
    decisions = decisions_outside(kernel, weights, best.gamma, test) - rho
    return FoldResult(fold, auroc(y[test], -decisions), best.C, best.gamma, best.inner_auroc)
