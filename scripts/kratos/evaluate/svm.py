"""AUROC of a kernel SVM on the top genes: nested cross-validation with a random search (paper Sec. 4.4 and 6.2).

The protocol is scikit-learn's, result for result: outer ``StratifiedKFold(shuffle=True)``; in every outer training fold
``RandomizedSearchCV(SVC(kernel="rbf", class_weight="balanced"), scoring="roc_auc")`` over inner stratified folds that
are not shuffled; the best draw refitted on the outer training fold, and the AUROC of its decision values on the outer
test fold. The same draw is selected and the same AUROC found; draws that can no longer be the best are left early.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.stats import expon
from sklearn.model_selection import ParameterSampler, StratifiedKFold

from kratos.errors import KratosError
from kratos.evaluate.kernel import add_squared_differences
from kratos.evaluate.tuning import FoldResult, SearchResult, prepare, require_cells, tune, tune_and_score


def sample_parameters(draws: int, seed: int, c_scale: float = 100.0, gamma_scale: float = 0.1) -> np.ndarray:
    """Draw C and gamma as scikit-learn's random search does.

    Parameters
    ----------
    draws
        Number of draws.
    seed
        ``random_state`` of the search.
    c_scale, gamma_scale
        Means of the exponential distributions of C and gamma (Sec. 6.2: 100 and 0.1).

    Returns
    -------
    numpy.ndarray
        (draws, 2) float64: C, gamma.
    """
    if draws < 1 or not (c_scale > 0 and gamma_scale > 0):
        raise KratosError(
            f"the random search got draws = {draws}, c_scale = {c_scale}, gamma_scale = {gamma_scale}: all must be "
            "positive; correct the evaluation settings in the config."
        )
    space = {"C": expon(scale=c_scale), "gamma": expon(scale=gamma_scale)}
    return np.array([(point["C"], point["gamma"]) for point in ParameterSampler(space, draws, random_state=seed)])


def grid_distances(x_scaled_ranked: np.ndarray, sizes: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Walk over panel sizes, with the squared Euclidean distances between all cells for each.

    Parameters
    ----------
    x_scaled_ranked
        (n, p) scaled expression; genes in the order of the ranking, the most important first.
    sizes
        Ascending numbers of top genes, each between 1 and p.

    Yields
    ------
    k, distances
        Number of genes, and (n, n) float64. The array is the same one at every step: the next step changes it.

    Raises
    ------
    KratosError
        If an expression value is not a finite number, or the sizes do not ascend within 1..p.
    """
    if x_scaled_ranked.ndim != 2 or not np.isfinite(x_scaled_ranked).all():
        raise KratosError(
            f"expression matrix of shape {x_scaled_ranked.shape} holds "
            f"{int((~np.isfinite(x_scaled_ranked)).sum())} values that are not finite; remove those cells or genes."
        )
    n, p = x_scaled_ranked.shape
    if list(sizes) != sorted(set(sizes)) or (len(sizes) and not 1 <= sizes[0] <= sizes[-1] <= p):
        raise KratosError(f"panel sizes {list(sizes)} must ascend between 1 and the {p} ranked genes.")
    squared = np.zeros((n, n))
    done = 0
    for k in sizes:
        add_squared_differences(np.ascontiguousarray(x_scaled_ranked[:, done:k].T, dtype=np.float64), squared)
        done = k
        yield int(k), squared


def search(D: np.ndarray, y: np.ndarray, parameters: np.ndarray, inner_folds: int = 3) -> SearchResult:
    """Select C and gamma by stratified cross-validation, as `RandomizedSearchCV` does.

    Parameters
    ----------
    D
        (n, n) float64 squared distances between cells; symmetric.
    y
        (n,) bool, True for cells of the type.
    parameters
        (draws, 2) C and gamma, see `sample_parameters`.
    inner_folds
        Number of folds; not shuffled.

    Returns
    -------
    SearchResult
        The first draw with the largest mean AUROC.

    Raises
    ------
    KratosError
        If D, y and the parameters do not fit together, or a class has fewer cells than there are folds.
    """
    _require_match(D, y)
    parameters = _positive(parameters)
    cells, kernel, buffers = prepare(D, y, np.arange(y.size))
    return tune(kernel, buffers, y[cells], parameters, inner_folds)


