"""A user's own cells, too many for memory: the h5ad loader's contract, a block of cells at a time."""

import tempfile
from pathlib import Path
from typing import Literal

import anndata as ad
import h5py
import numpy as np
import pandas as pd

from kratos.cells import check_names, check_values, first_entry, open_cells
from kratos.datasets._counts import log_normalize, whole_counts
from kratos.datasets._files import pick
from kratos.errors import KratosError
from kratos.matrices import ROWS
from kratos.stored import stored_matrix, write_block


def load(
    files: dict[str, Path] | None = None,
    *,
    label: str = "cell_type",
    path: str | None = None,
    values: Literal["counts", "lognorm"] = "counts",
) -> ad.AnnData:
    """Load cells x genes from ``X`` of an h5ad file without holding X in memory.

    Parameters
    ----------
    files
        ``h5ad`` (or the only file); not needed with `path`.
    label
        Column of ``obs`` with the cell types. Cells without one are dropped and counted in
        ``uns["cells_without_label"]``.
    path
        The file, in the place of `files`; X stored as CSR, or dense.
    values
        What ``X`` holds: ``counts`` (each cell is scaled to 10,000 counts, then log(1 + x)) or ``lognorm`` (taken as
        it is).

    Returns
    -------
    anndata.AnnData
        Cells x genes; with counts also ``layers["counts"]`` and ``obs["total_counts"]``. Matrices are on disk, in a
        temporary file without a name (in the folder that TMPDIR names) that is gone when the process ends.

    Raises
    ------
    KratosError
        For a missing label column (listing the columns), duplicate names, a matrix stored by genes, and values that
        are NaN, infinite, negative or not what `values` says (naming cell and gene).
    """
    if path is None:
        path = next(iter(files.values())) if files and len(files) == 1 else pick(files or {}, "h5ad")
    user = open_cells(path, on_disk_above=-1)
    if label not in user.obs:
        columns = ", ".join(map(str, user.obs.columns)) or "none"
        raise KratosError(f"{path}: no column {label!r} in obs (columns: {columns}); set `label` to one of them")
    check_names(user, str(path))
    labelled = (user.obs[label].notna() & (user.obs[label].astype(str) != "")).to_numpy()
    rows = np.flatnonzero(labelled)
    if not len(rows):
        raise KratosError(f"{path}: no cell has a value in obs[{label!r}]; set `label` to the column of cell types")
    with tempfile.TemporaryDirectory(prefix="kratos-") as folder:
        file = h5py.File(Path(folder) / "cells.h5", "w")
    totals = []
    for start in range(0, len(rows), ROWS):
        part = user[rows[start : start + ROWS]].to_memory()
        if values == "lognorm":
            check_values(part, part.X, str(path), "X must hold log-normalised values, not scaled ones")
            write_block(file, "X", part.X.astype(np.float32), compression="lzf")
            continue
        counts = whole_counts(part, part.X, str(path))
        totals.append(np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel().astype(np.int64))
        write_block(file, "layers/counts", counts, compression="lzf")
        write_block(file, "X", log_normalize(counts), compression="lzf")
    adata = ad.AnnData(
        X=stored_matrix(file, "X"),
        obs=pd.DataFrame(
            {"cell_type": pd.Categorical(user.obs[label][labelled].astype(str))},
            index=user.obs_names[labelled].astype(str),
        ),
        var=pd.DataFrame(index=user.var_names.astype(str)),
        uns={"cells_without_label": int((~labelled).sum())},
    )
    if values == "counts":
        adata.layers["counts"] = stored_matrix(file, "layers/counts")
        adata.obs["total_counts"] = np.concatenate(totals)
    elif first_entry(adata.X, lambda x: x != np.rint(x)) is None:
        raise KratosError(f"{path}: all values are whole numbers, so X holds counts; set `values: counts`")
    return adata
