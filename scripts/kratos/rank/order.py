"""From scores to ranks: the one place that decides how genes are put in order."""

import numpy as np
import pandas as pd

RANKING_COLUMNS = ["cell_type", "target", "gene", "score", "effect", "rank", "n_cells", "note"]


def ranking_rows(
    genes: pd.Index | list[str],
    cell_type: str,
    score: np.ndarray,
    *,
    effect: np.ndarray | None = None,
    target: str = "",
    n_cells: int = 0,
    note: str = "",
) -> pd.DataFrame:
    """Tidy rows of one type's ranking.

    Parameters
    ----------
    genes
        The p gene names.
    cell_type
        The type that they are ranked for.
    score
        (p,) importance; NaN where the method gives none.
    effect
        (p,) signed effect; NaN where there is none.
    target
        The other type of a one-vs-one ranking.
    n_cells
        Cells that the scores come from.
    note
        Why scores are missing.

    Returns
    -------
    pandas.DataFrame
        One row per gene, best first, columns `RANKING_COLUMNS`. Ranks are 1 … number of scored genes; genes without a
        score come last and have rank 0. Ties keep the order of `genes`, so that a ranking never depends on chance.
    """
    score = np.asarray(score, dtype=np.float64)
    order = np.argsort(np.where(np.isnan(score), np.inf, -score), kind="stable")
    rank = np.arange(1, len(score) + 1)
    rank[np.isnan(score[order])] = 0
    return pd.DataFrame(
        {
            "cell_type": cell_type,
            "target": target,
            "gene": np.asarray(genes, dtype=object)[order],
            "score": score[order],
            "effect": (np.full(len(score), np.nan) if effect is None else np.asarray(effect, dtype=np.float64))[order],
            "rank": rank.astype(np.int32),
            "n_cells": np.int32(n_cells),
            "note": note,
        }
    )


def ranked_genes(ranking: pd.DataFrame, cell_type: str) -> list[str]:
    """Genes of one type's one-vs-rest ranking in order, those without a rank left out."""
    rows = ranking[(ranking["cell_type"] == cell_type) & (ranking["target"] == "") & (ranking["rank"] > 0)]
    return rows.sort_values("rank")["gene"].tolist()


def first_protocol(ranking: pd.DataFrame) -> pd.DataFrame:
    """Rows of the ranking on all cells; of the one on training cells when there is no other."""
    if "protocol" not in ranking:
        return ranking
    found = set(ranking["protocol"])
    return ranking[ranking["protocol"] == ("crossval" if "crossval" in found else min(found))]
