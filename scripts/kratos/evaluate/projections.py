"""Two-dimensional pictures of the input and of embeddings: UMAP and t-SNE at their defaults (Figs. 1 and 3)."""

import numpy as np
import pandas as pd


def project(x: np.ndarray, projection: str, seed: int) -> np.ndarray:
    """Project cells (n, d) to the plane (n, 2) by ``umap`` or ``tsne`` (perplexity 30), as in Fig. 3.

    t-SNE's perplexity must stay below the number of cells, and UMAP's neighbours too: small data take the largest
    value that is allowed.
    """
    if projection == "umap":
        from umap import UMAP

        return UMAP(n_neighbors=min(15, len(x) - 1), random_state=seed, n_jobs=1).fit_transform(x)
    from sklearn.manifold import TSNE

    return TSNE(perplexity=min(30.0, (len(x) - 1) / 3), random_state=seed).fit_transform(x)


def projection_rows(x: np.ndarray, projection: str, space: str, seed: int, obs: pd.DataFrame) -> pd.DataFrame:
    """Tidy rows of one projection: cell, cell_type, split, space, projection, x, y."""
    plane = project(x, projection, seed)
    return pd.DataFrame(
        {
            "cell": obs.index.to_numpy(dtype=object),
            "cell_type": obs["cell_type"].astype(str).to_numpy(dtype=object),
            "split": obs["split"].astype(str).to_numpy(dtype=object),
            "space": space,
            "projection": projection,
            "x": plane[:, 0].astype(np.float64),
            "y": plane[:, 1].astype(np.float64),
        }
    )
