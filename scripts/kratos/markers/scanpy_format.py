"""Rankings as scanpy keeps them, so that its plots and ``scanpy.get.rank_genes_groups_df`` read them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from kratos.errors import KratosError
from kratos.rank.order import first_protocol


def rank_genes_groups(
    ranking: pd.DataFrame,
    adata: AnnData,
    *,
    labels: str,
    groupby: str,
    method: str,
    groups: Sequence[str] | None = None,
    n_genes: int | None = None,
) -> dict[str, Any]:
    """A ranking in the format of ``adata.uns["rank_genes_groups"]``.

    Parameters
    ----------
    ranking
        Rows of `kratos.rank.order.ranking_rows`; of several protocols the one with all cells, of one-vs-one rows none.
    adata
        The cells, log-normalised (n, p).
    labels
        Column of ``obs`` in `adata` with the cell types.
    groupby, method
        What ``params`` says.
    groups
        Cell types in the order wanted; all that are ranked when None.
    n_genes
        Genes per type; all when None.

    Returns
    -------
    dict
        ``names``, ``scores``, ``logfoldchanges``, ``pvals``, ``pvals_adj``: structured arrays with one field per
        ranked type and ``n_genes`` entries, best gene first; and ``params``. A gene that the method does not rank
        comes last with score NaN. A type without any ranked gene is left out, as scanpy does. The fold changes are
        scanpy's (log2 of the ratio of means, undone of the logarithm) and have no part in the ranking. P-values are
        NaN: no test is made (scanpy's reader needs the fields).

    Raises
    ------
    KratosError
        When no type has ranked genes.
    """
    rows = first_protocol(ranking)
    rows = rows[rows["target"] == ""]
    ranked = rows.loc[rows["rank"] > 0, "cell_type"].unique().tolist()
    wanted = [t for t in (ranked if groups is None else groups) if t in ranked]
    if not wanted:
        notes = "; ".join(n for n in rows["note"].unique() if n) or "it has no one-vs-rest ranking"
        raise KratosError(f"method '{method}' ranks no gene of any type ({notes}); choose another method")
    changes = log_fold_changes(adata, adata.obs[labels].astype(str).to_numpy(), wanted)
    fields: dict[str, dict[str, np.ndarray]] = {"names": {}, "scores": {}, "logfoldchanges": {}}
    for cell_type in wanted:
        own = rows[rows["cell_type"] == cell_type]
        own = own.iloc[np.argsort(own["rank"].replace(0, np.iinfo(np.int32).max), kind="stable")][:n_genes]
        fields["names"][cell_type] = own["gene"].to_numpy(dtype=object)
        fields["scores"][cell_type] = own["score"].to_numpy(dtype=np.float32)
        fields["logfoldchanges"][cell_type] = changes.loc[own["gene"], cell_type].to_numpy(dtype=np.float32)
    result: dict[str, Any] = {
        "params": {"groupby": groupby, "reference": "rest", "method": method, "use_raw": False, "corr_method": "none"}
    }
    for field, columns in fields.items():
        result[field] = _structured(columns, "O" if field == "names" else "float32")
    nothing = {cell_type: np.full(len(column), np.nan) for cell_type, column in fields["scores"].items()}
    return {**result, "pvals": _structured(nothing, "float64"), "pvals_adj": _structured(nothing, "float64")}


def _structured(columns: dict[str, np.ndarray], kind: str) -> np.ndarray:
    array = np.empty(len(next(iter(columns.values()))), dtype=[(name, kind) for name in columns])
    for name, values in columns.items():
        array[name] = values
    return array.view(np.recarray)


def log_fold_changes(adata: AnnData, labels: np.ndarray, cell_types: Sequence[str]) -> pd.DataFrame:
    """Scanpy's log2 fold changes of every gene, each type against the rest: genes × types."""
    total = np.asarray(adata.X.sum(axis=0, dtype=np.float64)).ravel()
    columns = {}
    for cell_type in cell_types:
        inside = labels == cell_type
        own = np.asarray(adata.X[inside].sum(axis=0, dtype=np.float64)).ravel()
        means = own / inside.sum(), (total - own) / max(1, (~inside).sum())
        columns[cell_type] = np.log2((np.expm1(means[0]) + 1e-9) / (np.expm1(np.maximum(means[1], 0)) + 1e-9))
    return pd.DataFrame(columns, index=adata.var_names)
