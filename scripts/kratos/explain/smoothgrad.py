"""SmoothGrad (Eq. 8) through Captum."""

from typing import Literal

import torch
from captum.attr import NoiseTunnel, Saliency
from torch import Tensor

from kratos.errors import KratosError
from kratos.explain.scoring import Explanation, aggregate_cells, failed, type_output
from kratos.models.base import CellModel


def explain(
    model: CellModel,
    x: Tensor,
    columns: list[int],
    *,
    seed: int,
    output: Literal["logit", "probability"] = "logit",
    samples: int = 20,
    noise: float = 0.2,
    aggregate: Literal["abs_of_mean", "mean_of_abs", "signed"] = "abs_of_mean",
) -> Explanation:
    """Average a type's output gradient over noisy copies of its cells.

    Parameters
    ----------
    model, x, columns
        The model, the type's prepared cells (n, p) that it classifies correctly, and the type's score columns.
    seed
        Seed of the noise.
    output
        Explain the ``logit`` or the softmax ``probability``.
    samples
        Noisy copies per cell, n of Eq. 8.
    noise
        Standard deviation of the noise in units of the standard deviation of the type's whole input matrix.
    aggregate
        How cells are reduced to one score per gene, see `kratos.explain.scoring.aggregate_cells`.
    """
    if samples < 1 or noise < 0:
        raise KratosError(
            f"smoothgrad: samples is {samples} and noise {noise}, at least 1 and 0 are needed; correct the config"
        )
    explained = NoiseTunnel(Saliency(type_output(model, columns, output)))
    spread = noise * float(x.std(unbiased=False))
    # Captum draws from torch's global generator: fork it, so that the seed decides and nothing leaks out.
    devices = [x.device] if x.is_cuda else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        gradients = explained.attribute(
            x, nt_type="smoothgrad", nt_samples=samples, nt_samples_batch_size=1, stdevs=spread, abs=False
        )
    gradients = gradients.detach().cpu().numpy()
    score, effect = aggregate_cells(gradients, aggregate)
    if not torch.isfinite(torch.from_numpy(score)).all():
        return failed(x.shape[1], "non-finite gradient")
    return Explanation(score=score, effect=effect, log={"cells": len(x), "noise_sd": spread})
