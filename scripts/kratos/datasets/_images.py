"""Images as cells x genes: a pixel is a gene, a digit is a cell type."""

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse


def as_cells(pixels: np.ndarray, brightest: float, labels: np.ndarray, names: list[str]) -> ad.AnnData:
    """Flatten images.

    Parameters
    ----------
    pixels
        (n_images, n_rows, n_columns).
    brightest
        The pixel value that becomes 1.
    labels
        Digit per image, (n_images,).
    names
        Name per image.

    Returns
    -------
    anndata.AnnData
        Images x pixels, CSR float32 in [0, 1]; genes are named ``r<row>c<column>`` (from 0), with integer columns
        ``row`` and ``col`` in ``var``; ``uns["image_shape"]`` is [n_rows, n_columns].
    """
    n_images, n_rows, n_columns = pixels.shape
    matrix = sparse.csr_matrix(pixels.reshape(n_images, -1))
    row, col = np.divmod(np.arange(n_rows * n_columns), n_columns)
    return ad.AnnData(
        X=sparse.csr_matrix(
            (matrix.data.astype(np.float32) / np.float32(brightest), matrix.indices, matrix.indptr), matrix.shape
        ),
        obs=pd.DataFrame({"cell_type": pd.Categorical(labels.astype(int).astype(str))}, index=names),
        var=pd.DataFrame({"row": row, "col": col}, index=[f"r{r}c{c}" for r, c in zip(row, col, strict=True)]),
        uns={"image_shape": [n_rows, n_columns]},
    )
