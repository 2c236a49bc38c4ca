"""The deviation ledger's arithmetic: both sides of every switch, and their paired difference over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kratos.evaluate.recovery import ROLES, rankings_with_roles, role_counts
from kratos.tables.statistics import interval, type_means

MEASURED = ["dataset", "subject", "metric", "seed", "value"]
COLUMNS = [
    "deviation",
    "point",
    "paper",
    "code",
    "switch",
    "dataset",
    "subject",
    "metric",
    "paper_value",
    "other_value",
    "difference",
    "low",
    "high",
    "beyond_chance",
    "seeds",
    "published",
    "nearer",
    "note",
]


def measured(rows: Mapping[str, pd.DataFrame], *, fraction: float, words: str, top: int) -> pd.DataFrame:
    """One value per data set, model or method, metric and seed.

    Parameters
    ----------
    rows
        Evaluation rows by what is shown: clustering, auroc, redundancy, recovery (ranking rows).
    fraction, words
        Panel size as a fraction of all genes, and how metrics name it.
    top
        Genes looked at for recovery.

    Returns
    -------
    pandas.DataFrame
        Columns `MEASURED`; AUROC, redundancy and recovery are means over cell types.
    """
    frames = []
    keys = ["dataset", "method", "seed"]
    if "clustering" in rows:
        own = rows["clustering"].rename(columns={"model": "subject"})
        frames.append(own.assign(metric=own["metric"] + ", " + own["cells"] + " cells")[MEASURED])
    if "auroc" in rows:
        means = type_means(rows["auroc"], fraction).groupby([*keys, "protocol"], as_index=False)["value"].mean()
        frames.append(means.assign(metric=f"AUROC {words}, " + means["protocol"], subject=means["method"])[MEASURED])
    if "redundancy" in rows:
        means = type_means(rows["redundancy"].assign(protocol=""), fraction)
        means = means.groupby(keys, as_index=False)["value"].mean()
        frames.append(means.assign(metric=f"redundancy {words}", subject=means["method"])[MEASURED])
    if "recovery" in rows:
        counts = role_counts(rankings_with_roles(rows["recovery"], "the deviation ledger"), top)
        long = counts.groupby(keys)[list(ROLES)].mean().reset_index().melt(keys, var_name="role")
        frames.append(long.assign(metric=long["role"] + f" genes in the top {top}", subject=long["method"])[MEASURED])
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=MEASURED)


def ledger(values: pd.DataFrame, lines: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per deviation and metric, or per deviation when it has no numbers.

    Parameters
    ----------
    values
        From `measured`.
    lines
        From `kratos.deviations.ledger_plan`.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`: ``paper_value`` and ``other_value`` are means over the seeds that both sides have,
        ``difference`` is other minus paper with a 95 % t-interval over the seeds' differences, ``beyond_chance``
        whether that interval leaves out 0. ``nearer`` says whose mean is nearer to the published number: paper, code
        (the other side) or both.
    """
    by_seed = values.pivot_table("value", ["dataset", "subject", "metric"], "seed")
    table = []
    for line in lines:
        words = {key: line[key] for key in COLUMNS if key in line and key != "published"}
        for subject, title, metric, *names in line["shown"]:
            keys = [(dataset, subject, name) for dataset, name in zip(line["sides"], names, strict=True)]
            paper, other = by_seed.reindex(keys).to_numpy()
            published = line["published"].get(subject, {}).get(metric, np.nan)
            table.append({**words, "subject": title, "metric": metric, **_compared(paper, other, published)})
        if not line["shown"]:
            table.append(words)
    return pd.DataFrame(table).reindex(columns=COLUMNS)


def _compared(paper: np.ndarray, other: np.ndarray, published: float) -> dict[str, Any]:
    """The numbers of one row; `paper` and `other` hold a value per seed, NaN where there is none."""
    both = np.isfinite(paper) & np.isfinite(other)
    difference, low, high = interval((other - paper)[both])
    means = [side[both].mean() if both.any() else np.nan for side in (paper, other)]
    gaps = np.abs(np.array(means) - published)
    nearer = "" if np.isnan(gaps).any() else "both" if gaps[0] == gaps[1] else ("paper", "code")[int(gaps.argmin())]
    return {
        "paper_value": means[0],
        "other_value": means[1],
        "difference": difference,
        "low": low,
        "high": high,
        "beyond_chance": "" if np.isnan(low) else "yes" if low > 0 or high < 0 else "no",
        "seeds": int(both.sum()),
        "published": published,
        "nearer": nearer,
    }
