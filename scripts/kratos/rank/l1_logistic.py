"""Sparse logistic regression of each type against the rest: the simplest model that selects a panel by itself."""

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from kratos.rank.groups import groups_of, missing, one_against_rest, rows_of_types
from kratos.seeds import derive_seed


def rank(
    adata: AnnData,
    *,
    seed: int,
    C: float = 0.1,
    standardise: bool = True,
    balanced: bool = True,
    max_iter: int = 1000,
) -> pd.DataFrame:
    """Rank genes by the absolute coefficients of an L1-penalised logistic regression.

    Parameters
    ----------
    adata
        Cells with ``obs["cell_type"]``; X (n, p) log-normalised, dense or sparse.
    seed
        Seed from which the solver's random state is derived for each type.
    C
        Inverse strength of the penalty; smaller gives fewer genes.
    standardise
        Give every gene mean 0 and variance 1, so that the penalty does not favour highly expressed genes.
    balanced
        Weigh cells so that the type and the rest count the same.
    max_iter
        Iterations of the solver (liblinear, coordinate descent).

    Returns
    -------
    pandas.DataFrame
        See `kratos.rank.order.ranking_rows`; the effect is the coefficient. Genes with a coefficient of zero get no
        rank: the ranking ends where the panel ends.
    """
    groups = groups_of(adata)
    x = np.asarray(adata.X.toarray() if sparse.issparse(adata.X) else adata.X, dtype=np.float64)
    x = StandardScaler().fit_transform(x) if standardise else x

    def score(k: int) -> tuple[np.ndarray, np.ndarray | None, str]:
        note = one_against_rest(groups, k, minimum=1)
        if note:
            return missing(adata.n_vars, note)
        regression = LogisticRegression(
            l1_ratio=1.0,
            C=C,
            solver="liblinear",
            class_weight="balanced" if balanced else None,
            max_iter=max_iter,
            random_state=derive_seed(groups.names[k], seed),
        )
        effect = regression.fit(x, groups.codes == k).coef_[0]
        if not effect.any():
            return missing(adata.n_vars, f"all coefficients are zero with C = {C}, raise C")
        return np.where(effect == 0, np.nan, np.abs(effect)), effect, ""

    return rows_of_types(adata, groups, score)
