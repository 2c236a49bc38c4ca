"""The solver takes LIBSVM's path: same iterations, dual variables and decision values as scikit-learn's SVC."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.svm import SVC

from kratos.evaluate.kernel import add_squared_differences, decisions_outside, decisions_within, new_kernel, radial_row
from kratos.evaluate.smo import solve
from kratos.evaluate.working_set import new_buffers


def squared_distances(x):
    squared = np.zeros((len(x), len(x)))
    add_squared_differences(np.ascontiguousarray(x.T), squared)
    return squared


def fit(x, y, c, gamma):
    """Fit the project's solver on all rows of x; give it beside scikit-learn's fit on the same kernel values."""
    squared = squared_distances(x)
    cells = np.concatenate([np.flatnonzero(~y), np.flatnonzero(y)])
    n = cells.size
    kernel = new_kernel(squared, cells, (np.empty((n, n)), np.empty((n, n))))
    buffers = new_buffers(n)
    weights = n / (2 * (~y).sum()), n / (2 * y.sum())
    runs = np.array([[0, 0, n]])
    train = np.arange(n)
    iterations, rho = solve(buffers, kernel, gamma, 1, train, runs, int((~y).sum()), (c * weights[0], c * weights[1]))
    dual = buffers.alpha[:n] * buffers.sign[:n]
    values = np.empty_like(squared)
    for row, out in zip(squared, values, strict=True):
        radial_row(row, gamma, out)
    reference = SVC(C=c, kernel="precomputed", class_weight="balanced").fit(values, y)
    expected = np.zeros(n)
    expected[reference.support_] = -reference.dual_coef_[0]
    return (kernel, iterations, dual, rho), (reference, values, expected[cells])


def assert_same_solution(x, y, c, gamma):
    (kernel, iterations, dual, rho), (reference, values, expected) = fit(x, y, c, gamma)
    assert iterations == reference.n_iter_[0]
    np.testing.assert_array_equal(np.flatnonzero(dual), np.flatnonzero(expected))
    np.testing.assert_allclose(dual, expected, rtol=0, atol=1e-10 * c)
    decisions = decisions_outside(kernel, dual, gamma, np.arange(len(x))) - rho
    scale = 1 + np.abs(dual).sum()
    np.testing.assert_allclose(-decisions, reference.decision_function(values), rtol=0, atol=1e-12 * scale)
    return iterations, dual


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("c", "gamma"), [(1.0, 0.1), (80.0, 0.05), (300.0, 0.5)])
def test_solution_equals_libsvm_on_random_problems(seed, c, gamma):
    rng = np.random.default_rng(seed)
    n, p = rng.integers(20, 300), rng.integers(1, 30)
    x = rng.normal(size=(n, p))
    y = x[:, 0] + rng.normal(size=n) > rng.normal()
    y[:2] = True, False
    assert_same_solution(x, y, c, gamma)


def test_solution_equals_libsvm_with_duplicated_cells():
    rng = np.random.default_rng(1)
    x = np.repeat(rng.integers(0, 2, size=(60, 4)).astype(float), 4, axis=0)
    y = rng.random(len(x)) < 0.4
    assert_same_solution(x, y, 50.0, 0.2)


def test_solution_equals_libsvm_with_strong_imbalance():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(700, 5))
    y = np.zeros(700, dtype=bool)
    y[rng.choice(700, 4, replace=False)] = True
    assert_same_solution(x, y, 100.0, 0.1)


@pytest.mark.parametrize(("c", "gamma", "least"), [(10.0, 0.02, 1001), (500.0, 0.05, 2200), (2000.0, 0.3, 8000)])
def test_solution_equals_libsvm_where_cells_are_shrunk_and_brought_back(c, gamma, least):
    rng = np.random.default_rng(3)
    x = rng.random((1100, 4))
    y = x[:, 0] + 0.6 * rng.normal(size=1100) > 0.7
    iterations, _ = assert_same_solution(x, y, c, gamma)
    assert iterations > least  # the first shrink is after 1001 iterations


def test_solution_equals_libsvm_where_every_cell_is_bounded():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(200, 3))
    y = np.arange(200) % 2 == 0
    _, dual = assert_same_solution(x, y, 1e-3, 0.1)
    np.testing.assert_array_equal(np.abs(dual), np.full(200, 1e-3))


def test_folds_of_one_kernel_do_not_disturb_each_other():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(150, 3))
    y = np.arange(150) >= 90
    kernel = new_kernel(squared_distances(x), np.arange(150), (np.empty((150, 150)), np.empty((150, 150))))
    buffers = new_buffers(150)
    for width, gamma in enumerate((0.1, 0.7)):
        for start in range(3):
            train = np.flatnonzero(np.arange(150) % 3 != start)
            test = np.flatnonzero(np.arange(150) % 3 == start)
            runs = np.column_stack([np.arange(100), train, np.ones(100, dtype=int)])
            reference = SVC(C=20.0, gamma=gamma).fit(x[train], y[train])
            iterations, rho = solve(buffers, kernel, gamma, width, train, runs, 60, (20.0, 20.0))
            weights = buffers.alpha[:100] * buffers.sign[:100]
            decisions = decisions_within(kernel, train, weights, test) - rho
            assert iterations == reference.n_iter_[0]
            np.testing.assert_allclose(-decisions, reference.decision_function(x[test]), rtol=0, atol=1e-10)


def test_kernel_values_are_within_one_unit_in_the_last_place():
    rng = np.random.default_rng(6)
    x = np.concatenate([rng.uniform(0, 5, 1500), rng.uniform(0, 700, 500), [0.0, 1e-300, 1e-16, 0.5 * np.log(2)]])
    out = np.empty_like(x)
    radial_row(x, 1.0, out)
    with localcontext() as context:
        context.prec = 40
        for value, result in zip(x, out, strict=True):
            exact = (-Decimal(float(value))).exp()
            assert abs(Decimal(float(result)) - exact) <= Decimal(float(np.spacing(result)))
    assert out[-4] == 1.0


def test_kernel_values_vanish_for_cells_too_far_apart():
    out = np.empty(2)
    radial_row(np.array([709.0, 1e9]), 1.0, out)
    assert (out < 4e-308).all()
    assert (out >= 0).all()


@pytest.mark.parametrize(("n", "genes"), [(1, 1), (5, 3), (64, 64), (130, 7), (131, 150)])
def test_distances_add_up_gene_by_gene(n, genes):
    x = np.random.default_rng(n).random((n, genes))
    squared = np.zeros((n, n))
    for block in np.array_split(np.arange(genes), 3):
        add_squared_differences(np.ascontiguousarray(x[:, block].T), squared)
    np.testing.assert_allclose(squared, euclidean_distances(x, squared=True), rtol=0, atol=1e-12 * genes)
    np.testing.assert_array_equal(squared, squared.T)
    np.testing.assert_array_equal(np.diag(squared), 0)


def test_duplicated_cells_have_the_same_distances_to_the_last_bit():
    x = np.random.default_rng(7).random((100, 90))
    squared = squared_distances(np.concatenate([x, x]))
    np.testing.assert_array_equal(squared[:100, :100], squared[100:, 100:])
    np.testing.assert_array_equal(squared[:100, :100], squared[:100, 100:])
