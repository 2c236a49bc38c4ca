"""Intervals over seeds and paired tests over cell types: shared by the comparison tables."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats


def interval(values: Sequence[float] | np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Mean and t-interval of values from independent seeds; the interval is NaN for fewer than two values."""
    values = np.asarray(values, dtype=np.float64)
    mean = float(values.mean()) if len(values) else np.nan
    if len(values) < 2:
        return mean, np.nan, np.nan
    half = float(stats.t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half


def signed_rank_p(differences: Sequence[float] | np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed-rank test; NaN when fewer than two differences are not zero."""
    differences = np.asarray(differences, dtype=np.float64)
    if np.count_nonzero(differences) < 2:
        return np.nan
    return float(stats.wilcoxon(differences, zero_method="wilcox").pvalue)


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Holm's step-down adjustment of p-values (m,); NaN stays NaN and is not counted."""
    p = np.asarray(p, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    weights = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(weights * p[order]), 1.0)
    return adjusted


def type_means(rows: pd.DataFrame, fraction: float) -> pd.DataFrame:
    """AUROC at one panel size: mean over folds, per dataset, protocol, method, seed and cell type.

    Each method is taken at the evaluated size that is nearest to `fraction` for the type, so that a method that ranks
    too few genes for it does not drop out silently: its own size is in ``n_genes``.
    """
    evaluated = rows[(rows["note"] == "") & rows["value"].notna()]
    keys = ["dataset", "protocol", "method", "seed", "cell_type"]
    distance = (evaluated["fraction"] - fraction).abs()
    nearest = evaluated[distance <= distance.groupby([evaluated[k] for k in keys]).transform("min") + 1e-12]
    return nearest.groupby([*keys, "n_genes"], as_index=False)["value"].mean()
