"""Integrated Gradients (Eq. 9) through Captum."""

from typing import Literal

import numpy as np
import torch
from captum.attr import IntegratedGradients, Saliency
from torch import Tensor

from kratos.errors import KratosError
from kratos.explain.scoring import Explanation, Output, aggregate_cells, failed, type_output
from kratos.models.base import CellModel

# Captum expands the input once per step: this bounds the expanded matrix (values).
EXPANDED_VALUES = 2**23


def explain(
    model: CellModel,
    x: Tensor,
    columns: list[int],
    *,
    seed: int,
    output: Literal["logit", "probability"] = "logit",
    steps: int = 20,
    rule: Literal["riemann_right", "riemann_left", "riemann_middle", "gausslegendre", "inclusive"] = "riemann_right",
    times_input: bool = True,
    aggregate: Literal["abs_of_mean", "mean_of_abs", "signed"] = "abs_of_mean",
) -> Explanation:
    """Integrate a type's output gradient from a baseline of zero expression to each cell.

    Parameters
    ----------
    model, x, columns
        The model, the type's prepared cells (n, p) that it classifies correctly, and the type's score columns.
    seed
        Not used: the method is deterministic.
    output
        Explain the ``logit`` or the softmax ``probability``.
    steps, rule
        m of Eq. 9 (at least 2), and the quadrature; Eq. 9's k = 1 … m is ``riemann_right``, ``inclusive`` (released
        code) the mean over m points from 0 to 1. Captum's trapezoid is not offered: its weights do not add up to 1.
    times_input
        Multiply by (x − baseline) as Eq. 9 does; the released code does not.
    aggregate
        How cells are reduced to one score per gene, see `kratos.explain.scoring.aggregate_cells`.

    Returns
    -------
    Explanation
        Its log has the completeness delta: the mean and largest absolute difference between a cell's summed
        attributions and F(x) − F(0), which would be zero for an exact integral.
    """
    least = 3 if rule == "inclusive" else 2
    if steps < least:
        raise KratosError(
            f"integrated_gradients: steps is {steps}, and at least {least} are needed; correct it in the config"
        )
    function = type_output(model, columns, output)
    integrated = IntegratedGradients(function, multiply_by_inputs=times_input)
    chunk = max(1, EXPANDED_VALUES // (steps * x.shape[1]))
    parts, deltas = [], []
    for cells in x.split(chunk):
        if rule == "inclusive":
            at_baseline = Saliency(function).attribute(torch.zeros_like(cells[:1], requires_grad=True), abs=False)
            path = integrated.attribute(cells, baselines=0.0, n_steps=steps - 1, method="riemann_right")
            attributions = ((steps - 1) * path + at_baseline * (cells if times_input else 1.0)) / steps
        else:
            attributions = integrated.attribute(cells, baselines=0.0, n_steps=steps, method=rule)
        parts.append(attributions.detach().cpu().numpy())
        summed = attributions if times_input else attributions * cells
        deltas.append(_completeness(model, cells, summed.detach(), columns, output))
    score, effect = aggregate_cells(np.concatenate(parts), aggregate)
    if not np.isfinite(score).all():
        return failed(x.shape[1], "non-finite gradient")
    gaps = np.abs(np.concatenate(deltas))
    log = {"cells": len(x), "completeness_mean": float(gaps.mean()), "completeness_max": float(gaps.max())}
    return Explanation(score=score, effect=effect, log=log)


@torch.no_grad()
def _completeness(model: CellModel, x: Tensor, summed: Tensor, columns: list[int], output: Output) -> np.ndarray:
    function = type_output(model, columns, output)
    gap = summed.sum(dim=1) - (function(x) - function(torch.zeros_like(x[:1])))
    return gap.cpu().numpy()
