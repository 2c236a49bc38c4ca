"""What a user's matrix holds, counts or log-normalised values, and how it becomes log-normalised."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from kratos.cells import check_names, check_values, first_entry
from kratos.datasets._counts import log_normalize, whole_counts
from kratos.errors import KratosError, first_line
from kratos.matrices import memory_bytes, on_disk, row_blocks, row_sums
from kratos.stored import SomeRows, check_room, stored_matrix, unnamed_file, write_block

Values = Literal["auto", "counts", "lognorm"]

NEITHER = "X must hold counts or log-normalised values, not scaled ones"
LARGEST_LOG = 30.0
"""No log-normalised value is as large (e**30 counts): larger fractional values were never log-transformed."""


@dataclass(frozen=True)
class Expression:
    """A matrix, understood.

    Attributes
    ----------
    x
        Log-normalised values (n, p), float32, CSR or dense; on disk where the matrix was.
    counts
        Counts (n, p), CSR float32, where the matrix held them.
    said
        What it held and how that is known, for people.
    """

    x: Any
    counts: Any
    said: str


def log_normalised(adata: ad.AnnData, matrix: Any, values: Values, name: str) -> Expression:
    """Log-normalised values from a matrix that holds them or counts.

    Parameters
    ----------
    adata
        Its cell and gene names are used in messages.
    matrix
        Cells × genes, dense or sparse. One on disk is read a block at a time, and what becomes of it is written to a
        temporary file without a name (in the folder that TMPDIR names) that is gone when the process ends.
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
    fraction = first_entry(matrix, lambda x: x != np.rint(x)) if values == "auto" else None
    if values == "counts" or (values == "auto" and fraction is None):
        known = "as told" if values == "counts" else "detected: all values are whole numbers"
        said = f"counts ({known}), scaled to 10,000 per cell, then log(1 + x)"
        to_layers = _counts
    else:
        known = f"detected: there are fractions, the first is {fraction[2]:.6g}" if fraction else "as told"
        said = f"log-normalised values ({known}), taken as they are"
        to_layers = _checked_logarithms if fraction else _logarithms
    if not on_disk(matrix):
        layers = to_layers(adata, matrix, name)
        return Expression(layers["X"], layers.get("layers/counts"), said)
    file = unnamed_file()
    for start, block in row_blocks(matrix):
        _spill(file, to_layers(adata[start : start + block.shape[0]], block, name), name)
    return Expression(*(stored_matrix(file, key) if key in file else None for key in ("X", "layers/counts")), said)


def _spill(file: h5py.File, layers: Mapping[str, Any], name: str) -> None:
    try:
        check_room(file, sum(map(memory_bytes, layers.values())))
        for key, layer in layers.items():
            write_block(file, key, layer, compression="lzf")
    except OSError as error:
        raise KratosError(
            f"{name}: the cells do not fit into {file.filename} ({first_line(error)}), where they are kept meanwhile; "
            "set TMPDIR to a folder with room (in a workflow: --default-resources tmpdir=FOLDER)"
        ) from error


def _counts(adata: ad.AnnData, matrix: Any, name: str) -> dict[str, Any]:
    check_values(adata, matrix, name, NEITHER)
    counts = whole_counts(adata, matrix, name)
    return {"X": log_normalize(counts), "layers/counts": counts}


def _logarithms(adata: ad.AnnData, matrix: Any, name: str) -> dict[str, Any]:
    check_values(adata, matrix, name, NEITHER)
    return {"X": (sparse.csr_matrix(matrix) if sparse.issparse(matrix) else np.asarray(matrix)).astype(np.float32)}


def _checked_logarithms(adata: ad.AnnData, matrix: Any, name: str) -> dict[str, Any]:
    layers = _logarithms(adata, matrix, name)
    large = first_entry(matrix, lambda x: x > LARGEST_LOG)
    if large:
        raise KratosError(
            f"{name}: the value {large[2]:g} of cell {adata.obs_names[large[0]]!r}, gene {adata.var_names[large[1]]!r} "
            "is neither a count (other values are fractions) nor a logarithm; give counts, or set `values: lognorm`"
        )
    return layers


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
    if not labelled.any():
        raise KratosError(f"{name}: no cell has a value in obs[{label!r}]; set `label` to the column of cell types")
    if not labelled.all():
        matrix = SomeRows(matrix, np.flatnonzero(labelled)) if on_disk(matrix) else matrix[labelled]
    found = log_normalised(names, matrix, values, name)
    adata = ad.AnnData(found.x, obs=names.obs, var=names.var)
    adata.uns["values"] = found.said
    adata.uns["cells_without_label"] = int((~labelled).sum())
    adata.uns["cells_without_counts"] = int((row_sums(found.x) == 0).sum())
    if found.counts is not None:
        adata.layers["counts"] = found.counts
        adata.obs["total_counts"] = row_sums(found.counts).astype(np.int64)
    return adata