def crossval_auroc(
    D: np.ndarray,
    y: np.ndarray,
    parameters: np.ndarray | Sequence[np.ndarray],
    seed: int,
    n_folds: int = 3,
    inner_folds: int = 3,
) -> list[FoldResult]:
    """AUROC by stratified cross-validation, parameters selected anew within every training fold (Sec. 6.2).

    Parameters
    ----------
    D
        (n, n) float64 squared distances between cells; symmetric.
    y
        (n,) bool, True for cells of the type.
    parameters
        (draws, 2) C and gamma for all folds (what ``RandomizedSearchCV`` with an integer seed draws), or one such
        array per fold.
    seed
        Seed of the outer folds.
    n_folds, inner_folds
        Numbers of outer and inner folds.

    Returns
    -------
    list of FoldResult
        One per outer fold.

    Raises
    ------
    KratosError
        As `search`, for the outer folds or for the inner ones.
    """
    one = isinstance(parameters, np.ndarray) and parameters.ndim == 2
    _require_match(D, y)
    per_fold = [_positive(draws) for draws in ([parameters] * n_folds if one else parameters)]
    if len(per_fold) != n_folds:
        raise KratosError(f"{len(per_fold)} sets of SVM parameters for {n_folds} folds; give one set, or one per fold.")
    require_cells(y, n_folds, "outer")
    splits = StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(y, y)
    return [
        tune_and_score(D, y, train, test, draws, inner_folds, fold)
        for fold, ((train, test), draws) in enumerate(zip(splits, per_fold, strict=True))
    ]


def heldout_auroc(
    D: np.ndarray, y: np.ndarray, train_mask: np.ndarray, parameters: np.ndarray, inner_folds: int = 3
) -> FoldResult:
    """AUROC on held-out cells, of an SVM tuned and fitted on the training cells alone.

    Parameters
    ----------
    D
        (n, n) float64 squared distances between all cells; symmetric.
    y, train_mask
        (n,) bool: cells of the type, training cells.
    parameters
        (draws, 2) C and gamma.
    inner_folds
        Number of folds of the search.

    Returns
    -------
    FoldResult
        With fold 0.

    Raises
    ------
    KratosError
        As `search`, or if the held-out cells are all of the type, or none.
    """
    _require_match(D, y)
    parameters = _positive(parameters)
    if train_mask.shape != y.shape or train_mask.dtype != bool:
        raise KratosError(
            f"training mask of shape {train_mask.shape}: one boolean for each of {y.size} cells is needed."
        )
    test = np.flatnonzero(~train_mask)
    return tune_and_score(D, y, np.flatnonzero(train_mask), test, parameters, inner_folds, 0)


def _require_match(D: np.ndarray, y: np.ndarray) -> None:
    """Raise unless the distances are between the labelled cells, and there."""
    if y.ndim != 1 or y.dtype != bool or D.shape != (y.size, y.size) or D.dtype != np.float64:
        raise KratosError(
            f"distances of shape {D.shape} ({D.dtype}) and labels of shape {y.shape} ({y.dtype}): "
            "(n, n) float64 and (n,) bool are needed."
        )
    if np.isnan(D.sum()):
        raise KratosError("the distances between cells contain NaN; remove genes or cells with missing values.")


def _positive(parameters: np.ndarray) -> np.ndarray:
    """Check that parameters are rows of positive C and gamma; give them as float64."""
    parameters = np.asarray(parameters, dtype=np.float64)
    if parameters.ndim != 2 or parameters.shape[1] != 2 or not len(parameters) or not (parameters > 0).all():
        raise KratosError(f"SVM parameters of shape {parameters.shape}: rows of C and gamma, all positive, are needed.")
    return parameters
