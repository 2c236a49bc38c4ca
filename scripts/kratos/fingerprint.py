"""The fingerprint of a data set: a digest of what is in it, not of how it is stored."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import anndata as ad
import numpy as np
from scipy import sparse

from kratos.matrices import on_disk, row_blocks


def fingerprint(adata: ad.AnnData) -> str:
    """Digest the scientific content, so that two files with the same cells agree whatever their bytes.

    Covered are the cell names, gene names and cell types, then the integer counts (``layers["counts"]``, or
    ``rint(X * 1e4)`` where there are none), then ``obs["total_counts"]`` when present. The matrix enters as
    canonical CSR (sorted column indices, no explicit zeros, 64-bit little-endian integers): storage (sparse,
    dense, on disk), number type and compression make no difference.

    Parameters
    ----------
    adata
        Cells x genes, with ``obs["cell_type"]``. A matrix on disk is read three times, a block at a time.

    Returns
    -------
    str
        SHA-256 as 64 hexadecimal digits.
    """
    digest = sha256(b"kratos cells 1\n")
    for words in (adata.obs_names, adata.var_names, adata.obs["cell_type"]):
        digest.update(len(words).to_bytes(8, "little"))
        for word in words:
            text = str(word).encode()
            digest.update(len(text).to_bytes(8, "little") + text)
    has_counts = "counts" in adata.layers
    matrix = adata.layers["counts"] if has_counts else adata.X
    in_memory = None if on_disk(matrix) else [_canonical(matrix, has_counts)]
    # The digest's order is that of whole arrays: all row lengths, then all columns, then all values.
    end = np.zeros(1, dtype="<i8")
    digest.update(end.data)
    for block in in_memory or _blocks(matrix, has_counts):
        digest.update(np.ascontiguousarray(block.indptr[1:] + end, dtype="<i8").data)
        end += int(block.indptr[-1])
    for array in ("indices", "data"):
        for block in in_memory or _blocks(matrix, has_counts):
            digest.update(np.ascontiguousarray(getattr(block, array), dtype="<i8").data)
    if "total_counts" in adata.obs:
        digest.update(np.rint(adata.obs["total_counts"].to_numpy(dtype=np.float64)).astype("<i8").tobytes())
    return digest.hexdigest()


def _blocks(matrix: Any, has_counts: bool) -> Iterator[sparse.csr_matrix]:
    return (_canonical(block, has_counts) for _, block in row_blocks(matrix))


def _canonical(matrix: Any, has_counts: bool) -> sparse.csr_matrix:
    """Integer counts as CSR with sorted columns and without explicit zeros."""
    matrix = sparse.csr_matrix(matrix, copy=True)
    if has_counts:
        matrix.data = matrix.data.astype("<i8")
    else:
        # Through float32, the contract's type, so that a float64 copy of the same values agrees.
        matrix.data = np.rint(matrix.data.astype(np.float32).astype(np.float64) * 1e4).astype("<i8")
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix
