"""Reading h5ad files: only what is needed, and an error that says what is wrong with the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
from anndata.io import read_elem, sparse_dataset
from scipy import sparse

from kratos.errors import KratosError, first_line
from kratos.stored import ON_DISK_ABOVE, dense_bytes_of, stored_matrix

BLOCK_VALUES = 2**25
"""Values of a dense matrix that are read at once."""


@contextmanager
def whole_h5ad(path: str | Path) -> Iterator[Path]:
    """Turn what h5py and anndata raise inside the block into a `KratosError` that names the file.

    Raises
    ------
    KratosError
        When the file is missing, truncated, not an h5ad file, or in a format of another version of anndata.
    """
    path = Path(path)
    if not path.is_file():
        raise KratosError(f"{path} does not exist; run the rule that makes it, or correct the path")
    try:
        yield path
    except KratosError:
        raise
    except Exception as error:  # h5py and anndata raise many kinds for a damaged file
        if _of_another_version(error):
            raise KratosError(
                f"{path} is in a format that anndata {ad.__version__} does not read ({first_line(error)}); "
                "write it again with this version, or install the one that wrote it"
            ) from error
        raise _not_whole(path, error) from error


def _not_whole(path: Path, error: BaseException) -> KratosError:
    return KratosError(
        f"{path} ({path.stat().st_size:,} bytes) is not a whole h5ad file ({first_line(error)}); "
        "delete it and make it again"
    )


def _of_another_version(error: BaseException) -> bool:
    return type(error).__name__ == "IORegistryError" or "No read method registered" in str(error)


@contextmanager
def matrix_of(path: str | Path, layer: str = "X", on_disk_above: int = ON_DISK_ABOVE) -> Iterator[ad.AnnData]:
    """Open an h5ad file and read ``obs``, the gene names and one matrix, nothing else of it; close it after the block.

    Parameters
    ----------
    path
        The file. Its other layers, projections and graphs are not read; a dense matrix is read in blocks.
    layer
        ``X``, ``raw`` (``raw.X`` with its own genes), or the name of a layer.
    on_disk_above
        Bytes of the matrix as dense float32 above which it stays on disk.

    Yields
    ------
    anndata.AnnData
        Cells × genes. ``X`` is CSR where the file has a sparse matrix, or a dense one with mostly zeros; or a matrix
        on disk, unless it is stored by genes (CSC): no block of cells can be read of that, so it is read whole.

    Raises
    ------
    KratosError
        For a file that cannot be read, and a layer that it does not have (naming those it has).
    """
    with whole_h5ad(path) as path:
        file = h5py.File(path, "r")
    with file:
        with whole_h5ad(path):
            adata = _read_matrix(file, path, layer, on_disk_above)
        try:
            yield adata
        except OSError as error:  # a matrix on disk is read while it is used
            raise _not_whole(path, error) from error


def _read_matrix(file: h5py.File, path: Path, layer: str, on_disk_above: int) -> ad.AnnData:
    if "encoding-type" not in file["obs"].attrs:
        raise KratosError(
            f"{path} was written by anndata before 0.7; write it again with a current version: "
            "anndata.read_h5ad(path).write_h5ad(path)"
        )
    place, genes = {"X": ("X", "var"), "raw": ("raw/X", "raw/var")}.get(layer, (f"layers/{layer}", "var"))
    if place not in file or file[place].attrs.get("encoding-type") == "null":
        found = [name for name, key in (("X", "X"), ("raw", "raw/X")) if key in file]
        found += list(file.get("layers", {}))
        raise KratosError(
            f"{path}: {layer} is empty or missing (the file has: {', '.join(found) or 'no matrix'}); "
            "set `layer` to the one with counts or log-normalised values"
        )
    matrix, obs, var = file[place], read_elem(file["obs"]), read_elem(file[genes])[[]]
    if dense_bytes_of(matrix) > on_disk_above and matrix.attrs.get("encoding-type") != "csc_matrix":
        return ad.AnnData(X=stored_matrix(file, place), obs=obs, var=var)
    return ad.AnnData(X=_matrix(matrix), obs=obs, var=var)


def _matrix(stored: Any) -> Any:
    if isinstance(stored, h5py.Group):
        return sparse.csr_matrix(sparse_dataset(stored).to_memory())
    if 0 in stored.shape:
        return sparse.csr_matrix(stored.shape, dtype=np.float32)
    rows = max(1, BLOCK_VALUES // stored.shape[1])
    blocks = [sparse.csr_matrix(stored[start : start + rows]) for start in range(0, stored.shape[0], rows)]
    whole = sparse.vstack(blocks, format="csr")
    # Indices take as much room as values: from one half on, the dense matrix is the smaller one.
    return whole.toarray() if whole.nnz >= 0.5 * np.prod(stored.shape) else whole
