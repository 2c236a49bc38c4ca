"""Paired differences between methods at one panel size: the paper's AUROC gains, with intervals and tests."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from kratos.tables.statistics import holm, interval, signed_rank_p, type_means

NEEDS = "auroc"


def tabulate(
    rows: pd.DataFrame,
    titles: Mapping[str, Mapping[str, str]],
    *,
    panels: list[list[str]],
    fraction: float = 0.01,
) -> pd.DataFrame:
    """One row per protocol and pair of methods.

    Parameters
    ----------
    rows
        AUROC rows with dataset, method and seed.
    titles
        Names to show, by section and name.
    panels
        Pairs (method, baseline).
    fraction
        Panel size as a fraction of all genes.

    Returns
    -------
    pandas.DataFrame
        ``gain``: mean difference of AUROC in percentage points, ``relative_gain``: in percent of the baseline, both
        with 95 % t-intervals over seeds; ``wins``: cell types in which the method is better on average over seeds;
        ``p``: two-sided Wilcoxon signed-rank test over the cell types' mean differences, ``p_holm`` adjusted over all
        rows of a protocol. With few types p cannot be small: for six types its least value is 0.031.
    """
    means = type_means(rows, fraction)
    lines = []
    for (dataset, protocol), own in means.groupby(["dataset", "protocol"], sort=False):
        wide = own.pivot_table(index=["seed", "cell_type"], columns="method", values="value")
        block = [_line(dataset, protocol, wide, method, baseline, titles) for method, baseline in panels]
        for line, adjusted in zip(block, holm([line["p"] for line in block]), strict=True):
            line["p_holm"] = adjusted
        lines += block
    return pd.DataFrame(lines)


def _line(
    dataset: str,
    protocol: str,
    wide: pd.DataFrame,
    method: str,
    baseline: str,
    titles: Mapping[str, Mapping[str, str]],
) -> dict[str, object]:
    pair = wide[[method, baseline]].dropna()
    by_seed = pair.groupby("seed").mean()
    difference = (pair[method] - pair[baseline]).groupby("cell_type").mean()
    gain, low, high = interval(100 * (by_seed[method] - by_seed[baseline]).to_numpy())
    relative, relative_low, relative_high = interval(100 * (by_seed[method] / by_seed[baseline] - 1).to_numpy())
    return {
        "dataset": titles["datasets"][dataset],
        "protocol": protocol,
        "method": titles["methods"][method],
        "baseline": titles["methods"][baseline],
        "seeds": len(by_seed),
        "gain": gain,
        "gain_low": low,
        "gain_high": high,
        "relative_gain": relative,
        "relative_low": relative_low,
        "relative_high": relative_high,
        "types": len(difference),
        "wins": int(np.sum(difference > 0)),
        "p": signed_rank_p(difference.to_numpy()),
    }
