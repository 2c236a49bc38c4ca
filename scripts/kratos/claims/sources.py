"""Result files as rows: whatever a claim is computed from becomes one tidy table."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd


def cells_rows(path: Path) -> pd.DataFrame:
    """Sizes of a data set from its cells.h5ad, without reading the matrix.

    Returns
    -------
    pandas.DataFrame
        One row per cell type (``of`` = "cell type", ``count`` in cells) and, where genes have roles, per role (``of`` =
        "role", ``count`` in genes). Every row repeats ``n_cells``, ``n_genes`` and ``uppercase``: the share of gene
        names without a lower-case letter, near 1 for human and near 0 for mouse gene symbols.
    """
    with h5py.File(path, "r") as file:
        counts = {"cell type": _counts(file["obs/cell_type"])}
        if "role" in file["var"]:
            counts["role"] = _counts(file["var/role"])
        genes = file["var"][file["var"].attrs["_index"]].asstr()[:]
        n_cells = int(file["obs"][file["obs"].attrs["_index"]].shape[0])
    rows = [(of, name, count) for of, own in counts.items() for name, count in own.items()]
    uppercase = float(np.mean([gene == gene.upper() for gene in genes]))
    frame = pd.DataFrame(rows, columns=["of", "name", "count"])
    return frame.assign(n_cells=n_cells, n_genes=len(genes), uppercase=uppercase)


def _counts(column: h5py.Group | h5py.Dataset) -> dict[str, int]:
    """Number of entries of every value of an AnnData column, categorical or text."""
    if isinstance(column, h5py.Dataset):
        values = column.asstr()[:]
    else:
        codes = column["codes"][:]
        values = column["categories"].asstr()[:][codes[codes >= 0]]
    return {str(name): int(count) for name, count in zip(*np.unique(values, return_counts=True), strict=True)}


READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": pd.read_csv,
    ".parquet": pd.read_parquet,
    ".h5ad": cells_rows,
}
"""How files are read, by suffix."""


def read_rows(path: Path) -> pd.DataFrame:
    """Rows of one result file; its suffix is a key of `READERS` (the schema of the claims asks for that)."""
    return READERS[path.suffix](path)
