"""PBMC 3k (10x Genomics): the counts, with the cells, genes and cell types of scanpy's processed file."""

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from kratos.cells import check_names, read_cells
from kratos.datasets._counts import log_normalize, whole_counts
from kratos.datasets._files import pick
from kratos.errors import KratosError


def load(files: dict[str, Path], *, min_cells: int = 3, label: str = "louvain") -> ad.AnnData:
    """Load PBMC 3k, log-normalised as scanpy's tutorial does it.

    Genes seen in fewer than `min_cells` of all cells of the raw file are dropped, the processed file's cells kept,
    each cell scaled to 10,000 counts over the genes that remain, log(1 + x) taken, and the processed file's genes
    kept. Only names and labels of the processed file are used.

    Parameters
    ----------
    files
        ``raw`` and ``processed`` h5ad files.
    min_cells
        Least number of cells that express a gene.
    label
        Column of the processed file's ``obs`` with the cell types.

    Returns
    -------
    anndata.AnnData
        Cells x genes (published: 2,638 x 1,838), with ``layers["counts"]`` of the kept genes and
        ``obs["total_counts"]`` over the genes that remain after the `min_cells` filter.

    Raises
    ------
    KratosError
        When a cell, a gene or the label column of the processed file is missing, or a value is not a count.
    """
    paths = {role: pick(files, role) for role in ("raw", "processed")}
    raw, processed = (read_cells(path) for path in paths.values())
    raw.var_names_make_unique()
    check_names(raw, str(paths["raw"]))
    check_names(processed, str(paths["processed"]))
    if label not in processed.obs:
        columns = ", ".join(map(str, processed.obs.columns)) or "none"
        raise KratosError(f"{paths['processed']}: no column {label!r} in obs (columns: {columns}); set `label`")
    counts = whole_counts(raw, raw.X, str(paths["raw"]))
    expressed = np.bincount(counts.indices, minlength=raw.n_vars) >= min_cells
    for kind, wanted, names in (
        ("cell", processed.obs_names, raw.obs_names),
        ("gene", processed.var_names, raw.var_names[expressed]),
    ):
        missing = wanted.difference(names, sort=False)
        if len(missing):
            raise KratosError(
                f"{paths['raw']} lacks {len(missing)} of the {kind}s of {paths['processed']} (first: {missing[0]!r}, "
                f"min_cells {min_cells}); download both files again"
            )
    counts = counts[raw.obs_names.get_indexer(processed.obs_names)]
    totals = np.asarray(counts[:, expressed].sum(axis=1, dtype=np.float64)).ravel()
    counts = counts[:, raw.var_names.get_indexer(processed.var_names)]
    obs = pd.DataFrame(
        {"cell_type": pd.Categorical(processed.obs[label].astype(str)), "total_counts": totals.astype(np.int64)},
        index=processed.obs_names.astype(str),
    )
    return ad.AnnData(
        X=log_normalize(counts, totals),
        obs=obs,
        var=pd.DataFrame(index=processed.var_names.astype(str)),
        layers={"counts": counts},
    )
