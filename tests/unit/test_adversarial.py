"""The perturbation of Algorithm 1 in closed form on a linear model; its short way equals the direct one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kratos.explain import adversarial
from kratos.models import classifier

RNG = np.random.default_rng(3)
# Differences of output weights are at least 0.05 in size, so that λ |g| > 1 for λ = 100.
WEIGHT = np.array([[0.5, -0.3, 0.2, 0.0], [0.1, 0.1, -0.1, 0.0], [-0.4, 0.3, 0.4, 0.0]])
CELLS = torch.from_numpy(RNG.uniform(0, 2, (6, 4)))
FAR = 1e6  # a margin that keeps the hinge of every cell active


@pytest.fixture
def model(linear_model):
    return linear_model(WEIGHT, [0.0, 0.0, 5.0])


def explain(model, x=CELLS, columns=(0,), **parameters):
    return adversarial.explain(model, x, list(columns), seed=0, **parameters)


@pytest.mark.parametrize("delta", ["per_class", "per_cell"])
@pytest.mark.parametrize("iterations", [1, 2, 7, 50])
def test_the_steps_add_up_in_closed_form_while_the_hinge_is_active(model, delta, iterations):
    """From δ = 0: the first step is −ηλg (sgn 0 = 0), each later one −η(sgn δ + λg) with sgn δ = −sgn g."""
    rate, weight = 0.001, 100.0
    found = explain(
        model, start=0.0, learning_rate=rate, trade_off=weight, iterations=iterations, margin=FAR, delta=delta
    )
    # Type 2 has the largest score of the others in every cell, thanks to its bias: g = W₀ − W₂ (Eq. 12).
    g = WEIGHT[0] - WEIGHT[2]
    expected = -iterations * rate * weight * g + (iterations - 1) * rate * np.sign(g)
    np.testing.assert_allclose(found.effect, expected, atol=1e-12)
    np.testing.assert_allclose(found.score, np.abs(expected), atol=1e-12)
    assert found.note == ""


@pytest.mark.parametrize("delta", ["per_class", "per_cell"])
def test_the_signed_score_puts_the_genes_to_lower_first(model, delta):
    found = explain(model, iterations=30, margin=FAR, delta=delta, aggregate="signed")
    np.testing.assert_array_equal(found.score, -found.effect)
    assert np.argmax(found.score) == np.argmax(WEIGHT[0] - WEIGHT[2])
    np.testing.assert_array_equal(found.effect, explain(model, iterations=30, margin=FAR, delta=delta).effect)


def test_one_vs_one_moves_towards_the_target_type_alone(model):
    """Eq. 13: the other output is the target's, although type 2 scores higher."""
    found = explain(model, target=[1], start=0.0, iterations=5, margin=FAR)
    g = WEIGHT[0] - WEIGHT[1]
    np.testing.assert_allclose(found.effect, -5 * 0.1 * g + 4 * 0.001 * np.sign(g), atol=1e-12)


def test_a_gene_without_influence_goes_back_to_zero(model):
    found = explain(model, start=0.001, iterations=3, learning_rate=0.001, margin=FAR)
    assert found.effect[3] == 0.0
    assert found.score[3] == 0.0


def test_the_first_value_is_the_start_in_every_gene(model):
    found = explain(model, start=0.01, iterations=0)
    np.testing.assert_array_equal(found.effect, np.full(4, 0.01))


def test_outside_its_type_a_cell_only_shrinks_the_perturbation(linear_model):
    """No hinge is active, so δ ← δ − η sgn δ."""
    model = linear_model(np.zeros((2, 3)), [-5.0, 5.0])
    found = explain(model, torch.ones((2, 3), dtype=torch.float64), start=0.5, iterations=100, learning_rate=0.001)
    np.testing.assert_allclose(found.effect, np.full(3, 0.5 - 100 * 0.001), atol=1e-12)
    assert found.log["hinge_start"] == 0.0
    assert found.log["hinge_end"] == 0.0


def test_the_hinge_stops_the_movement_at_the_border(linear_model):
    """With one gene and two types the cell is carried to the border and kept there by λ, within a few steps' length."""
    model = linear_model(np.array([[1.0], [-1.0]]), [0.0, 0.0])
    x = torch.full((1, 1), 0.5, dtype=torch.float64)
    found = explain(model, x, start=0.0, learning_rate=0.0001, trade_off=100.0, iterations=2000)
    assert found.effect[0] == pytest.approx(-0.5, abs=0.0001 * 201)
    margin = explain(model, x, start=0.0, learning_rate=0.0001, trade_off=100.0, iterations=2000, margin=0.4)
    assert margin.effect[0] == pytest.approx(-0.7, abs=0.0001 * 201)


