"""The contract of ``cells.h5ad``: its checks, its fingerprint, its split, and how it is read and written."""

from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from kratos.errors import KratosError
from kratos.files import atomic_path
from kratos.fingerprint import fingerprint
from kratos.h5ad_files import whole_h5ad
from kratos.matrices import row_blocks
from kratos.stored import ON_DISK_ABOVE, dense_bytes, set_apart, stored_matrix, write_block

PARTS = ("train", "validation", "test")
"""Categories of ``obs["split"]``."""


def check_contents(adata: ad.AnnData, expect: dict[str, Any], name: str) -> None:
    """Compare a data set with what is published about it.

    Parameters
    ----------
    adata
        Cells x genes, with ``obs["cell_type"]``.
    expect
        Any of ``n_cells``, ``n_genes``, ``cell_types`` (cell type -> number of cells) and ``fingerprint``.
    name
        Name of the data set, for the message.

    Raises
    ------
    KratosError
        For an unknown key, or naming every expectation that fails, with the expected and the found value.
    """
    unknown = sorted(set(expect) - {"n_cells", "n_genes", "cell_types", "fingerprint"})
    if unknown:
        raise KratosError(
            f"{name}: unknown expectation {unknown[0]!r}; use n_cells, n_genes, cell_types or fingerprint"
        )
    wrong = []
    for key, found in (("n_cells", adata.n_obs), ("n_genes", adata.n_vars)):
        if expect.get(key) is not None and expect[key] != found:
            wrong.append(f"{key}: expected {expect[key]}, found {found}")
    if expect.get("cell_types") is not None:
        expected = {str(kind): int(count) for kind, count in expect["cell_types"].items()}
        found = {str(kind): int(count) for kind, count in adata.obs["cell_type"].value_counts().items() if count}
        differing = [kind for kind in sorted({*expected, *found}) if expected.get(kind, 0) != found.get(kind, 0)]
        wrong += [
            f"cells of type {kind!r}: expected {expected.get(kind, 0)}, found {found.get(kind, 0)}"
            for kind in differing[:8]
        ]
        if len(differing) > 8:
            wrong.append(f"and {len(differing) - 8} more cell types")
    if expect.get("fingerprint"):
        found_fingerprint = fingerprint(adata)
        if found_fingerprint != expect["fingerprint"]:
            wrong.append(f"fingerprint: expected {expect['fingerprint']}, found {found_fingerprint}")
    if wrong:
        raise KratosError(
            f"{name} is not the data set that the config expects ({'; '.join(wrong)}); "
            "get the published file again, or, if the change is intended, update `expect` of this data set"
        )


