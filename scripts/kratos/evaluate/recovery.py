"""Recovery of simulated genes: how a ranking puts causal, dependent and noise genes in order (Sec. 6.1)."""

from collections.abc import Sequence

import pandas as pd

from kratos.errors import KratosError

ROLES = ("causal", "dependent", "noise")
RUN = ["dataset", "method", "cell_type", "seed"]
"""What identifies one ranking: one type's genes, in one run of one method."""


def rankings_with_roles(rows: pd.DataFrame, what: str) -> pd.DataFrame:
    """One-vs-rest rankings on all cells (protocol ``crossval``, as in the paper), with each gene's role.

    Parameters
    ----------
    rows
        Ranking rows: columns `RUN`, protocol, target, rank, role, note.
    what
        Name of the table or figure, for the message.

    Raises
    ------
    KratosError
        Naming a data set whose genes have no roles, or when no row is left.
    """
    shown = rows[(rows["protocol"] == "crossval") & (rows["target"] == "")]
    if shown.empty:
        raise KratosError(f"{what}: no one-vs-rest ranking of protocol 'crossval': add it to auroc.protocols")
    roles = shown["role"].astype(object) if "role" in shown else pd.Series(None, index=shown.index, dtype=object)
    unknown = ~roles.isin(ROLES)
    if unknown.any():
        dataset = shown.loc[unknown, "dataset"].iloc[0]
        raise KratosError(
            f"{what}: the genes of data set '{dataset}' have no role ({', '.join(ROLES)}): "
            "show simulated data sets only (loaders kratos_simulated and symsim)"
        )
    return shown.assign(role=roles)


def role_counts(rankings: pd.DataFrame, top: int) -> pd.DataFrame:
    """Number of genes of every role among the first `top` of every ranking.

    Parameters
    ----------
    rankings
        From `rankings_with_roles`.
    top
        Genes looked at.

    Returns
    -------
    pandas.DataFrame
        Index `RUN`, columns `ROLES` and ``note``; NaN counts where a method ranked no gene, with its reason.
    """
    runs = rankings.groupby(RUN, sort=False)
    within = rankings[rankings["rank"].between(1, top)]
    counts = within.pivot_table("rank", RUN, "role", aggfunc="count", observed=True)
    counts = counts.reindex(columns=list(ROLES)).fillna(0.0).reindex(runs.size().index)
    return counts.assign(note=runs["note"].first())


def precision_recall(rankings: pd.DataFrame, wanted: Sequence[str]) -> pd.DataFrame:
    """Precision and recall of wanted genes at every rank of every ranking.

    Parameters
    ----------
    rankings
        From `rankings_with_roles`.
    wanted
        Roles that count as found.

    Returns
    -------
    pandas.DataFrame
        Columns `RUN`, rank, hit, precision (hits / rank), recall (hits / all wanted genes); ranked genes only.
    """
    hit = rankings["role"].isin(wanted)
    n_wanted = hit.groupby([rankings[column] for column in RUN]).transform("sum")
    ranked = rankings.assign(hit=hit, n_wanted=n_wanted)[rankings["rank"] > 0].sort_values([*RUN, "rank"])
    found = ranked.groupby(RUN, sort=False)["hit"].cumsum()
    ranked = ranked.assign(precision=found / ranked["rank"], recall=found / ranked["n_wanted"])
    return ranked[[*RUN, "rank", "hit", "precision", "recall"]]


def average_precision(curves: pd.DataFrame) -> pd.Series:
    """Area under the precision-recall steps of every ranking (index `RUN`): Σ (Rₖ - Rₖ₋₁) Pₖ over ranked genes."""
    steps = curves.groupby(RUN, sort=False)["recall"].diff().fillna(curves["recall"])
    return (steps * curves["precision"]).groupby([curves[column] for column in RUN], sort=False).sum()
