"""Data sets: one module per loader, each with ``load(files, **params) -> AnnData``; a new file is a new loader.

A loader returns cells x genes: ``X`` float32, dense or CSR, log-normalised (images: pixels in [0, 1]),
``layers["counts"]`` (CSR float32, whole numbers) where they exist, ``obs["cell_type"]``, and for a data set with
counts ``obs["total_counts"]``, the cell's counts over all genes that were kept when it was normalised.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kratos import plugins

if TYPE_CHECKING:
    from anndata import AnnData


def available() -> list[str]:
    """Names of the loaders: the modules of this package that define ``load`` (none is imported)."""
    return [name for name in plugins.available("datasets") if not name.startswith("_")]


def load(loader: str, files: dict[str, Path], params: dict[str, Any] | None = None) -> "AnnData":
    """Load a data set and check its contract (without ``obs["split"]``).

    Parameters
    ----------
    loader
        One of `available()`.
    files
        Key -> path. A loader finds each of its files by the words in key and file name.
    params
        The loader's keyword-only parameters.

    Returns
    -------
    anndata.AnnData
        Cells x genes, as the package's docstring says.

    Raises
    ------
    KratosError
        For an unknown loader or parameter, and for what the loader finds wrong with a file.
    """
    from kratos.cells import check_cells

    module = plugins.plugin("datasets", loader)
    plugins.check_parameters("datasets", loader, params or {})
    adata = module.load({key: Path(path) for key, path in files.items()}, **(params or {}))
    check_cells(adata, name=loader, split=False)
    return adata
