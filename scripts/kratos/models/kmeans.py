"""K-means as a layer of a network (Kauffmann et al. 2019), and the cell types that its clusters stand for."""

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

Matching = Literal["majority", "hungarian"]


def neuralised_scores(z: Tensor, centroids: Tensor, beta: float) -> Tensor:
    """Score each cluster by a soft minimum of the squared-distance differences to the other centroids.

    With w = 2 (m_c − m_k) and b = ‖m_k‖² − ‖m_c‖² the difference w · z + b is ‖z − m_k‖² − ‖z − m_c‖², and cluster c's
    score is −(1/β) log Σ_{k ≠ c} exp(−β (w · z + b)). Written with d_c = ‖z − m_c‖² and S = Σ_k exp(−β d_k) this is
    −(1/β) log(S exp(β d_c) − 1). It falls strictly with d_c while S is the same for all clusters, so the largest score
    is the nearest centroid's **whatever β is**; a small β changes the scores, never the assignment. The score is also
    1/β times the log odds of the cluster in a mixture of equal Gaussians with variance 1/(2β).

    Parameters
    ----------
    z
        Embedding (n, d).
    centroids
        Centroids (K, d), K at least 2.
    beta
        Sharpness, above 0, in units of one over a squared distance. The hard minimum is approached from below, within
        log(K − 1)/β.

    Returns
    -------
    torch.Tensor
        Scores (n, K), in units of squared distance.
    """
    # ‖z‖² is common to all clusters: what differs is closeness_c = 2 m_c · z − ‖m_c‖².
    closeness = 2 * z @ centroids.T - centroids.square().sum(dim=1)
    itself = torch.eye(len(centroids), dtype=torch.bool, device=z.device)
    others = closeness[:, None, :].masked_fill(itself, -math.inf)
    return closeness - torch.logsumexp(beta * others, dim=2) / beta


@dataclass
class Match:
    """Clusters and the cell types that they stand for.

    Attributes
    ----------
    group_type
        (K,) index of each cluster's type.
    notes
        One sentence for everything about the matching that a reader should know.
    """

    group_type: list[int]
    notes: list[str] = field(default_factory=list)


def match_clusters(
    clusters: np.ndarray, types: np.ndarray, centroids: np.ndarray, cell_types: list[str], matching: Matching
) -> Match:
    """Give each cluster a cell type.

    Parameters
    ----------
    clusters, types
        (n,) cluster and index of the cell type of each cell.
    centroids
        (K, d); a cluster without cells takes the type of the nearest cluster that has some.
    cell_types
        Names of the types, for the notes.
    matching
        ``majority``: the type that most of a cluster's cells have, the first by name if several do; types may get
        several clusters or none. ``hungarian``: one cluster per type, so that as many cells as possible agree.
    """
    counts = np.zeros((len(centroids), len(cell_types)), dtype=np.int64)
    np.add.at(counts, (clusters, types), 1)
    empty = counts.sum(axis=1) == 0
    if matching == "hungarian":
        chosen = linear_sum_assignment(counts, maximize=True)[1]
        notes = [
            f"cluster {c} is matched to {cell_types[t]} without having a cell of it"
            for c, t in enumerate(chosen)
            if counts[c, t] == 0
        ]
        return Match([int(t) for t in chosen], notes)
    chosen, notes = counts.argmax(axis=1), []
    for c in np.flatnonzero(empty):
        near = ((centroids - centroids[c]) ** 2).sum(axis=1)
        chosen[c] = chosen[np.where(empty, np.inf, near).argmin()]
        notes.append(f"cluster {c} has no cells and takes the type of the nearest one, {cell_types[chosen[c]]}")
    for c in np.flatnonzero(~empty):
        share, best = counts[c].max() / counts[c].sum(), np.flatnonzero(counts[c] == counts[c].max())
        if len(best) > 1:
            tied = " and ".join(cell_types[t] for t in best)
            notes.append(f"cluster {c} has as many cells of {tied}: it is taken for {cell_types[chosen[c]]}")
        elif share <= 0.5:
            notes.append(
                f"cluster {c} has no majority: {share:.0%} of its cells are {cell_types[chosen[c]]}, "
                "the most frequent type"
            )
    for t, name in enumerate(cell_types):
        own = np.flatnonzero(chosen == t)
        if len(own) > 1:
            notes.append(f"clusters {', '.join(map(str, own))} are all {name}")
        elif not len(own):
            notes.append(f"no cluster is {name}")
    return Match([int(t) for t in chosen], notes)
