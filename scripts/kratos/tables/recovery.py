"""Table 1: causal, dependent and noise genes among each type's best-ranked genes."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from kratos.evaluate.recovery import ROLES, rankings_with_roles, role_counts
from kratos.tables.statistics import interval

NEEDS = "rankings"


def tabulate(rows: pd.DataFrame, titles: Mapping[str, Mapping[str, str]], *, top: int = 20) -> pd.DataFrame:
    """One row per method and cell type, and one for the mean over types: mean counts over seeds, 95 % t-intervals.

    Parameters
    ----------
    rows
        Ranking rows of simulated data sets, columns dataset, method, seed, protocol, cell_type, target, rank, role,
        note; only protocol ``crossval`` is shown.
    titles
        Names to show, by section and name.
    top
        Genes looked at per type (Table 1: 20).

    Returns
    -------
    pandas.DataFrame
        For each role its mean, and ``_low`` and ``_high``. ``seeds`` counts the runs that ranked genes for the type;
        ``not_ranked`` says why others did not. The row ``mean of types`` has the interval of the per-seed means; a
        method that does not depend on the seed has an interval of no width.
    """
    counts = role_counts(rankings_with_roles(rows, "table 'recovery'"), top).reset_index()
    table = []
    for (dataset, method), own in counts.groupby(["dataset", "method"], sort=False):
        place = {"dataset": titles["datasets"][dataset], "method": titles["methods"][method]}
        for cell_type, runs in own.groupby("cell_type", sort=True):
            table.append({**place, "cell_type": cell_type, **_summary(runs)})
        means = own.groupby("seed")[list(ROLES)].mean().assign(note="")
        table.append({**place, "cell_type": "mean of types", **_summary(means)})
    return pd.DataFrame(table)


def _summary(runs: pd.DataFrame) -> dict[str, Any]:
    """Means and intervals over seeds."""
    ranked = runs[ROLES[0]].notna()
    line: dict[str, Any] = {"seeds": int(ranked.sum())}
    for role in ROLES:
        line[role], line[f"{role}_low"], line[f"{role}_high"] = interval(runs.loc[ranked, role])
    reasons = runs.loc[~ranked, "note"].value_counts()
    line["not_ranked"] = "; ".join(f"{count} of {len(runs)} seeds: {note}" for note, count in reasons.items())
    return line
