"""A user's own cells: any h5ad file with a label column, holding counts or log-normalised values."""

import logging
from pathlib import Path
from typing import Literal

import anndata as ad

from kratos.datasets._files import pick
from kratos.expression import labelled_cells
from kratos.h5ad_files import matrix_of

log = logging.getLogger(__name__)


def load(
    files: dict[str, Path] | None = None,
    *,
    label: str = "cell_type",
    path: str | None = None,
    values: Literal["auto", "counts", "lognorm"] = "auto",
    layer: str = "X",
) -> ad.AnnData:
    """Load cells x genes from one matrix of an h5ad file.

    Parameters
    ----------
    files
        ``h5ad`` (or the only file); not needed with `path`.
    label
        Column of ``obs`` with the cell types. Cells without one are dropped and counted in
        ``uns["cells_without_label"]``.
    path
        The file, in the place of `files`.
    values
        What the matrix holds: ``counts`` (each cell is scaled to 10,000 counts, then log(1 + x)), ``lognorm`` (taken
        as it is), or ``auto``: counts where all values are whole numbers.
    layer
        The matrix: ``X``, ``raw`` (``raw.X`` with its genes), or the name of a layer. Nothing else of the file is
        read. Where it would take more than 0.5 GiB as a dense matrix, it is read a block of cells at a time and the
        result stays on disk, in the folder that TMPDIR names, unless it is stored by genes (CSC).

    Returns
    -------
    anndata.AnnData
        Cells x genes; with counts also ``layers["counts"]`` and ``obs["total_counts"]``. ``uns["values"]`` says what
        the matrix held.

    Raises
    ------
    KratosError
        For a missing label column or layer (listing what there is), duplicate names, and values that are NaN,
        infinite, negative or not what `values` says (naming cell and gene).
    """
    if path is None:
        path = next(iter(files.values())) if files and len(files) == 1 else pick(files or {}, "h5ad")
    with matrix_of(path, layer) as user:
        adata = labelled_cells(user, label, values, str(path))
    log.info("%s holds %s", layer, adata.uns["values"])
    for key, what in (("cells_without_label", f"no {label} and are dropped"), ("cells_without_counts", "only zeros")):
        if adata.uns[key]:
            log.warning("%d cells have %s", adata.uns[key], what)
    return adata
