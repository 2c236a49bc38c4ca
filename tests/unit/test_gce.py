"""Global counterfactual explanations: translations are transitive, find planted shifts, and are measured rightly."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from kratos.explain import gce
from kratos.models.base import CellModel

GENES = [f"g{j}" for j in range(12)]
SHIFTS = {"a": {}, "b": {1: 2.0, 4: -1.5}, "c": {7: 2.5}, "d": {1: -2.0, 9: 2.0}}


class Linear(CellModel):
    """Embeds cells by a fixed linear map."""

    kind = "linear"

    def __init__(self, weight, cell_types):
        super().__init__([f"g{j}" for j in range(weight.shape[1])], cell_types)
        self.weight = torch.from_numpy(weight)

    def embed(self, x):
        return x @ self.weight.T


@pytest.fixture(scope="module")
def planted():
    """Groups that differ by known shifts of few genes, and a linear embedding that a PCA of the means gives."""
    rng = np.random.default_rng(0)
    cells = {}
    for name, shift in SHIFTS.items():
        cells[name] = rng.normal(0, 0.1, (40, len(GENES)))
        for gene, amount in shift.items():
            cells[name][:, gene] += amount
    truth = np.zeros((len(SHIFTS), len(GENES)))
    for k, shift in enumerate(SHIFTS.values()):
        truth[k, list(shift)] = list(shift.values())
    _, _, directions = np.linalg.svd(truth - truth.mean(axis=0))
    model = Linear(directions[:3], list(SHIFTS))
    tensors = {name: torch.from_numpy(x) for name, x in cells.items()}
    return model, tensors, gce.explain(model, tensors, seed=0, learning_rate=0.02)


def test_the_module_explains_all_types_at_once():
    assert gce.SCOPE == "model"


def test_planted_shifts_are_found(planted):
    _, _, explained = planted
    truth = np.zeros((len(SHIFTS), len(GENES)))
    for k, shift in enumerate(SHIFTS.values()):
        truth[k, list(shift)] = list(shift.values())
    for k, name in enumerate(SHIFTS):
        to_others = np.delete(truth, k, axis=0) - truth[k]
        np.testing.assert_allclose(explained[name].effect, to_others.mean(axis=0), atol=0.15)
        np.testing.assert_allclose(explained[name].score, np.abs(to_others).mean(axis=0), atol=0.15)


def test_exactly_the_shifted_genes_come_first(planted):
    _, _, explained = planted
    shifted = {gene for shift in SHIFTS.values() for gene in shift}
    for name in SHIFTS:
        score = explained[name].score
        assert set(np.argsort(-score)[: len(shifted)]) == shifted
        noise = np.delete(score, sorted(shifted))
        assert noise.max() < 0.1 * score[sorted(shifted)].min()


def test_moved_cells_land_on_the_other_type_as_well_as_the_true_shift_does(planted):
    model, cells, explained = planted
    for name, explanation in explained.items():
        epsilon = explanation.log["epsilon"]
        for other in SHIFTS:
            if other != name:
                shift = torch.zeros(len(GENES), dtype=torch.float64)
                for gene in {*SHIFTS[name], *SHIFTS[other]}:
                    shift[gene] = SHIFTS[other].get(gene, 0.0) - SHIFTS[name].get(gene, 0.0)
                here = model.embed(cells[other]).numpy()
                moved = model.embed(cells[name] + shift).numpy()
                near = cdist(moved, here) <= epsilon
                assert explanation.log[f"correctness to {other}"] == pytest.approx(near.any(axis=1).mean(), abs=0.1)
                assert explanation.log[f"coverage of {other}"] == pytest.approx(near.any(axis=0).mean(), abs=0.1)


def test_translations_are_transitive_and_antisymmetric():
    # Three types: the effect of a type is the mean of its two translations, so all translations follow from effects.
    rng = np.random.default_rng(3)
    model = Linear(rng.normal(size=(2, 5)), ["a", "b", "c"])
    cells = {name: torch.from_numpy(rng.normal(k, 1.0, (9, 5))) for k, name in enumerate("abc")}
    explained = gce.explain(model, cells, seed=1, min_steps=200, patience=100)
    effect = {name: e.effect for name, e in explained.items()}
    np.testing.assert_allclose(effect["a"] + effect["b"] + effect["c"], 0, atol=1e-12)
    # δ(x → y) = (2/3)(effect_x − effect_y): |·| averaged over the others must be the scores.
    for name in "abc":
        magnitudes = [np.abs(effect[name] - effect[other]) * 2 / 3 for other in "abc" if other != name]
        np.testing.assert_allclose(explained[name].score, np.mean(magnitudes, axis=0), atol=1e-12)


def test_two_types_move_to_each_other_by_opposite_translations():
    model = Linear(np.eye(3), ["a", "b"])
    cells = {"a": torch.zeros(5, 3).double(), "b": torch.zeros(5, 3).double() + torch.tensor([0.0, 3.0, 0.0])}
    explained = gce.explain(model, cells, seed=0, learning_rate=0.02)
    np.testing.assert_array_equal(explained["a"].effect, -explained["b"].effect)
    np.testing.assert_array_equal(explained["a"].score, explained["b"].score)
    # The soft threshold: with the identity as embedding the optimum is the shift less λ/p, and zero elsewhere.
    np.testing.assert_allclose(explained["a"].effect, [0, 3 - 0.5 / 3, 0], atol=0.02)


def test_a_seed_gives_the_same_result_twice(planted):
    model, cells, _ = planted
    first, again, other = (gce.explain(model, cells, seed=s, min_steps=50, patience=50) for s in (5, 5, 6))
    for name in SHIFTS:
        np.testing.assert_array_equal(first[name].effect, again[name].effect)
    assert any((first[name].effect != other[name].effect).any() for name in SHIFTS)


def test_the_largest_number_of_steps_is_kept_and_logged(planted, caplog):
    model, cells, _ = planted
    explained = gce.explain(model, cells, seed=0, max_steps=30)
    assert all(e.log["steps"] == 30 for e in explained.values())
    assert "stopped at max_steps = 30" in caplog.text


def test_clipping_bounds_a_step():
    model = Linear(np.eye(2) * 100, ["a", "b"])
    cells = {"a": torch.zeros(3, 2).double(), "b": torch.ones(3, 2).double()}
    explained = gce.explain(model, cells, seed=0, clip=5.0, learning_rate=0.01, max_steps=1)
    # One of the types is the first, whose vector stays 0: the other one takes the whole step.
    np.testing.assert_allclose(explained["a"].effect, 0.05)


def test_types_without_cells_are_noted(planted):
    model, cells, _ = planted
    some = {**cells, "b": cells["b"][:0]}
    explained = gce.explain(model, some, seed=0, max_steps=20)
    assert list(explained) == list(SHIFTS)
    assert explained["b"].note == "no cell of it is assigned to it"
    assert np.isnan(explained["b"].score).all()
    assert np.isfinite(explained["a"].score).all()
    assert not [key for key in explained["a"].log if key.endswith(" b")]


def test_one_type_has_nowhere_to_go(planted):
    model, cells, _ = planted
    explained = gce.explain(model, {"a": cells["a"], "b": cells["b"][:0]}, seed=0)
    assert explained["a"].note == "no other type has cells to move to"
    assert explained["b"].note == "no cell of it is assigned to it"


def test_a_gradient_that_is_not_finite_is_noted(planted):
    _, cells, _ = planted
    broken = Linear(np.full((2, len(GENES)), np.inf), list(SHIFTS))
    broken.embed = lambda x: torch.log(x[:, :2] * 0)
    explained = gce.explain(broken, cells, seed=0)
    assert {e.note for e in explained.values()} == {"non-finite gradient"}


def test_epsilon_is_the_smallest_distance_with_the_wanted_share():
    rng = np.random.default_rng(1)
    groups = [torch.from_numpy(rng.normal(size=(n, 2)) * s) for n, s in ((30, 1.0), (50, 2.0), (1, 1.0))]
    epsilon, within = gce.within_types(groups, 0.9)

    def share(limit):
        shares = []
        for z in groups[:2]:
            distances = cdist(z, z) + np.where(np.eye(len(z)), np.inf, 0)
            shares.append((distances.min(axis=1) <= limit).mean())
        return shares

    np.testing.assert_allclose(within[:2], share(epsilon))
    assert math.isnan(within[2])
    assert np.mean(share(epsilon)) >= 0.9 - 1e-12 > np.mean(share(epsilon - 1e-9)) - 1e-12


def test_share_near_counts_points_with_a_neighbour():
    points = torch.tensor([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]])
    others = torch.tensor([[0.0, 0.5], [1.0, 2.0]])
    assert gce.share_near(points, others, 0.5) == pytest.approx(1 / 3)
    assert gce.share_near(others, points, 2.0) == pytest.approx(1.0)
