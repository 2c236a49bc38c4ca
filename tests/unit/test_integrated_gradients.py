"""Integrated Gradients: weight times expression on a linear model, the right sum of Eq. 9, and its completeness."""

import numpy as np
import pytest
import torch

from kratos.errors import KratosError
from kratos.explain import integrated_gradients
from kratos.models.base import CellModel

WEIGHT = np.array([[0.5, -0.25, 0.125, 0.0], [0.1, 0.1, -0.1, 3.0], [-0.4, 0.3, 0.4, 1.0]])
CELLS = torch.from_numpy(np.random.default_rng(1).uniform(0, 2, (5, 4)))
# Captum keeps α and the step sizes in single precision, also for a model in double precision.
SINGLE = {"rtol": 2e-7, "atol": 1e-7}
FACTOR = torch.tensor([1.0, -2.0, 0.5, 0.0], dtype=torch.float64)


class Quadratic(CellModel):
    """The first score is Σ aⱼ xⱼ², with gradient 2 aⱼ xⱼ and integral xⱼ · aⱼ xⱼ."""

    kind = "quadratic"

    def __init__(self):
        super().__init__(list("abcd"), ["one", "other"])

    def scores(self, x):
        first = (FACTOR * x**2).sum(dim=1)
        return torch.stack([first, torch.zeros_like(first)], dim=1)


def explain(model, x=CELLS, columns=(0,), **parameters):
    return integrated_gradients.explain(model, x, list(columns), seed=0, **parameters)


@pytest.mark.parametrize("rule", ["riemann_right", "riemann_left", "riemann_middle", "gausslegendre"])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_a_linear_model_gives_weight_times_expression_and_is_complete(linear_model, rule, column):
    found = explain(linear_model(WEIGHT, [1.0, 2.0, 3.0]), columns=[column], steps=4, rule=rule)
    np.testing.assert_allclose(found.effect, WEIGHT[column] * CELLS.numpy().mean(axis=0), **SINGLE)
    np.testing.assert_allclose(found.score, np.abs(found.effect), rtol=0)
    assert found.log["completeness_max"] < 1e-6
    assert found.log["completeness_mean"] < 1e-6
    assert found.log["cells"] == 5
    assert found.note == ""


def test_without_the_factor_x_it_is_the_mean_gradient(linear_model):
    found = explain(linear_model(WEIGHT, [1.0, 2.0, 3.0]), times_input=False, steps=4)
    np.testing.assert_allclose(found.effect, WEIGHT[0], **SINGLE)
    # The completeness of the log is that of the attributions times x, whichever is ranked.
    assert found.log["completeness_max"] < 1e-6


@pytest.mark.parametrize("steps", [2, 5, 20])
def test_the_default_is_the_right_sum_of_equation_9(steps):
    """x / m · Σₖ F'(k x / m), k = 1 … m: for F = a x² this is a x² (m + 1) / m."""
    found = explain(Quadratic(), steps=steps)
    x, a = CELLS.numpy(), FACTOR.numpy()
    expected = (x / steps * sum(2 * a * (k * x / steps) for k in range(1, steps + 1))).mean(axis=0)
    np.testing.assert_allclose(found.effect, expected, **SINGLE)
    np.testing.assert_allclose(expected, (a * x**2).mean(axis=0) * (steps + 1) / steps, rtol=1e-12)


