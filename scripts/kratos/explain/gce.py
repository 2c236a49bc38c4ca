"""Global counterfactual explanations (Plumb et al. 2020): one translation in gene space between each pair of types."""

import itertools
import logging
from collections.abc import Callable, Mapping

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor
from tqdm import tqdm

from kratos.explain.scoring import Explanation, failed
from kratos.models.base import CellModel

log = logging.getLogger(__name__)

# The translations of all types are found together, from the cells of all types.
SCOPE = "model"

Embedding = Callable[[Tensor], Tensor]


def explain(
    model: CellModel,
    x_by_type: Mapping[str, Tensor],
    *,
    seed: int,
    trade_off: float = 0.5,
    learning_rate: float = 0.0005,
    clip: float = 5.0,
    consecutive_steps: int = 10,
    min_steps: int = 2000,
    patience: int = 2000,
    tolerance: float = 0.0001,
    smoothing: float = 0.99,
    max_steps: int = 100000,
    similarity: float = 0.95,
) -> dict[str, Explanation]:
    """Find translations that move the mean of each type onto any other type in the embedding.

    For a pair of types (a, b) the loss is ½ ‖r(mean of a + δ) − mean of r over b‖² + λ · mean |δ|, with
    δ(a → b) = δ_b − δ_a and δ of the first type 0: translations are transitive and symmetric by construction. The
    embedding enters as it is: the steps' size and the weight of λ depend on its unit of length, which the log reports
    as ``embedding_sd`` (root mean square over coordinates of the standard deviation over all cells). The settings are
    the authors', for embeddings whose standard deviation is of the order of 1; a much smaller one needs more steps.

    Parameters
    ----------
    model
        Any model with ``embed``.
    x_by_type
        Prepared cells (n, p) of each type.
    seed
        Order of the pairs.
    trade_off
        λ, weight of the sparsity.
    learning_rate, clip
        Step of the gradient descent, and the largest absolute value of a gradient's component. Where neither type is
        the first, both vectors take half of the step.
    consecutive_steps
        Steps that a drawn pair is kept.
    min_steps, patience, tolerance, smoothing
        After ``min_steps`` the steps end when the loss's exponential moving average has not fallen by ``tolerance``
        for ``patience`` steps; the translations of its best value are kept. Earlier values of the average are not
        looked at: one pair of neighbours drawn first would pass for the best.
    max_steps
        The steps end here at the latest.
    similarity
        ε is the smallest distance within which a cell has another cell of its type, for this share of cells averaged
        over types.

    Returns
    -------
    dict
        For each type an `Explanation`: the score is the mean of |δ(type → other)| over the other types, the effect
        the mean with its sign. Its log has steps, loss, ε, and for each other type the correctness (share of moved
        cells within ε of a cell of the other type) and coverage (share of the other type's cells within ε of a moved
        cell), all in the embedding.
    """
    n_genes = len(model.genes)
    names = [name for name, x in x_by_type.items() if len(x)]
    notes = {name: "no cell of it is assigned to it" for name in x_by_type if name not in names}
    if len(names) < 2:
        notes |= {name: "no other type has cells to move to" for name in names}
        return {name: failed(n_genes, notes[name]) for name in x_by_type}
    cells = [x_by_type[name] for name in names]
    with torch.no_grad():
        embedded = [model.embed(x) for x in cells]
    found = _translations(
        model.embed,
        torch.stack([x.mean(dim=0) for x in cells]),
        torch.stack([z.mean(dim=0) for z in embedded]),
        rng=np.random.default_rng(seed),
        trade_off=trade_off,
        learning_rate=learning_rate,
        clip=clip,
        consecutive_steps=consecutive_steps,
        min_steps=min_steps,
        patience=patience,
        tolerance=tolerance,
        smoothing=smoothing,
        max_steps=max_steps,
    )
    if found is None:
        return {name: failed(n_genes, notes.get(name, "non-finite gradient")) for name in x_by_type}
    deltas, steps, loss = found
    if steps >= max_steps:
        log.warning("gce: stopped at max_steps = %d with the loss still falling (%.4g)", max_steps, loss)
    epsilon, within = within_types(embedded, similarity)
    spread = float(torch.cat(embedded).var(dim=0, unbiased=False).mean().sqrt())
    explanations = {name: failed(n_genes, note) for name, note in notes.items()}
    for a, name in enumerate(names):
        translations = torch.stack([deltas[b] - deltas[a] for b in range(len(names)) if b != a])
        summary: dict[str, float | int | str] = {"cells": len(cells[a]), "steps": steps, "loss": loss}
        summary |= {"embedding_sd": spread, "epsilon": epsilon, "within": within[a]}
        for b, other in enumerate(names):
            if b != a:
                with torch.no_grad():
                    moved = model.embed(cells[a] + deltas[b] - deltas[a])
                summary[f"correctness to {other}"] = share_near(moved, embedded[b], epsilon)
                summary[f"coverage of {other}"] = share_near(embedded[b], moved, epsilon)
        explanations[name] = Explanation(
            score=translations.abs().mean(dim=0).cpu().numpy(),
            effect=translations.mean(dim=0).cpu().numpy(),
            log=summary,
        )
    return {name: explanations[name] for name in x_by_type}


