"""Clustering metrics of a model's groups and embedding (Sec. 2.3, Table 2)."""

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, silhouette_score


def clustering_metrics(
    latent: np.ndarray,
    group: np.ndarray,
    labels: np.ndarray,
    split: np.ndarray,
    *,
    silhouette_cells: int = 0,
    seed: int = 0,
) -> pd.DataFrame:
    """Silhouette of the cell types in the embedding, ARI and AMI of the assigned groups against the cell types.

    Parameters
    ----------
    latent
        Latent coordinates (n, d).
    group
        Assigned group of each cell (n,).
    labels
        Cell types (n,).
    split
        ``train``, ``validation`` or ``test`` (n,).
    silhouette_cells
        Cells of the silhouette, which compares all pairs: a random sample where there are more; 0 takes all. ARI and
        AMI always take all.
    seed
        Seed of that sample.

    Returns
    -------
    pandas.DataFrame
        Columns ``cells`` (all; training, with the validation cells; test), ``n_cells``, ``metric`` (silhouette, ari,
        ami), ``value``, ``cells_used`` and ``cells_available``; a metric that is undefined on its cells is NaN.
    """
    masks = {"all": np.ones(len(labels), dtype=bool), "training": split != "test", "test": split == "test"}
    rows = []
    for cells, mask in masks.items():
        y, g, n_types = labels[mask], group[mask], len(np.unique(labels[mask]))
        defined = 2 <= n_types < len(y)
        sample = silhouette_cells if 0 < silhouette_cells < len(y) else None
        silhouette = silhouette_score(latent[mask], y, sample_size=sample, random_state=seed) if defined else np.nan
        values = {
            "silhouette": silhouette,
            "ari": adjusted_rand_score(y, g) if len(y) else np.nan,
            "ami": adjusted_mutual_info_score(y, g) if len(y) else np.nan,
        }
        for metric, value in values.items():
            used = sample if metric == "silhouette" and sample else len(y)
            rows.append((cells, len(y), metric, float(value), used, len(y)))
    return pd.DataFrame(rows, columns=["cells", "n_cells", "metric", "value", "cells_used", "cells_available"])