@pytest.mark.parametrize("times_input", [True, False])
@pytest.mark.parametrize("steps", [3, 5, 20])
def test_the_inclusive_rule_is_the_mean_over_points_from_0_to_1(fitted_classifier, planted_cells, steps, times_input):
    """What the released code does, here by a loop over the points."""
    x = torch.from_numpy(planted_cells.X[:7]).double()
    found = explain(fitted_classifier, x, columns=[1], steps=steps, rule="inclusive", times_input=times_input)
    gradients = []
    for alpha in np.linspace(0, 1, steps):
        at = (alpha * x).requires_grad_(True)
        gradients.append(torch.autograd.grad(fitted_classifier.scores(at)[:, 1].sum(), at)[0])
    mean = torch.stack(gradients).mean(dim=0)
    expected = (mean * x if times_input else mean).mean(dim=0)
    np.testing.assert_allclose(found.effect, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("steps", [2, 5, 20])
def test_the_completeness_delta_is_the_error_of_the_sum(steps):
    """Each cell's error is Σ a x² / m."""
    found = explain(Quadratic(), steps=steps)
    gaps = np.abs((FACTOR.numpy() * CELLS.numpy() ** 2).sum(axis=1)) / steps
    assert found.log["completeness_mean"] == pytest.approx(gaps.mean(), rel=1e-5)
    assert found.log["completeness_max"] == pytest.approx(gaps.max(), rel=1e-5)


@pytest.mark.parametrize("steps", [0, 1])
def test_too_few_steps_are_named(steps):
    with pytest.raises(KratosError, match="steps"):
        explain(Quadratic(), steps=steps)


def test_gauss_legendre_is_exact_on_a_quadratic():
    found = explain(Quadratic(), steps=4, rule="gausslegendre")
    np.testing.assert_allclose(found.effect, (FACTOR.numpy() * CELLS.numpy() ** 2).mean(axis=0), **SINGLE)
    assert found.log["completeness_max"] < 1e-6


def test_more_steps_are_nearer_to_completeness(fitted_classifier, planted_cells):
    x = torch.from_numpy(planted_cells.X[(planted_cells.obs["cell_type"] == "Beta").to_numpy()]).double()
    gaps = [explain(fitted_classifier, x, columns=[1], steps=m).log["completeness_mean"] for m in (5, 50, 500)]
    assert gaps[0] > gaps[1] > gaps[2]
    scores = fitted_classifier.scores(x)[:, 1] - fitted_classifier.scores(torch.zeros_like(x[:1]))[:, 1]
    assert gaps[2] < 0.01 * float(scores.abs().mean())


def test_many_cells_are_explained_in_parts_with_the_same_result(fitted_classifier, planted_cells, monkeypatch):
    x = torch.from_numpy(planted_cells.X[:30]).double()
    whole = explain(fitted_classifier, x, steps=7)
    monkeypatch.setattr(integrated_gradients, "EXPANDED_VALUES", 7 * 60 * 4)
    parts = explain(fitted_classifier, x, steps=7)
    np.testing.assert_allclose(parts.effect, whole.effect, rtol=1e-12, atol=1e-15)
    assert parts.log == pytest.approx(whole.log)
    monkeypatch.setattr(integrated_gradients, "EXPANDED_VALUES", 1)
    np.testing.assert_allclose(explain(fitted_classifier, x, steps=7).effect, whole.effect, rtol=1e-12, atol=1e-15)


def test_aggregates():
    x = torch.tensor([[1.0, 2.0, -1.0, 1.0], [-3.0, 1.0, 1.0, 0.0]], dtype=torch.float64)
    own = {"times_input": False, "steps": 2}
    # The mean of the gradients 2ax · ½ and 2ax · 1.
    gradient = 1.5 * FACTOR.numpy() * x.numpy()
    for aggregate, expected in (
        ("abs_of_mean", np.abs(gradient.mean(axis=0))),
        ("mean_of_abs", np.abs(gradient).mean(axis=0)),
        ("signed", gradient.mean(axis=0)),
    ):
        np.testing.assert_allclose(explain(Quadratic(), x, aggregate=aggregate, **own).score, expected, **SINGLE)


def test_the_probability_is_complete_as_well(linear_model):
    model = linear_model(WEIGHT, [0.0, 0.0, 0.0])
    found = explain(model, output="probability", steps=200, rule="gausslegendre")
    logits = CELLS.numpy() @ WEIGHT.T
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert found.effect.sum() == pytest.approx((p[:, 0] - 1 / 3).mean(), abs=1e-7)
    assert found.log["completeness_max"] < 1e-7


def test_a_type_of_several_groups_is_explained_by_the_largest(linear_model):
    model = linear_model(np.array([[2.0, 0.0], [0.0, 3.0], [0.0, 0.0]]), [0.0, 0.0, 0.0], ["a", "b"])
    x = torch.tensor([[1.0, 0.1], [0.1, 1.0]], dtype=torch.float64)
    found = explain(model, x, columns=[0, 1], steps=3)
    np.testing.assert_allclose(found.effect, [(2 * 1.0) / 2, (3 * 1.0) / 2], **SINGLE)


def test_a_gene_that_is_not_expressed_has_no_attribution(fitted_classifier, planted_cells):
    x = torch.from_numpy(planted_cells.X[:20]).double()
    x[:, [3, 40]] = 0.0
    found = explain(fitted_classifier, x)
    assert (found.effect[[3, 40]] == 0).all()
    assert (found.effect != 0).sum() > 40


def test_it_is_deterministic(fitted_classifier, planted_cells):
    x = torch.from_numpy(planted_cells.X[:20]).double()
    one, two = (integrated_gradients.explain(fitted_classifier, x, [0], seed=s) for s in (0, 1))
    np.testing.assert_array_equal(one.score, two.score)


def test_a_gradient_that_is_not_finite_is_noted(linear_model):
    weight = WEIGHT.copy()
    weight[0, 2] = np.nan
    found = explain(linear_model(weight, [0.0, 0.0, 0.0]))
    assert found.note == "non-finite gradient"
    assert np.isnan(found.score).all()


def test_planted_markers_have_the_largest_attribution(fitted_classifier, planted_cells, markers):
    x = torch.from_numpy(planted_cells.X[(planted_cells.obs["cell_type"] == "Gamma").to_numpy()]).double()
    found = explain(fitted_classifier, x, columns=[2])
    best = set(planted_cells.var_names[np.argsort(-found.score)[:10]])
    assert len(best & set(markers["Gamma"])) >= 4
