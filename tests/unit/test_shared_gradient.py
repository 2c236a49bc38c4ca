"""The cheap gradient of a shared perturbation is the gradient."""

import numpy as np
import pytest
import torch
from torch import nn

from kratos.explain.shared_gradient import WATCHED, SharedGradient

COLUMNS, OTHERS = [1], [0, 2, 3]


@pytest.fixture(scope="module")
def setting():
    """A small network in float64, 400 cells that it assigns to group 1, and its affine first layer."""
    generator = torch.Generator().manual_seed(0)
    layers = [nn.Linear(30, 12), nn.Linear(12, 8), nn.Linear(8, 4)]
    for layer in layers:
        nn.init.normal_(layer.weight, 0, 0.5, generator=generator)
        nn.init.normal_(layer.bias, 0, 0.1, generator=generator)
        layer.double().requires_grad_(False)
    first, second, third = layers
    first.weight[:, 25:] = 0

    def rest(h):
        return third(nn.functional.leaky_relu(second(nn.functional.leaky_relu(h, 0.2)), 0.2))

    x = torch.randn(6000, 30, generator=generator, dtype=torch.float64)
    x = x[rest(first(x)).argmax(dim=1) == COLUMNS[0]][:400]
    assert len(x) == 400
    return (first.weight, first.bias, rest), x


def margins(scores):
    return scores[:, COLUMNS].amax(dim=1) - scores[:, OTHERS].amax(dim=1)


def by_autograd(setting, delta, margin):
    (weight, bias, rest), x = setting
    delta = delta.clone().requires_grad_(True)
    hinge = (margin + margins(rest((x + delta) @ weight.T + bias))).clamp_min(0).mean()
    return torch.autograd.grad(hinge, delta)[0], hinge.detach()


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_gradient_and_hinge_agree_with_autograd_along_the_whole_path(setting, margin):
    (weight, bias, rest), x = setting
    seen = []

    def counting(h):
        seen.append(len(h))
        return rest(h)

    cheap = SharedGradient((weight, bias, counting), x, margins, margin)
    delta = torch.full((30,), 0.001, dtype=torch.float64)
    for _ in range(600):
        gradient, hinge = cheap(delta)
        expected, expected_hinge = by_autograd(setting, delta, margin)
        np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(hinge, expected_hinge, rtol=1e-9, atol=1e-14)
        delta = delta - 0.001 * (torch.sign(delta) + 100 * gradient)
    assert cheap.missed == 0
    assert cheap.reviews < 300
    assert min(seen) == max(WATCHED, 20)
    assert float(expected_hinge) < 0.1


def test_ignored_genes_have_no_gradient(setting):
    first_layer, x = setting
    gradient, _ = SharedGradient(first_layer, x, margins, 0.0)(torch.zeros(30, dtype=torch.float64))
    assert (gradient[25:] == 0).all()
    assert (gradient[:25] != 0).all()


def test_few_cells_are_all_evaluated(setting):
    first_layer, x = setting
    cheap = SharedGradient(first_layer, x[:5], margins, 0.0)
    delta = torch.full((30,), 0.001, dtype=torch.float64)
    for _ in range(20):
        gradient, _ = cheap(delta)
        expected, _ = by_autograd((first_layer, x[:5]), delta, 0.0)
        np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-14)
        delta = delta - 0.001 * (torch.sign(delta) + 100 * gradient)


def test_a_jump_brings_all_cells_back_into_view(setting):
    first_layer, x = setting
    cheap = SharedGradient(first_layer, x, margins, 0.0)
    delta = torch.full((30,), 0.001, dtype=torch.float64)
    for _ in range(200):
        delta = delta - 0.001 * (torch.sign(delta) + 100 * cheap(delta)[0])
    start = torch.zeros(30, dtype=torch.float64)
    gradient, hinge = cheap(start)
    expected, expected_hinge = by_autograd(setting, start, 0.0)
    np.testing.assert_allclose(gradient, expected, rtol=1e-9)
    np.testing.assert_allclose(hinge, expected_hinge, rtol=1e-9)


def test_no_gradient_where_every_cell_has_left(setting):
    first_layer, x = setting
    gradient, hinge = SharedGradient(first_layer, x, lambda scores: -torch.ones(len(scores)), 0.0)(
        torch.zeros(30).double()
    )
    assert (gradient == 0).all()
    assert float(hinge) == 0.0
