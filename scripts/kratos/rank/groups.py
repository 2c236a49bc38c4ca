"""Cells and cell types as the libraries behind the rankers take them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from kratos.rank.order import ranking_rows

log = logging.getLogger(__name__)


@dataclass
class Groups:
    """The cell types of a data set, sorted, with the type of every cell as an index.

    Attributes
    ----------
    names
        The K cell types that have cells.
    codes
        (n,) index in ``names`` of each cell's type.
    sizes
        (K,) cells of each type.
    """

    names: list[str]
    codes: np.ndarray
    sizes: np.ndarray


def groups_of(adata: AnnData) -> Groups:
    """Cell types of ``obs["cell_type"]``; categories without cells are left out."""
    names, codes, sizes = np.unique(
        adata.obs["cell_type"].astype(str).to_numpy(dtype=object), return_inverse=True, return_counts=True
    )
    return Groups([str(name) for name in names], codes, sizes)


def anonymous(adata: AnnData, groups: Groups) -> AnnData:
    """A copy of the cells whose genes and types are called by number, so that no name can trip a library.

    Returns
    -------
    AnnData
        X as it was (dense, or CSR without explicit zeros), ``var_names`` and the categories of ``obs["group"]`` the
        texts of 0, 1, ….
    """
    x = adata.X
    x = sparse.csr_matrix(x, copy=True) if sparse.issparse(x) else np.array(x)
    if sparse.issparse(x):
        x.eliminate_zeros()
    kinds = [str(k) for k in range(len(groups.names))]
    obs = pd.DataFrame(
        {"group": pd.Categorical.from_codes(groups.codes, categories=kinds)},
        index=[f"c{i}" for i in range(adata.n_obs)],
    )
    return AnnData(x, obs=obs, var=pd.DataFrame(index=[str(j) for j in range(adata.n_vars)]))


def one_against_rest(groups: Groups, k: int, minimum: int = 2) -> str:
    """Why type ``k`` cannot be compared with the other cells; empty when it can."""
    inside, outside = int(groups.sizes[k]), int(groups.sizes.sum() - groups.sizes[k])
    if min(inside, outside) >= minimum:
        return ""
    where = f"it has {inside} cell(s)" if inside < minimum else f"there are {outside} cell(s) of other types"
    return f"{where}, a comparison needs {minimum}"


Scorer = Callable[[int], tuple[np.ndarray, np.ndarray | None, str]]


def rows_of_types(adata: AnnData, groups: Groups, score: Scorer) -> pd.DataFrame:
    """Rank the genes of every type.

    Parameters
    ----------
    adata, groups
        The cells and their types.
    score
        From a type's index to its scores (p,), signed effects (p,) or None, and a note. NaN is a gene without a rank.

    Returns
    -------
    pandas.DataFrame
        See `kratos.rank.order.ranking_rows`. Notes are logged as warnings.
    """
    frames = []
    for k, name in enumerate(groups.names):
        scores, effect, note = score(k)
        if note:
            log.warning("%s: %s", name, note)
        n_cells = int(groups.sizes[k])
        frames.append(ranking_rows(adata.var_names, name, scores, effect=effect, n_cells=n_cells, note=note))
    return pd.concat(frames, ignore_index=True)


def missing(n_genes: int, note: str) -> tuple[np.ndarray, None, str]:
    """What a scorer returns for a type that cannot be ranked."""
    return np.full(n_genes, np.nan), None, note
