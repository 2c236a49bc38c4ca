"""What all explainers share: the explained output, and the step from cells to one score per gene."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from kratos.models.base import CellModel

Output = Literal["logit", "probability"]
Aggregate = Literal["abs_of_mean", "mean_of_abs", "signed"]


@dataclass
class Explanation:
    """Gene scores of one cell type.

    Attributes
    ----------
    score
        (p,) importance, larger is more important.
    effect
        (p,) signed mean effect, where the method has one.
    log
        What a reader of the log should know, by name.
    note
        Why scores are missing; empty when they are not.
    """

    score: np.ndarray
    effect: np.ndarray
    log: dict[str, float | int | str] = field(default_factory=dict)
    note: str = ""


def transform_of(output: Output) -> Callable[[Tensor], Tensor]:
    """What turns a model's scores (n, G) into the explained output: nothing, or the softmax (Eq. 10)."""
    return (lambda s: torch.softmax(s, dim=1)) if output == "probability" else (lambda s: s)


def type_output(model: CellModel, columns: list[int], output: Output) -> Callable[[Tensor], Tensor]:
    """The function (n, p) → (n,) that is explained for a type: the largest of its groups' outputs."""
    transform = transform_of(output)
    return lambda x: transform(model.scores(x))[:, columns].amax(dim=1)


def aggregate_cells(attributions: np.ndarray, aggregate: Aggregate) -> tuple[np.ndarray, np.ndarray]:
    """Reduce attributions (n, p) to a score (p,) and a signed effect (p,).

    ``abs_of_mean`` is the absolute value of the class's mean (Sec. 4.3 takes the absolute value of a class-level
    quantity); ``mean_of_abs`` averages magnitudes cell by cell; ``signed`` ranks by the mean itself.
    """
    mean = attributions.mean(axis=0)
    score = {
        "abs_of_mean": lambda: np.abs(mean),
        "mean_of_abs": lambda: np.abs(attributions).mean(axis=0),
        "signed": lambda: mean,
    }[aggregate]()
    return score, mean


def failed(n_genes: int, note: str) -> Explanation:
    """An explanation without scores, and why."""
    missing = np.full(n_genes, np.nan)
    return Explanation(score=missing, effect=missing.copy(), note=note)