def test_the_log_tells_how_many_cells_left_and_the_hinge_before_and_after(model):
    x = CELLS
    found = explain(model, x, columns=[2], start=0.0, iterations=300)
    scores = x.numpy() @ WEIGHT.T + [0, 0, 5]
    hinge = np.maximum(scores[:, 2] - scores[:, :2].max(axis=1), 0).mean()
    assert found.log["cells"] == 6
    assert found.log["hinge_start"] == pytest.approx(hinge, rel=1e-12)
    moved = (x.numpy() + found.effect) @ WEIGHT.T + [0, 0, 5]
    after = moved[:, 2] - moved[:, :2].max(axis=1)
    assert found.log["moved"] == pytest.approx((after < 0).mean())
    assert found.log["hinge_end"] == pytest.approx(np.maximum(after, 0).mean(), abs=1e-9)
    assert found.log["hinge_end"] < 0.2 * hinge


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    start=st.floats(-0.1, 0.1),
    rate=st.floats(1e-4, 1e-1),
    weight=st.floats(0, 200),
    iterations=st.integers(1, 12),
)
def test_every_step_is_that_of_algorithm_1(seed, start, rate, weight, iterations):
    """A plain loop with the mean hinge's gradient written out for a linear model (one-vs-rest, any number of types)."""
    rng = np.random.default_rng(seed)
    w, b, x = rng.normal(size=(4, 5)), rng.normal(size=4), rng.normal(size=(7, 5))
    delta = np.full(5, start)
    for _ in range(iterations):
        scores = (x + delta) @ w.T + b
        others = 1 + scores[:, 1:].argmax(axis=1)
        active = 0.3 + scores[:, 0] - scores[np.arange(7), others] > 0
        g = np.where(active[:, None], w[0] - w[others], 0).mean(axis=0)
        delta = delta - rate * (np.sign(delta) + weight * g)
    found = explain(
        linear(w, b),
        torch.from_numpy(x),
        start=start,
        learning_rate=rate,
        trade_off=weight,
        iterations=iterations,
        margin=0.3,
    )
    np.testing.assert_allclose(found.effect, delta, atol=1e-9)


def linear(weight, bias):
    """Two layers that make a linear model, so that the short way through a first layer is taken as well."""
    n_types, n_genes = weight.shape
    genes = [f"g{j}" for j in range(n_genes)]
    model = classifier.Model(genes, [str(k) for k in range(n_types)], hidden=[2 * n_types], scaling="none").double()
    with torch.no_grad():
        # relu(s) − relu(−s) = s
        model.layers[0].weight.copy_(torch.from_numpy(np.concatenate([weight, -weight])))
        model.layers[0].bias.copy_(torch.from_numpy(np.concatenate([bias, -bias])))
        model.output.weight.copy_(torch.from_numpy(np.hstack([np.eye(n_types), -np.eye(n_types)])))
        model.output.bias.zero_()
    return model.requires_grad_(False)


def cells_of(adata, name):
    return torch.from_numpy(adata.X[(adata.obs["cell_type"] == name).to_numpy()]).double()


@pytest.mark.parametrize("output", ["logit", "probability"])
@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_the_short_way_equals_automatic_differentiation(fitted_classifier, planted_cells, output, margin, monkeypatch):
    x = cells_of(planted_cells, "Alpha")
    settings = {"output": output, "margin": margin, "iterations": 150}
    short = explain(fitted_classifier, x, **settings)
    monkeypatch.setattr(classifier.Model, "first_layer", lambda self: None)
    direct = explain(fitted_classifier, x, **settings)
    np.testing.assert_allclose(short.effect, direct.effect, atol=1e-10, rtol=0)
    assert short.log["hinge_end"] == pytest.approx(direct.log["hinge_end"], abs=1e-10)
    assert short.log["moved"] == direct.log["moved"]


def test_the_short_way_is_right_for_many_cells_too(fitted_classifier, planted_cells, monkeypatch):
    """With many cells some come back to their type when δ shrinks: none may be overlooked."""
    few = cells_of(planted_cells, "Beta")
    rng = np.random.default_rng(0)
    x = torch.cat([few + torch.from_numpy(rng.normal(0, 0.3, tuple(few.shape))) for _ in range(12)])
    x = x[fitted_classifier.scores(x).argmax(dim=1) == 1].detach()
    assert len(x) > 200
    short = explain(fitted_classifier, x, columns=[1], iterations=400)
    monkeypatch.setattr(classifier.Model, "first_layer", lambda self: None)
    direct = explain(fitted_classifier, x, columns=[1], iterations=400)
    np.testing.assert_allclose(short.effect, direct.effect, atol=1e-10, rtol=0)