def _translations(
    embed: Embedding,
    means: Tensor,
    targets: Tensor,
    *,
    rng: np.random.Generator,
    trade_off: float,
    learning_rate: float,
    clip: float,
    consecutive_steps: int,
    min_steps: int,
    patience: int,
    tolerance: float,
    smoothing: float,
    max_steps: int,
) -> tuple[Tensor, int, float] | None:
    """Descend; returns δ (K, p) with δ of the first type 0, the number of steps and the loss's moving average.

    None when a gradient stops being finite.
    """
    deltas = torch.zeros_like(means)
    best, best_loss, best_step, average = deltas.clone(), np.inf, min_steps, 0.0
    steps = tqdm(itertools.count(), desc="translations", leave=False, mininterval=5)
    for step in steps:
        if step >= max_steps or step - best_step > patience:
            break
        if step % consecutive_steps == 0:
            a, b = rng.choice(len(means), 2, replace=False)
        delta = (deltas[b] - deltas[a]).requires_grad_(True)
        loss = 0.5 * (embed((means[a] + delta)[None]) - targets[b]).square().sum() + trade_off * delta.abs().mean()
        (gradient,) = torch.autograd.grad(loss, delta)
        if not torch.isfinite(gradient).all():
            return None
        value = float(loss.detach())
        average = value if step == 0 else smoothing * average + (1 - smoothing) * value
        if step >= min_steps and average < best_loss - tolerance:
            best, best_loss, best_step = deltas.clone(), average, step
        change = learning_rate * gradient.clamp(-clip, clip)
        change = change if 0 in (a, b) else change / 2
        if b:
            deltas[b] -= change
        if a:
            deltas[a] += change
    steps.close()
    return (best, step, best_loss) if np.isfinite(best_loss) else (deltas, step, average)


def within_types(embedded: list[Tensor], similarity: float) -> tuple[float, list[float]]:
    """Smallest ε within which a share of cells, averaged over types, has another cell of its type.

    Returns
    -------
    float, list of float
        ε, and the share for each type; NaN and left out of the average for a type of one cell.
    """
    nearest = [KDTree(z.cpu().numpy()).query(z.cpu().numpy(), k=2)[0][:, 1] if len(z) > 1 else None for z in embedded]
    known = [distances for distances in nearest if distances is not None]
    if not known:
        return 0.0, [float("nan")] * len(embedded)
    values = np.concatenate(known)
    weights = np.concatenate([np.full(len(d), 1 / (len(d) * len(known))) for d in known])
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) >= similarity - 1e-12
    epsilon = float(values[order][reached.argmax()])
    return epsilon, [float("nan") if d is None else float((d <= epsilon).mean()) for d in nearest]


def share_near(points: Tensor, others: Tensor, epsilon: float) -> float:
    """Share of ``points`` (n, d) within ``epsilon`` of any of ``others`` (m, d)."""
    return float((KDTree(others.cpu().numpy()).query(points.cpu().numpy())[0] <= epsilon).mean())
