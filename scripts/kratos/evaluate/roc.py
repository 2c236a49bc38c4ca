"""Area under the ROC curve, rounded as scikit-learn rounds it, without its overhead."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def _roc_areas(scores: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Give the areas of the trapezoids under the ROC curve; cells come sorted by falling score.

    Tied scores make one point of the curve, and points between which the curve keeps its step are dropped, as in
    scikit-learn's `roc_curve`, so that the sum of the areas is rounded as there.
    """
    n = scores.size
    tp, fp = np.zeros(n + 1), np.zeros(n + 1)
    points = 0
    hits = 0.0
    for k in range(n):
        hits += positive[k]
        if k == n - 1 or scores[k] != scores[k + 1]:
            points += 1
            tp[points], fp[points] = hits, k + 1 - hits
    kept = 1
    for k in range(2, points + 1):
        if k == points or fp[k + 1] - fp[k] != fp[k] - fp[k - 1] or tp[k + 1] - tp[k] != tp[k] - tp[k - 1]:
            kept += 1
            tp[kept], fp[kept] = tp[k], fp[k]
    positives, negatives = tp[kept], fp[kept]
    areas = np.empty(kept)
    for k in range(kept):
        width = fp[k + 1] / negatives - fp[k] / negatives
        areas[k] = width * (tp[k + 1] / positives + tp[k] / positives) / 2.0
    return areas


def auroc(positive: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve of `scores` (n,) for the cells `positive` (n,) bool; ties count one half.

    Equal to scikit-learn's `roc_auc_score` to the last bit, without its input checks.
    """
    order = np.argsort(-scores)
    return float(_roc_areas(scores[order], positive[order]).sum())