def test_per_cell_equals_every_cell_alone(fitted_classifier, planted_cells):
    x = cells_of(planted_cells, "Gamma")[:8]
    settings = {"columns": [2], "delta": "per_cell", "start": 0.01, "iterations": 60}
    together = explain(fitted_classifier, x, **settings)
    alone = [explain(fitted_classifier, cell[None], **settings) for cell in x]
    np.testing.assert_allclose(together.effect, np.mean([a.effect for a in alone], axis=0), atol=1e-10)
    np.testing.assert_allclose(together.score, np.mean([a.score for a in alone], axis=0), atol=1e-10)


@pytest.mark.parametrize("delta", ["per_class", "per_cell"])
def test_a_model_fresh_from_training_can_be_explained(fitted_classifier, planted_cells, delta):
    """Its weights ask for gradients: that must neither fail nor fill them."""
    x = cells_of(planted_cells, "Alpha")[:5]
    expected = explain(fitted_classifier, x, delta=delta, iterations=10)
    fitted_classifier.requires_grad_(True)
    found = explain(fitted_classifier, x, delta=delta, iterations=10)
    np.testing.assert_array_equal(found.effect, expected.effect)
    assert all(weight.grad is None for weight in fitted_classifier.parameters())


def test_one_cell_per_class_and_per_cell_agree(fitted_classifier, planted_cells):
    x = cells_of(planted_cells, "Alpha")[:1]
    one, other = (explain(fitted_classifier, x, delta=d, iterations=80) for d in ("per_class", "per_cell"))
    np.testing.assert_allclose(one.effect, other.effect, atol=1e-10)


def test_probabilities_are_the_softmax_of_the_logits(model):
    """One step with λ = 1 and δ = 0 is −ηg: g must be the finite difference of the probability's margin."""

    def margin(delta):
        logits = (CELLS.numpy() + delta) @ WEIGHT.T + [0, 0, 5]
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return (10 + p[:, 0] - p[:, 1:].max(axis=1)).mean()

    eye = 1e-6 * np.eye(4)
    slope = np.array([(margin(e) - margin(-e)) / 2e-6 for e in eye])
    settings = {"start": 0.0, "iterations": 1, "learning_rate": 1.0, "trade_off": 1.0, "margin": 10.0}
    found = explain(model, output="probability", **settings)
    np.testing.assert_allclose(found.effect, -slope, atol=1e-8)
    logit = explain(model, output="logit", **settings)
    np.testing.assert_allclose(logit.effect, WEIGHT[2] - WEIGHT[0], atol=1e-12)


def test_a_type_of_several_groups_is_left_only_for_another_type(linear_model):
    """Groups 0 and 1 stand for the type: the largest of their outputs is what another type must exceed."""
    weight = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    model = linear_model(weight, [0.0, 0.0, 0.0])
    x = torch.tensor([[3.0, 1.0, 0.0]], dtype=torch.float64)
    found = explain(model, x, columns=[0, 1], start=0.0, iterations=1, margin=FAR, learning_rate=0.01)
    np.testing.assert_allclose(found.effect, [-1.0, 0.0, 1.0], atol=1e-12)


def test_with_no_other_group_there_is_nowhere_to_move(linear_model):
    found = explain(linear_model(WEIGHT[:1], [0.0]))
    assert found.note == "no other group to move to"
    assert np.isnan(found.score).all()
    assert np.isnan(found.effect).all()
    assert found.score.shape == (4,)


@pytest.mark.parametrize("delta", ["per_class", "per_cell"])
def test_a_gradient_that_is_not_finite_is_noted(linear_model, delta):
    weight = WEIGHT.copy()
    weight[1, 2] = np.nan
    found = explain(linear_model(weight, [0.0, 0.0, 0.0]), delta=delta)
    assert found.note == "non-finite gradient at iteration 1"
    assert np.isnan(found.score).all()


def test_a_perturbation_that_runs_away_is_noted(model):
    found = explain(model, learning_rate=1e308, trade_off=1e3, iterations=20, margin=FAR)
    assert "non-finite" in found.note
    assert np.isnan(found.score).all()


def test_it_is_deterministic(fitted_classifier, planted_cells):
    x = cells_of(planted_cells, "Alpha")
    one, two = (adversarial.explain(fitted_classifier, x, [0], seed=s, iterations=40) for s in (0, 1))
    np.testing.assert_array_equal(one.score, two.score)


def test_planted_markers_have_the_largest_perturbation(fitted_classifier, planted_cells, markers):
    found = explain(fitted_classifier, cells_of(planted_cells, "Alpha"), iterations=300)
    best = set(planted_cells.var_names[np.argsort(-found.score)[:10]])
    assert len(best & set(markers["Alpha"])) >= 4
