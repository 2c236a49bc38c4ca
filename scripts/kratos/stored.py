"""Matrices that stay in their HDF5 file: read and written in blocks of rows, since they are too large for memory."""

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
from scipy import sparse

from kratos.errors import KratosError
from kratos.matrices import ROWS, on_disk

# Bytes that the cells would take as dense float32; above, they stay on disk. The paper's data sets lie below 0.25 GB.
ON_DISK_ABOVE = 2**29
# Bytes that HDF5 may hold back or add to what it is given.
MARGIN = 2**22
# Values per HDF5 chunk of a sparse matrix: a hundred cells or so, lest a random block reads much that it does not use.
CHUNK = 2**15


def dense_bytes_of(matrix: h5py.Dataset | h5py.Group) -> int:
    """Size of a matrix in an h5ad file, dense or sparse, as dense float32."""
    shape = matrix.shape if isinstance(matrix, h5py.Dataset) else matrix.attrs["shape"]
    return 4 * int(shape[0]) * int(shape[1])


def dense_bytes(path: str | Path) -> int:
    """Size of X of an h5ad file as dense float32; 0 where there is no such matrix to be found."""
    try:
        with h5py.File(path, "r") as file:
            return dense_bytes_of(file["X"])
    except (OSError, KeyError):
        return 0


def stored_matrix(file: h5py.File, key: str) -> Any:
    """A matrix (n, p) of an open file, of which slices and sorted row numbers can be taken.

    Raises
    ------
    KratosError
        For a matrix that is stored by genes, of which cells cannot be read one block at a time.
    """
    matrix = file[key]
    if isinstance(matrix, h5py.Dataset):
        return matrix
    if matrix.attrs["encoding-type"] != "csr_matrix":
        raise KratosError(
            f"{file.filename}: {key} is a {matrix.attrs['encoding-type']}, and so large a matrix is read by rows; "
            "store it as CSR (adata.X = adata.X.tocsr())"
        )
    return ad.io.sparse_dataset(matrix)


class SomeRows:
    """Rows of a matrix on disk, in ascending order, of which slices can be taken.

    Attributes
    ----------
    shape
        Rows and columns.
    """

    def __init__(self, matrix: Any, rows: np.ndarray) -> None:
        self.shape = (len(rows), matrix.shape[1])
        self._matrix, self._rows = matrix, rows

    def __getitem__(self, chosen: slice) -> Any:
        """The rows, dense or sparse."""
        rows = self._rows[chosen]
        # Single rows are read far more slowly than all between them, of which a block at a time is held.
        ends = np.flatnonzero(np.diff(rows // ROWS)) + 1
        parts = [self._matrix[own[0] : own[-1] + 1][own - own[0]] for own in np.split(rows, ends) if len(own)]
        if len(parts) < 2:
            return parts[0] if parts else self._matrix[0:0]
        return sparse.vstack(parts, format="csr") if sparse.issparse(parts[0]) else np.concatenate(parts)


def unnamed_file() -> h5py.File:
    """An HDF5 file to write, in the folder that TMPDIR names, whose room is free again when the process ends."""
    # A network file system keeps the name of an open file, and with it the folder.
    with tempfile.TemporaryDirectory(prefix="kratos-", ignore_cleanup_errors=True) as folder:
        return h5py.File(Path(folder) / "cells.h5", "w")


def check_room(file: h5py.File, size: int) -> None:
    """Raise an `OSError` where the file's disk has no room for `size` bytes more.

    HDF5 writes later than it is told to, and an error then may pass unnoticed.
    """
    disk = os.fstatvfs(file.id.get_vfd_handle())
    if disk.f_bavail * disk.f_frsize < size + MARGIN:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def set_apart(adata: ad.AnnData) -> tuple[ad.AnnData, dict[str, Any]]:
    """A copy of the cells without the matrices that are on disk, and these, by their place in an h5ad file."""
    large = {f"layers/{name}": layer for name, layer in adata.layers.items() if on_disk(layer)}
    if not large and not on_disk(adata.X):
        return adata.copy(), {}
    light = ad.AnnData(
        X=None if on_disk(adata.X) else adata.X,
        uns=dict(adata.uns),
        layers={name: layer for name, layer in adata.layers.items() if not on_disk(layer)},
        **{key: getattr(adata, key).copy() for key in ("obs", "var", "obsm", "varm")},
    )
    return light, large | ({"X": adata.X} if on_disk(adata.X) else {})


def write_block(file: h5py.File, key: str, block: Any, compression: str = "gzip") -> None:
    """Write rows of a matrix to a file: the first ones where it has none at `key`, or below those that it has.

    Parameters
    ----------
    file
        Open for writing.
    key
        ``X``, or a layer's ``layers/<name>``.
    block
        Rows (n, p), sparse or dense as the first ones, which decide whether CSR or a dense matrix is stored.
    compression
        ``gzip``, or ``lzf``, which is faster and larger; the first rows decide.
    """
    if key in file:
        if sparse.issparse(block):
            ad.io.sparse_dataset(file[key]).append(sparse.csr_matrix(block))
        else:
            stored = file[key]
            stored.resize(len(stored) + len(block), axis=0)
            stored[-len(block) :] = block
    elif sparse.issparse(block):
        first = sparse.csr_matrix(block)
        # More than 2**31 values may follow.
        first.indptr = first.indptr.astype(np.int64)
        ad.io.write_elem(file, key, first, dataset_kwargs={"compression": compression, "chunks": (CHUNK,)})
    else:
        options = {"maxshape": (None, block.shape[1]), "chunks": (max(1, CHUNK // block.shape[1]), block.shape[1])}
        ad.io.write_elem(file, key, np.asarray(block), dataset_kwargs={"compression": compression, **options})
