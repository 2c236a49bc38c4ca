"""Adversarial perturbation (Algorithm 1): the smallest sparse change of expression that moves cells to another type."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from tqdm import trange

from kratos.explain.scoring import Explanation, failed, transform_of
from kratos.explain.shared_gradient import SharedGradient
from kratos.models.base import CellModel


def explain(
    model: CellModel,
    x: Tensor,
    columns: list[int],
    *,
    seed: int,
    target: list[int] | None = None,
    output: Literal["logit", "probability"] = "logit",
    delta: Literal["per_class", "per_cell"] = "per_class",
    start: float = 0.001,
    trade_off: float = 100.0,
    learning_rate: float = 0.001,
    iterations: int = 500,
    margin: float = 0.0,
    maximum_cells: int = 0,
    aggregate: Literal["absolute", "signed"] = "absolute",
) -> Explanation:
    """Minimise ‖δ‖₁ + λ · max(0, α + aᵢ(x + δ) − max over the others aⱼ(x + δ)), Eq. 12, or Eq. 13 with a target.

    Parameters
    ----------
    model
        Any model with ``scores``; where it has a ``first_layer``, a shared δ costs no product over cells × genes.
    x
        Prepared cells of one type (n, p), correctly classified.
    columns
        Score columns of that type's groups.
    seed
        Draws the cells when there are more than ``maximum_cells``; otherwise the method is deterministic.
    target
        Score columns of the type to move to (one-vs-one, Eq. 13); None is one-vs-rest (Eq. 12).
    output
        aᵢ is the ``logit`` (Introduction) or the softmax ``probability`` (Eq. 10).
    delta
        ``per_class``: one δ (p,) shared by the cells, the hinge averaged over them (Algorithm 1); ``per_cell``: one δ
        for each cell (released code).
    start
        δ's first value, in units of the prepared input (paper 0.001; released code 0.01).
    trade_off, margin
        λ and α of Eq. 12.
    learning_rate, iterations
        Step and number of the updates δ ← δ − learning_rate · (sgn δ + λ g).
    maximum_cells
        Use a random sample of this many of the type's cells, for very large types; 0 uses all (the paper).
    aggregate
        ``absolute`` scores a gene by abs δ (Sec. 4.3); ``signed`` by -δ, so that the genes to lower come first
        (released code without its flag ``use_abs``).

    Returns
    -------
    Explanation
        ``score`` is averaged over cells when there is a δ for each. Its log says how many cells left their
        type, the hinge at the start and the end, and how many cells `SharedGradient` left out by mistake.
    """
    others = [g for g in range(model.scores(x[:1]).shape[1]) if g not in columns] if target is None else list(target)
    if not others:
        return failed(x.shape[1], "no other group to move to")
    if 0 < maximum_cells < len(x):
        x = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:maximum_cells].sort().values]
    transform = transform_of(output)
    own, rest = (torch.tensor(c, device=x.device) for c in (columns, others))

    def margins(scores: Tensor) -> Tensor:
        outputs = transform(scores)
        return outputs.index_select(1, own).amax(dim=1) - outputs.index_select(1, rest).amax(dim=1)

    first_layer = model.first_layer() if delta == "per_class" else None
    gradient: Gradient
    if first_layer is None:
        gradient = _direct_gradient(model, x, margins, margin, per_cell=delta == "per_cell")
    else:
        gradient = SharedGradient(first_layer, x, margins, margin)
    shape = (x.shape[1],) if delta == "per_class" else tuple(x.shape)
    perturbation = torch.full(shape, start, dtype=x.dtype, device=x.device)
    hinge_at_start = None
    for iteration in trange(iterations, desc="perturbation", leave=False, mininterval=5):
        g, hinge = gradient(perturbation)
        if hinge_at_start is None:
            hinge_at_start = float(hinge)
        if not torch.isfinite(g).all():
            return failed(x.shape[1], f"non-finite gradient at iteration {iteration + 1}")
        perturbation = perturbation - learning_rate * (torch.sign(perturbation) + trade_off * g)
    with torch.no_grad():
        left = margins(model.scores(x + perturbation)) < 0
    cells = perturbation if delta == "per_cell" else perturbation[None, :]
    return Explanation(
        score=(cells.abs() if aggregate == "absolute" else -cells).mean(dim=0).cpu().numpy(),
        effect=cells.mean(dim=0).cpu().numpy(),
        log={
            "cells": len(x),
            "moved": float(left.double().mean()),
            "hinge_start": hinge_at_start or 0.0,
            "hinge_end": float(gradient(perturbation)[1]),
            "missed": getattr(gradient, "missed", 0),
        },
    )


Gradient = Callable[[Tensor], tuple[Tensor, Tensor]]


def _direct_gradient(
    model: CellModel, x: Tensor, margins: Callable[[Tensor], Tensor], margin: float, per_cell: bool
) -> Gradient:
    """The gradient by automatic differentiation over all cells and genes."""

    def gradient(perturbation: Tensor) -> tuple[Tensor, Tensor]:
        delta = perturbation.detach().requires_grad_(True)
        hinges = (margin + margins(model.scores(x + delta))).clamp_min(0)
        # Each cell's δ enters its own hinge only, so the sum gives every cell its own gradient.
        (g,) = torch.autograd.grad(hinges.sum() if per_cell else hinges.mean(), delta)
        return g, hinges.detach().mean()

    return gradient
