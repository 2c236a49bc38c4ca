"""The nested cross-validation selects what scikit-learn selects, and finds the AUROC that scikit-learn finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import expon
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold
from sklearn.svm import SVC

from kratos.errors import KratosError
from kratos.evaluate.panels import grid_sizes
from kratos.evaluate.roc import auroc
from kratos.evaluate.svm import (
    crossval_auroc,
    grid_distances,
    heldout_auroc,
    sample_parameters,
    search,
)


def cells_and_type(seed, n=150, p=6, separation=1.0, share=0.3):
    """Sparse expression of n cells and p genes, the first of which is higher in the type's cells."""
    rng = np.random.default_rng(seed)
    y = rng.random(n) < share
    x = np.maximum(rng.normal(size=(n, p)), 0)
    x[:, 0] += separation * y * rng.random(n)
    return x / x.max(axis=0), y


def distances_of(x):
    return next(iter(grid_distances(x, [x.shape[1]])))[1]


def reference_search(x, y, draws, seed, inner_folds=3):
    space = {"C": expon(scale=100), "gamma": expon(scale=0.1)}
    svm = SVC(kernel="rbf", class_weight="balanced")
    return RandomizedSearchCV(svm, space, n_iter=draws, cv=inner_folds, scoring="roc_auc", random_state=seed).fit(x, y)


def assert_same_fold(result, x, y, train, test, found):
    assert (result.C, result.gamma) == (found.best_params_["C"], found.best_params_["gamma"])
    assert result.inner_auroc == pytest.approx(found.best_score_, abs=1e-9)
    assert result.auroc == pytest.approx(roc_auc_score(y[test], found.decision_function(x[test])), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("separation", [0.0, 1.0, 6.0])
def test_search_selects_the_draw_that_sklearn_selects(seed, separation):
    x, y = cells_and_type(seed, separation=separation)
    result = search(distances_of(x), y, sample_parameters(8, seed))
    found = reference_search(x, y, 8, seed)
    assert result.best_index == found.best_index_
    assert result.inner_auroc == pytest.approx(found.best_score_, abs=1e-9)
    assert 3 <= result.n_fits <= 24


def test_search_takes_the_first_of_draws_that_tie():
    x, y = cells_and_type(0)
    x[:, 0] = y
    parameters = np.repeat(sample_parameters(2, 1), 3, axis=0)
    result = search(distances_of(x), y, parameters)
    assert result.inner_auroc == 1.0
    assert result.best_index == 0
    assert result.n_fits == 3  # nothing can exceed an AUROC of 1: the other draws are not fitted


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("inner_folds", [2, 3, 5])
def test_crossval_equals_sklearn(seed, inner_folds):
    x, y = cells_and_type(seed, n=180, p=4)
    results = crossval_auroc(distances_of(x), y, sample_parameters(5, seed), seed, inner_folds=inner_folds)
    folds = list(StratifiedKFold(3, shuffle=True, random_state=seed).split(x, y))
    assert [r.fold for r in results] == [0, 1, 2]
    for result, (train, test) in zip(results, folds, strict=True):
        found = reference_search(x[train], y[train], 5, seed, inner_folds)
        assert_same_fold(result, x, y, train, test, found)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("n", [100, 101, 102])
def test_inner_folds_are_sklearns_whichever_class_comes_first(first, n):
    x, y = cells_and_type(n, n=n, p=3)
    y[0] = first
    result, found = search(distances_of(x), y, sample_parameters(3, 0)), reference_search(x, y, 3, 0)
    assert result.best_index == found.best_index_
    assert result.inner_auroc == pytest.approx(found.best_score_, abs=1e-9)


def test_crossval_takes_parameters_of_each_fold():
    x, y = cells_and_type(1)
    per_fold = [np.array([[c, 0.3]]) for c in (1.0, 2.0, 3.0)]
    assert [r.C for r in crossval_auroc(distances_of(x), y, per_fold, 0)] == [1.0, 2.0, 3.0]


def test_heldout_equals_sklearn_on_the_same_split():
    x, y = cells_and_type(2, n=200)
    train = np.random.default_rng(0).random(200) < 0.7
    result = heldout_auroc(distances_of(x), y, train, sample_parameters(6, 3))
    assert_same_fold(result, x, y, train, ~train, reference_search(x[train], y[train], 6, 3))


def test_crossval_with_duplicated_cells_equals_sklearn():
    x, y = cells_and_type(3, n=160, p=2)
    x = np.round(x * 2) / 2  # few distinct cells, so many tied scores and curvatures of zero
    for result, (train, test) in zip(
        crossval_auroc(distances_of(x), y, sample_parameters(4, 0), 7),
        StratifiedKFold(3, shuffle=True, random_state=7).split(x, y),
        strict=True,
    ):
        assert_same_fold(result, x, y, train, test, reference_search(x[train], y[train], 4, 0))


def test_shuffled_labels_have_an_auroc_near_one_half():
    x, _ = cells_and_type(4, n=600, separation=0.0)
    y = np.random.default_rng(1).random(600) < 0.4
    results = crossval_auroc(distances_of(x), y, sample_parameters(3, 0), 0)
    assert np.mean([r.auroc for r in results]) == pytest.approx(0.5, abs=0.08)


labels_and_scores = st.lists(
    st.tuples(st.booleans(), st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3))), min_size=2, max_size=80
).filter(lambda pairs: len({label for label, _ in pairs}) == 2)


