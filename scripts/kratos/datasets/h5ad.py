"""A user's own cells: any h5ad file with a label column, holding counts or log-normalised values."""

from pathlib import Path
from typing import Literal

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from kratos.cells import check_names, check_values, first_entry, read_cells
from kratos.datasets._counts import log_normalize, whole_counts
from kratos.datasets._files import pick
from kratos.errors import KratosError

LARGEST_LOG = 30.0
"""No log-normalised value is as large (e**30 counts): larger fractional values were never log-transformed."""


def load(
    files: dict[str, Path] | None = None,
    *,
    label: str = "cell_type",
    path: str | None = None,
    values: Literal["auto", "counts", "lognorm"] = "auto",
) -> ad.AnnData:
    """Load cells x genes from ``X`` of an h5ad file.

    Parameters
    ----------
    files
        ``h5ad`` (or the only file); not needed with `path`.
    label
        Column of ``obs`` with the cell types. Cells without one are dropped and counted in
        ``uns["cells_without_label"]``.
    path
        The file, in the place of `files`.
    values
        What ``X`` holds: ``counts`` (each cell is scaled to 10,000 counts, then log(1 + x)), ``lognorm`` (taken as
        it is), or ``auto``: counts where all values are whole numbers.

    Returns
    -------
    anndata.AnnData
        Cells x genes; with counts also ``layers["counts"]`` and ``obs["total_counts"]``.

    Raises
    ------
    KratosError
        For a missing label column (listing the columns), duplicate names, and values that are NaN, infinite,
        negative or not what `values` says (naming cell and gene).
    """
    if values not in ("auto", "counts", "lognorm"):
        raise KratosError(f"h5ad: values is {values!r}; choose one of auto, counts, lognorm")
    if path is None:
        path = next(iter(files.values())) if files and len(files) == 1 else pick(files or {}, "h5ad")
    user = read_cells(path)
    if label not in user.obs:
        columns = ", ".join(map(str, user.obs.columns)) or "none"
        raise KratosError(f"{path}: no column {label!r} in obs (columns: {columns}); set `label` to one of them")
    if user.X is None:
        raise KratosError(f"{path}: X is empty; put counts or log-normalised values there")
    check_names(user, str(path))
    labelled = (user.obs[label].notna() & (user.obs[label].astype(str) != "")).to_numpy()
    user = user[labelled].copy()
    check_values(user, user.X, str(path), "X must hold counts or log-normalised values, not scaled ones")
    fraction = first_entry(user.X, lambda x: x != np.rint(x))
    adata = ad.AnnData(
        obs=pd.DataFrame({"cell_type": pd.Categorical(user.obs[label].astype(str))}, index=user.obs_names.astype(str)),
        var=pd.DataFrame(index=user.var_names.astype(str)),
        uns={"cells_without_label": int((~labelled).sum())},
    )
    if values == "counts" or (values == "auto" and fraction is None):
        counts = whole_counts(user, user.X, str(path))
        adata.layers["counts"] = counts
        adata.obs["total_counts"] = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel().astype(np.int64)
        adata.X = log_normalize(counts)
        return adata
    large = first_entry(user.X, lambda x: x > LARGEST_LOG)
    if values == "auto" and large:
        raise KratosError(
            f"{path}: the value {large[2]:g} of cell {user.obs_names[large[0]]!r}, gene {user.var_names[large[1]]!r} "
            "is neither a count (other values are fractions) nor a logarithm; give counts, or set `values: lognorm`"
        )
    adata.X = (sparse.csr_matrix(user.X) if sparse.issparse(user.X) else np.asarray(user.X)).astype(np.float32)
    return adata
