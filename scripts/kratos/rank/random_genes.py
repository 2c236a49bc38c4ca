"""Control: genes in random order. Whatever beats it has found something."""

import numpy as np
import pandas as pd
from anndata import AnnData

from kratos.rank.groups import groups_of, rows_of_types
from kratos.seeds import derive_seed


def rank(adata: AnnData, *, seed: int) -> pd.DataFrame:
    """Rank all genes in an order drawn anew for each cell type.

    Parameters
    ----------
    adata
        Cells with ``obs["cell_type"]``; X (n, p) is not looked at.
    seed
        Seed from which each type's own is derived.

    Returns
    -------
    pandas.DataFrame
        See `kratos.rank.order.ranking_rows`; a score is a position counted from the end, p for the first gene.
    """
    groups = groups_of(adata)

    def score(k: int) -> tuple[np.ndarray, None, str]:
        return np.random.default_rng(derive_seed(groups.names[k], seed)).permutation(adata.n_vars) + 1.0, None, ""

    return rows_of_types(adata, groups, score)
