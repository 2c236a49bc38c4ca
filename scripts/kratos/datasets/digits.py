"""Handwritten digits of 8 x 8 pixels that ship inside scikit-learn: a stand-in for MNIST without a download."""

from pathlib import Path

import anndata as ad

from kratos.datasets._images import as_cells


def load(files: dict[str, Path] | None = None) -> ad.AnnData:
    """Load ``sklearn.datasets.load_digits()``.

    Parameters
    ----------
    files
        None needed.

    Returns
    -------
    anndata.AnnData
        1,797 images x 64 pixels, ``X`` = pixel / 16, cell types "0" to "9"; see `kratos.datasets._images`.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    names = [f"digit_{index:04d}" for index in range(len(digits.target))]
    return as_cells(digits.images, 16, digits.target, names)
