"""PBMC 68k reduced: 700 cells x 765 genes that ship inside scanpy, so that a first run needs no network."""

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from kratos.cells import check_values
from kratos.errors import KratosError


def load(files: dict[str, Path] | None = None, *, label: str = "bulk_labels") -> ad.AnnData:
    """Load the log-normalised values in ``.raw`` of ``scanpy.datasets.pbmc68k_reduced()`` (no counts exist).

    Parameters
    ----------
    files
        None needed.
    label
        Column of ``obs`` with the cell types.

    Returns
    -------
    anndata.AnnData
        700 cells x 765 genes; scanpy's ``X`` holds scaled values and is not used.

    Raises
    ------
    KratosError
        When the installed scanpy ships another file: other shape, no such column, or negative values.
    """
    import scanpy

    whole = scanpy.datasets.pbmc68k_reduced()
    name = "scanpy's pbmc68k_reduced"
    if label not in whole.obs:
        raise KratosError(f"{name}: no column {label!r} in obs (columns: {', '.join(whole.obs.columns)}); set `label`")
    if whole.raw is None or whole.raw.shape != (700, 765):
        found = "none" if whole.raw is None else f"{whole.raw.shape[0]} x {whole.raw.shape[1]}"
        raise KratosError(f"{name}: .raw must be 700 cells x 765 genes, found {found}; install the scanpy of envs/")
    adata = ad.AnnData(
        X=whole.raw.X.astype(np.float32),
        obs=pd.DataFrame({"cell_type": pd.Categorical(whole.obs[label].astype(str))}, index=whole.obs_names),
        var=pd.DataFrame(index=whole.raw.var_names),
    )
    check_values(adata, adata.X, f"{name}, .raw", "install the scanpy of envs/")
    return adata
