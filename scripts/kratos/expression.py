"""What a user's matrix holds, counts or log-normalised values, and how it becomes log-normalised."""

from dataclasses import dataclass
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from kratos.cells import check_names, check_values, first_entry
from kratos.datasets._counts import log_normalize, whole_counts
from kratos.errors import KratosError

Values = Literal["auto", "counts", "lognorm"]

LARGEST_LOG = 30.0
"""No log-normalised value is as large (e**30 counts): larger fractional values were never log-transformed."""


@dataclass(frozen=True)
class Expression:
    """A matrix, understood.

    Attributes
    ----------
    x
        Log-normalised values (n, p), float32, CSR or dense.
    counts
        Counts (n, p), CSR float32, where the matrix held them.
    said
        What it held and how that is known, for people.
    """

    x: Any
    counts: sparse.csr_matrix | None
    said: str


def log_normalised(adata: ad.AnnData, matrix: Any, values: Values, name: str) -> Expression:
    """Log-normalised values from a matrix that holds them or counts.

    Parameters
    ----------
    adata
        Its cell and gene names are used in messages.
    matrix
        Cells × genes, dense or sparse.
    values
        ``counts`` (each cell is scaled to 10,000 counts, then log(1 + x)), ``lognorm`` (taken as they are), or
        ``auto``: counts where all values are whole numbers.
    name
        File or object, for messages.

    Raises
    ------
    KratosError
        For values that are NaN, infinite, negative or not what `values` says (naming cell and gene).
    """
    if values not in ("auto", "counts", "lognorm"):
        raise KratosError(f"{name}: values is {values!r}; choose one of auto, counts, lognorm")
    check_values(adata, matrix, name, "X must hold counts or log-normalised values, not scaled ones")
    fraction = first_entry(matrix, lambda x: x != np.rint(x))
    if values == "counts" or (values == "auto" and fraction is None):
        counts = whole_counts(adata, matrix, name)
        known = "as told" if values == "counts" else "detected: all values are whole numbers"
        return Expression(
            log_normalize(counts), counts, f"counts ({known}), scaled to 10,000 per cell, then log(1 + x)"
        )
    large = first_entry(matrix, lambda x: x > LARGEST_LOG)
    if values == "auto" and large:
        raise KratosError(
            f"{name}: the value {large[2]:g} of cell {adata.obs_names[large[0]]!r}, gene {adata.var_names[large[1]]!r} "
            "is neither a count (other values are fractions) nor a logarithm; give counts, or set `values: lognorm`"
        )
    known = "as told" if values == "lognorm" else f"detected: there are fractions, the first is {fraction[2]:.6g}"
    x = (sparse.csr_matrix(matrix) if sparse.issparse(matrix) else np.asarray(matrix)).astype(np.float32)
    return Expression(x, None, f"log-normalised values ({known}), taken as they are")


def labelled_cells(user: ad.AnnData, label: str, values: Values, name: str, matrix: Any = None) -> ad.AnnData:
    """A user's cells as every step takes them.

    Parameters
    ----------
    user
        Cells × genes.
    label
        Column of ``obs`` with the cell types; cells without one are dropped.
    values
        See `log_normalised`.
    name
        File or object, for messages.
    matrix
        Cells × genes, in the place of ``X``.

    Returns
    -------
    anndata.AnnData
        ``X`` log-normalised, ``obs["cell_type"]``; with counts also ``layers["counts"]`` and
        ``obs["total_counts"]``. ``uns`` has ``values`` (what the matrix held), ``cells_without_label`` and
        ``cells_without_counts`` (numbers of cells).

    Raises
    ------
    KratosError
        For a missing label column (listing the columns), duplicate names, and what `log_normalised` raises.
    """
    if label not in user.obs:
        columns = ", ".join(map(str, user.obs.columns)) or "none"
        raise KratosError(f"{name}: no column {label!r} in obs (columns: {columns}); set `label` to one of them")
    check_names(user, name)
    labels = user.obs[label]
    labelled = (labels.notna() & (labels.astype(str) != "")).to_numpy()
    matrix = user.X if matrix is None else matrix
    names = ad.AnnData(
        obs=pd.DataFrame(
            {"cell_type": pd.Categorical(labels[labelled].astype(str))}, index=user.obs_names[labelled].astype(str)
        ),
        var=pd.DataFrame(index=user.var_names.astype(str)),
    )
    found = log_normalised(names, matrix if labelled.all() else matrix[labelled], values, name)
    adata = ad.AnnData(found.x, obs=names.obs, var=names.var)
    adata.uns["values"] = found.said
    adata.uns["cells_without_label"] = int((~labelled).sum())
    adata.uns["cells_without_counts"] = int((np.asarray(found.x.sum(axis=1)).ravel() == 0).sum())
    if found.counts is not None:
        adata.layers["counts"] = found.counts
        adata.obs["total_counts"] = np.asarray(found.counts.sum(axis=1, dtype=np.float64)).ravel().astype(np.int64)
    return adata