def split_off(rows: np.ndarray, labels: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Kept and split-off rows, stratified among types of two or more cells; none is split off where impossible."""
    from sklearn.model_selection import train_test_split

    _, inverse, counts = np.unique(labels[rows], return_inverse=True, return_counts=True)
    single = counts[inverse] < 2
    n_off, n_types = int(np.ceil(fraction * (~single).sum())), int((counts >= 2).sum())
    if n_types == 0 or n_off < n_types or (~single).sum() - n_off < n_types:
        return rows, rows[:0]
    pool = rows[~single]
    kept, off = train_test_split(pool, test_size=fraction, random_state=seed, stratify=labels[pool])
    return np.concatenate([kept, rows[single]]), off


def assign_split(
    adata: ad.AnnData, test_fraction: float = 0.3, validation_fraction: float = 0.1, seed: int = 7
) -> None:
    """Write ``obs["split"]``: train, validation or test, each cell type in proportion (0.7 : 0.3 in the paper).

    Both steps are scikit-learn's ``train_test_split`` with ``stratify`` and ``random_state=seed``, and equal it
    where every cell type has at least two cells in the part that is split. A type with a single cell stays in
    the training part. Where the training part is too small to stratify (fewer validation cells than types), the
    validation cells are drawn without stratification, but every type keeps at least one training cell.

    Parameters
    ----------
    adata
        Cells x genes, with ``obs["cell_type"]``. Changed in place.
    test_fraction
        Share of all cells, in (0, 1).
    validation_fraction
        Share of the training part (not of all cells), in [0, 1); 0 for no validation cells.
    seed
        Random state of both steps.

    Raises
    ------
    KratosError
        For fractions out of range, too few cells for a stratified test set, or a type left without training cells.
    """
    if not 0 < test_fraction < 1:
        raise KratosError(f"test_fraction is {test_fraction}; it must lie between 0 and 1, for example 0.3")
    if not 0 <= validation_fraction < 1:
        raise KratosError(f"validation_fraction is {validation_fraction}; it must be at least 0 and below 1")
    labels = adata.obs["cell_type"].astype(str).to_numpy()
    training, test = split_off(np.arange(adata.n_obs), labels, test_fraction, seed)
    if not len(test):
        raise KratosError(
            f"{adata.n_obs} cells of {len(np.unique(labels))} types are too few for a stratified test set with "
            f"test_fraction {test_fraction}; change test_fraction, or merge or drop rare types"
        )
    split = np.full(adata.n_obs, "train", dtype=object)
    split[test] = "test"
    if validation_fraction > 0:
        _, validation = split_off(training, labels, validation_fraction, seed)
        if not len(validation):
            shuffled = np.random.default_rng(seed).permutation(training)
            spare = np.delete(shuffled, np.unique(labels[shuffled], return_index=True)[1])
            validation = spare[: int(np.ceil(validation_fraction * len(training)))]
        split[validation] = "validation"
    untrained = sorted(set(labels) - set(labels[split == "train"]))
    if untrained:
        raise KratosError(
            f"no cell of type {untrained[0]!r} is left for training with test_fraction {test_fraction} and "
            f"validation_fraction {validation_fraction}; lower them, or merge or drop the type"
        )
    adata.obs["split"] = pd.Categorical(split, categories=list(PARTS))


def first_entry(matrix: Any, is_bad: Any) -> tuple[int, int, float] | None:
    """Cell index, gene index and value of the first non-zero entry for which `is_bad` (vectorised) is true."""
    for start, block in row_blocks(matrix):
        block = sparse.csr_matrix(block)
        bad = np.flatnonzero(is_bad(block.data))
        if len(bad):
            cell = start + int(np.searchsorted(block.indptr, bad[0], side="right")) - 1
            return cell, int(block.indices[bad[0]]), float(block.data[bad[0]])
    return None


def check_names(adata: ad.AnnData, name: str) -> None:
    """Raise a `KratosError` naming the first cell name or gene name that occurs twice in data set `name`."""
    for kind, names in (("cell", adata.obs_names), ("gene", adata.var_names)):
        if not names.is_unique:
            twice = names[names.duplicated()][0]
            raise KratosError(f"{name}: {kind} name {twice!r} occurs more than once; make the {kind} names unique")


def check_values(adata: ad.AnnData, matrix: Any, name: str, remedy: str) -> None:
    """Raise a `KratosError` naming cell and gene of the first value that is NaN, infinite or negative."""
    for word, is_bad in (("not finite", lambda x: ~np.isfinite(x)), ("negative", lambda x: x < 0)):
        entry = first_entry(matrix, is_bad)
        if entry:
            cell, gene, value = adata.obs_names[entry[0]], adata.var_names[entry[1]], entry[2]
            raise KratosError(f"{name}: the value {value:g} of cell {cell!r}, gene {gene!r} is {word}; {remedy}")


def check_cells(adata: ad.AnnData, name: str = "cells", split: bool = True) -> None:
    """Check the contract of ``cells.h5ad``.

    Parameters
    ----------
    adata
        Cells x genes.
    name
        What the message calls the data: a file or a data set.
    split
        Whether ``obs["split"]`` must be there already.

    Raises
    ------
    KratosError
        Naming the first thing that is missing or wrong, and what to do.
    """
    for column in ["cell_type", "split"] if split else ["cell_type"]:
        if column not in adata.obs:
            found = ", ".join(map(str, adata.obs.columns)) or "none"
            raise KratosError(f"{name}: obs[{column!r}] is missing (columns: {found}); make the file with rule `cells`")
        if adata.obs[column].isna().any():
            cell = adata.obs_names[adata.obs[column].isna()][0]
            raise KratosError(f"{name}: obs[{column!r}] of cell {cell!r} is missing; give it a value or drop the cell")
    if split and not set(adata.obs["split"]) <= set(PARTS):
        odd = sorted(set(map(str, adata.obs["split"])) - set(PARTS))[0]
        raise KratosError(f"{name}: obs['split'] has the value {odd!r}; it must be one of {', '.join(PARTS)}")
    if adata.obs["cell_type"].nunique() < 2:
        raise KratosError(
            f"{name}: {adata.obs['cell_type'].nunique()} cell type(s) in obs['cell_type']; "
            "a classifier needs at least 2, check the label column"
        )
    if adata.n_vars == 0:
        raise KratosError(f"{name}: no genes; check the filter that made the file")
    check_names(adata, name)
    check_values(adata, adata.X, name, "X must hold log-normalised values (or pixels in [0, 1])")


def _storable(value: Any, where: str) -> Any:
    """`value` as HDF5 can hold it, or a `KratosError` naming the key."""
    if isinstance(value, dict):
        odd = [key for key in value if not isinstance(key, str) or not key or "/" in key]
        if odd:
            raise KratosError(f"{where}: the key {odd[0]!r} cannot be stored; use a non-empty text without '/'")
        return {key: _storable(item, f"{where}[{key!r}]") for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return np.array(value, dtype=object)
    if isinstance(value, str | bool | int | float | np.generic | np.ndarray):
        return value
    raise KratosError(f"{where}: {type(value).__name__} cannot be stored; use text, numbers, lists of text or dicts")


def _plain(value: Any) -> Any:
    """Python's own types for what HDF5 gave back."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def write_cells(adata: ad.AnnData, path: str | Path) -> None:
    """Write ``cells.h5ad`` atomically and compressed; the same cells give the same bytes.

    Parameters
    ----------
    adata
        Cells x genes; matrices on disk are copied a block at a time. ``uns["source"]``, where present, is a dict of
        text, numbers, lists of text and such dicts; None values are left out. A value that HDF5 cannot hold raises a
        `KratosError` naming its key.
    path
        Final name.
    """
    stored, large = set_apart(adata)
    if "source" in stored.uns:
        stored.uns["source"] = _storable(stored.uns["source"], "uns['source']")
    with atomic_path(path) as part:
        stored.write_h5ad(part, compression="gzip")
        for key, matrix in large.items():
            with h5py.File(part, "a") as file:
                file.pop(key, None)
                for _, block in row_blocks(matrix):
                    write_block(file, key, block)


def read_cells(path: str | Path) -> ad.AnnData:
    """Read ``cells.h5ad`` (or any h5ad file); ``uns["source"]`` comes back as plain Python values.

    Raises
    ------
    KratosError
        Naming the file when it is missing, truncated, or not an h5ad file.
    """
    with whole_h5ad(path) as path:
        adata = ad.read_h5ad(path)
    if "source" in adata.uns:
        adata.uns["source"] = _plain(adata.uns["source"])
    return adata


def open_cells(path: str | Path, on_disk_above: int = ON_DISK_ABOVE) -> ad.AnnData:
    """Read ``cells.h5ad``, but leave X on disk where it would be large when dense.

    Parameters
    ----------
    path
        The file.
    on_disk_above
        Bytes of X as dense float32 above which it stays on disk.

    Returns
    -------
    anndata.AnnData
        What `read_cells` gives, or obs, var and uns with an X that is read whenever rows of it are taken (and no
        layers); the file then stays open.

    Raises
    ------
    KratosError
        As `read_cells`, and for a large matrix that is stored by genes.
    """
    if dense_bytes(path) <= on_disk_above:
        return read_cells(path)
    file = h5py.File(path, "r")
    obs, var, uns = (ad.io.read_elem(file[key]) for key in ("obs", "var", "uns"))
    return ad.AnnData(X=stored_matrix(file, "X"), obs=obs, var=var, uns=_plain(uns))
