"""Baron et al. 2016 (GEO GSE84133): pancreas of two mice, the counts in GEO's tables, one per donor."""

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv
from scipy import sparse

from kratos.cells import check_names
from kratos.datasets._counts import log_normalize, whole_counts
from kratos.datasets._files import pick, unzip
from kratos.errors import KratosError

DONORS = ("mouse1", "mouse2")
"""The donors whose cells the paper uses (1,886 cells; it calls them human)."""

COLUMNS = ("", "barcode", "assigned_cluster")
"""First columns of a table: cell, barcode, cell type; the genes follow."""


def read_donor(path: Path) -> tuple[list[str], list[str], list[str], sparse.csr_matrix]:
    """Read one donor's table.

    Parameters
    ----------
    path
        ``*.csv.gz`` in GEO's layout.

    Returns
    -------
    cells, cell types, genes, counts
        Names, and cells x genes as CSR float32.

    Raises
    ------
    KratosError
        For another layout, a duplicate name, or a value that is not a count (naming file, cell and gene).
    """
    content = unzip(path)
    header = content[: content.find(b"\n")].decode(errors="replace").rstrip("\r")
    names = [name.strip('"') for name in header.split(",")]
    if len(names) < 4 or tuple(names[1:3]) != COLUMNS[1:]:
        raise KratosError(
            f"{path}: the first columns are {', '.join(names[:3])}; expected the cell name, barcode, assigned_cluster"
        )
    # Columns are named by position, so that a gene that occurs twice is seen as such below.
    columns = [str(index) for index in range(len(names))]
    read = csv.ReadOptions(column_names=columns, skip_rows=1, block_size=16 << 20, use_threads=False)
    types = dict.fromkeys(columns[:3], pa.string()) | dict.fromkeys(columns[3:], pa.int32())
    try:
        table = csv.read_csv(
            pa.BufferReader(content), read, convert_options=csv.ConvertOptions(column_types=types, null_values=[])
        )
        values = np.column_stack([column.to_numpy() for column in table.columns[3:]])
    except pa.ArrowInvalid as error:
        if "conversion error" not in str(error):
            raise KratosError(f"{path} is not a whole CSV table ({error}); delete it and download again") from error
        # Slow, and only for the message: read the values as text to find the first that is no whole number.
        types = dict.fromkeys(columns, pa.string())
        table = csv.read_csv(pa.BufferReader(content), read, convert_options=csv.ConvertOptions(column_types=types))
        text = np.column_stack([column.to_numpy(zero_copy_only=False) for column in table.columns[3:]])
        values = pd.DataFrame(text).apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    cells, kinds = table.column(0).to_pylist(), table.column(2).to_pylist()
    adata = ad.AnnData(obs=pd.DataFrame(index=cells), var=pd.DataFrame(index=names[3:]))
    check_names(adata, str(path))
    if "" in kinds:
        raise KratosError(f"{path}: cell {cells[kinds.index('')]!r} has no assigned_cluster; download the file again")
    return cells, kinds, names[3:], whole_counts(adata, values, str(path))


def load(files: dict[str, Path], *, donors: list[str] | None = None) -> ad.AnnData:
    """Load the donors' cells one after the other, log-normalised.

    Parameters
    ----------
    files
        One table per donor, found by the donor in its key or name.
    donors
        Which donors, in this order; None for `DONORS`.

    Returns
    -------
    anndata.AnnData
        Cells x genes (mouse1 and mouse2: 1,886 x 14,878), ``X`` = log(1 + counts scaled to 10,000 per cell),
        ``obs["donor"]``; ``uns["partial"]`` says so when not all of `DONORS` are there.

    Raises
    ------
    KratosError
        What `read_donor` raises, an unequal gene order (naming the first gene that differs), or a cell name in two
        tables.
    """
    donors = list(DONORS) if donors is None else donors
    if not donors or len(set(donors)) < len(donors):
        raise KratosError(f"baron: donors is {donors}; list each donor once, for example [mouse1, mouse2]")
    paths = [pick(files, donor) for donor in donors]
    tables = [read_donor(path) for path in paths]
    genes = tables[0][2]
    for path, (_, _, other, _) in zip(paths, tables, strict=True):
        if other != genes:
            index = next((i for i, pair in enumerate(zip(genes, other, strict=False)) if len(set(pair)) == 2), -1)
            what = (
                f"gene {index + 1} is {other[index]!r}, but {genes[index]!r} in {paths[0]}"
                if index >= 0
                else f"{len(other)} genes, but {len(genes)} in {paths[0]}"
            )
            raise KratosError(f"{path}: {what}; donors must come from the same release, download both again")
    counts = sparse.vstack([table[3] for table in tables], format="csr")
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical([kind for table in tables for kind in table[1]]),
            "donor": pd.Categorical(np.repeat(donors, [len(table[0]) for table in tables]), categories=donors),
            "total_counts": np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel().astype(np.int64),
        },
        index=[cell for table in tables for cell in table[0]],
    )
    adata = ad.AnnData(X=log_normalize(counts), obs=obs, var=pd.DataFrame(index=genes), layers={"counts": counts})
    check_names(adata, f"baron ({', '.join(donors)})")
    if set(donors) < set(DONORS):
        missing = " and ".join(donor for donor in DONORS if donor not in donors)
        adata.uns["partial"] = f"donor {' and '.join(donors)} only (the paper's cells include {missing})"
    return adata
