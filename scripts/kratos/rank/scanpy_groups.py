"""Scanpy's ``rank_genes_groups``: each type tested against the rest, as most users do today (Wolf et al. 2018)."""

from typing import Literal

import numpy as np
import pandas as pd
import scanpy as sc
from anndata import AnnData

from kratos.rank.groups import anonymous, groups_of, missing, one_against_rest, rows_of_types


def rank(
    adata: AnnData,
    *,
    seed: int,
    method: Literal["wilcoxon", "t-test", "logreg"] = "wilcoxon",
    tie_correct: bool = False,
    absolute: bool = False,
    max_iter: int = 1000,
) -> pd.DataFrame:
    """Rank genes by scanpy's score.

    Parameters
    ----------
    adata
        Cells with ``obs["cell_type"]``; X (n, p) log-normalised, dense or sparse.
    seed
        Not used: the methods are deterministic.
    method
        ``wilcoxon`` (rank sum, z score), ``t-test`` (Welch), ``logreg`` (coefficients of a multinomial regression).
    tie_correct
        Correct the variance of ``wilcoxon`` for ties. Counts are full of them: without it scores are too near zero.
    absolute
        Rank by the absolute score, so that genes missing from a type count as much as genes found in it.
    max_iter
        Iterations of ``logreg``'s solver.

    Returns
    -------
    pandas.DataFrame
        See `kratos.rank.order.ranking_rows`; the effect is the signed score. A type with a single cell has no scores:
        its cell stays among the rest (in ``logreg`` it is left out).
    """
    groups = groups_of(adata)
    notes = [one_against_rest(groups, k) for k in range(len(groups.names))]
    tested = [str(k) for k, note in enumerate(notes) if not note]
    if method == "logreg" and len(tested) < 2:
        tested, notes = [], [note or "there is no other type with 2 cells" for note in notes]
    found = _scores(anonymous(adata, groups), tested, method, tie_correct, max_iter) if tested else {}

    def score(k: int) -> tuple[np.ndarray, np.ndarray | None, str]:
        if notes[k]:
            return missing(adata.n_vars, notes[k])
        effect = found[str(k)]
        return (np.abs(effect) if absolute else effect), effect, ""

    return rows_of_types(adata, groups, score)


def _scores(cells: AnnData, tested: list[str], method: str, tie_correct: bool, max_iter: int) -> dict[str, np.ndarray]:
    """Scanpy's score of every gene (p,) by group."""
    options = {"max_iter": max_iter} if method == "logreg" else {"tie_correct": tie_correct}
    sc.tl.rank_genes_groups(
        cells, "group", groups=tested, method=method, n_genes=cells.n_vars, use_raw=False, **options
    )
    result = cells.uns["rank_genes_groups"]
    scores = {}
    for group in result["names"].dtype.names:
        scores[group] = np.empty(cells.n_vars)
        scores[group][result["names"][group].astype(int)] = result["scores"][group]
    if method == "logreg" and len(tested) == 2:
        # With two types there is one regression, whose coefficients scikit-learn gives for the second class and scanpy
        # reports under the first one's name; the other type's are the same with the sign turned.
        (first,) = scores
        (second,) = set(tested) - {first}
        scores = {first: -scores[first], second: scores[first]}
    return scores
