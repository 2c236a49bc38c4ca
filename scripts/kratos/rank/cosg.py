"""COSG: cosine similarity of a gene with a type's indicator, weighed against the other types (Dai et al. 2022)."""

import numpy as np
import pandas as pd
from anndata import AnnData
from cosg import cosg

from kratos.rank.groups import anonymous, groups_of, missing, rows_of_types

# COSG's own value for genes that it leaves out.
LEFT_OUT = -1.0


def rank(
    adata: AnnData, *, seed: int, mu: float = 1.0, remove_lowly_expressed: bool = True, expressed_fraction: float = 0.1
) -> pd.DataFrame:
    """Rank genes by COSG's score.

    Parameters
    ----------
    adata
        Cells with ``obs["cell_type"]``; X (n, p) log-normalised, dense or sparse.
    seed
        Not used: the method is deterministic.
    mu
        Weight of expression in other types, at least 0.
    remove_lowly_expressed
        Give no rank to genes that fewer cells of the type express than ``expressed_fraction`` of them, or than 3.
    expressed_fraction
        Smallest share of a type's cells that must express a gene, in [0, 1].

    Returns
    -------
    pandas.DataFrame
        See `kratos.rank.order.ranking_rows`. With ``remove_lowly_expressed`` a type's ranking is shorter than p, and
        empty for a type of 1 or 2 cells.
    """
    groups = groups_of(adata)
    cells = anonymous(adata, groups)
    cosg(
        cells,
        groupby="group",
        mu=mu,
        remove_lowly_expressed=remove_lowly_expressed,
        expressed_pct=expressed_fraction,
        n_genes_user=adata.n_vars,
        key_added="cosg",
    )
    result = cells.uns["cosg"]

    def score(k: int) -> tuple[np.ndarray, np.ndarray | None, str]:
        scores = np.empty(adata.n_vars)
        scores[np.asarray(result["names"][str(k)], dtype=int)] = result["scores"][str(k)]
        scores[scores == LEFT_OUT] = np.nan
        if np.isnan(scores).all():
            return missing(adata.n_vars, f"no gene is expressed in enough of its {groups.sizes[k]} cell(s)")
        return scores, None, ""

    return rows_of_types(adata, groups, score)