@settings(max_examples=120, deadline=None)
@given(labels_and_scores)
def test_auroc_equals_sklearn_with_ties_and_lies_in_the_unit_interval(pairs):
    positive, scores = (np.array(column) for column in zip(*pairs, strict=True))
    value = auroc(positive, scores)
    assert value == roc_auc_score(positive, scores)  # to the last bit: a search must break ties as scikit-learn does
    assert 0.0 <= value <= 1.0
    assert auroc(~positive, scores) == pytest.approx(1.0 - value, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 90), st.integers(1, 40), st.integers(0, 10**6))
def test_grid_distances_equal_sklearn_at_every_size(n, p, seed):
    rng = np.random.default_rng(seed)
    x = rng.random((n, p)) * (rng.random((n, p)) < 0.3)
    sizes = grid_sizes(p, [0.1, 0.5, 1.0])
    seen = []
    for k, squared in grid_distances(x, sizes):
        seen.append(k)
        np.testing.assert_allclose(squared, euclidean_distances(x[:, :k], squared=True), rtol=0, atol=1e-12 * p)
        assert (squared >= 0).all()
    assert seen == sizes


def test_grid_sizes_of_the_paper():
    fractions = [k / 100 for k in (*range(1, 10), *range(10, 39, 2), *range(40, 101, 4))]
    sizes = grid_sizes(1838, fractions)
    assert len(sizes) == 40
    assert (sizes[0], sizes[9], sizes[-1]) == (18, 184, 1838)
    assert grid_sizes(30, [0.001, 0.01, 0.02, 1.0]) == [1, 30]


def test_parameters_are_those_of_sklearns_search():
    x, y = cells_and_type(5)
    drawn = reference_search(x, y, 4, 9).cv_results_["params"]
    np.testing.assert_array_equal(sample_parameters(4, 9), [(d["C"], d["gamma"]) for d in drawn])
    assert sample_parameters(400, 0, c_scale=5.0, gamma_scale=2.0).mean(axis=0) == pytest.approx([5.0, 2.0], rel=0.2)


def test_rejects_too_few_cells_naming_the_numbers():
    x, y = cells_and_type(6, n=40)
    few = np.arange(40) < 2
    parameters = sample_parameters(2, 0)
    with pytest.raises(KratosError, match=r"2 cells of the type and 38 others do not allow 3 outer folds"):
        crossval_auroc(distances_of(x), few, parameters, 0)
    with pytest.raises(KratosError, match=r"2 cells of the type and 24 others do not allow 3 inner folds"):
        crossval_auroc(distances_of(x), np.arange(40) < 3, parameters, 0)
    with pytest.raises(KratosError, match=r"40 cells of the type and 0 others"):
        search(distances_of(x), np.ones(40, dtype=bool), parameters)
    with pytest.raises(KratosError, match=r"do not allow 1 inner folds"):
        search(distances_of(x), y, parameters, inner_folds=1)


def test_rejects_a_test_set_of_one_class():
    x, y = cells_and_type(7)
    with pytest.raises(KratosError, match=r"0 of the \d+ test cells are of the type"):
        heldout_auroc(distances_of(x), y, y | (np.arange(150) < 50), sample_parameters(2, 0))


def test_rejects_missing_values():
    x, y = cells_and_type(8, n=30)
    x[3, 2] = np.nan
    with pytest.raises(KratosError, match="1 values that are not finite"):
        next(grid_distances(x, [2]))
    squared = np.zeros((30, 30))
    squared[1, 2] = np.nan
    with pytest.raises(KratosError, match="contain NaN"):
        search(squared, y, sample_parameters(2, 0))


@pytest.mark.parametrize("sizes", [[3, 2], [0, 2], [2, 7], [2, 2]])
def test_rejects_sizes_that_do_not_ascend_within_the_genes(sizes):
    x, _ = cells_and_type(9, n=20)
    with pytest.raises(KratosError, match="must ascend between 1 and the 6 ranked genes"):
        next(grid_distances(x, sizes))


def test_rejects_arguments_that_do_not_fit():
    x, y = cells_and_type(10, n=40)
    squared, parameters = distances_of(x), sample_parameters(2, 0)
    with pytest.raises(KratosError, match=r"\(40, 40\).*\(39,\)"):
        search(squared, y[1:], parameters)
    with pytest.raises(KratosError, match=r"int64"):
        search(squared, y.astype(int), parameters)
    with pytest.raises(KratosError, match="rows of C and gamma, all positive"):
        search(squared, y, -parameters)
    with pytest.raises(KratosError, match="2 sets of SVM parameters for 3 folds"):
        crossval_auroc(squared, y, [parameters, parameters], 0)
    with pytest.raises(KratosError, match="training mask"):
        heldout_auroc(squared, y, np.ones(39, dtype=bool), parameters)
    with pytest.raises(KratosError, match="draws = 0"):
        sample_parameters(0, 0)
    with pytest.raises(KratosError, match=r"1.5 is neither a fraction in \(0, 1\] nor a whole number"):
        grid_sizes(100, [0.5, 1.5])
