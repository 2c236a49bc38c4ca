"""A part of the cells, drawn at random within each cell type, for steps whose cost grows faster than the cells do."""

import logging
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from kratos.cells import open_cells
from kratos.matrices import on_disk
from kratos.plugins import constant
from kratos.seeds import derive_seed

log = logging.getLogger(__name__)

# Cells of a type, where the config sets no limit and the cells are too many to be all in memory.
PER_TYPE = 1000


@dataclass
class Sample:
    """Cells in memory, and what they are a part of.

    Attributes
    ----------
    adata
        The cells, in the order of the file.
    rows
        (n,) their rows in the file.
    available
        Cells in the file.
    """

    adata: ad.AnnData
    rows: np.ndarray
    available: int

    @property
    def sizes(self) -> dict[str, int]:
        """Columns for the rows of a result: how many cells it comes from, and how many there are."""
        return {"cells_used": self.adata.n_obs, "cells_available": self.available}


def sampled_rows(labels: pd.Series, maximum: int, seed: int) -> np.ndarray:
    """Draw at most `maximum` cells of each type.

    Parameters
    ----------
    labels
        Cell types (n,).
    maximum
        Cells of a type; types with fewer are kept whole.
    seed
        Seed from which each type's own is derived. With the same seed a smaller sample is a part of a larger one, and
        a type's cells do not depend on the other types.

    Returns
    -------
    numpy.ndarray
        Sorted row numbers.
    """
    by_type = pd.Series(labels.astype(str).to_numpy()).groupby(labels.astype(str).to_numpy()).indices
    drawn = [
        np.random.default_rng(derive_seed(cell_type, seed)).permutation(rows)[:maximum]
        for cell_type, rows in by_type.items()
    ]
    return np.sort(np.concatenate(drawn))


def in_memory(adata: ad.AnnData, maximum: int, *, seed: int, when_many: int = PER_TYPE, many: float = np.inf) -> Sample:
    """Take cells into memory: all of them, or a sample.

    Parameters
    ----------
    adata
        From `kratos.cells.open_cells`.
    maximum
        Cells of a type; 0 takes all, or `when_many` of each type where X is on disk or there are more cells than
        `many`.
    seed
        See `sampled_rows`.
    when_many, many
        See `maximum`.
    """
    limit = maximum or (when_many if on_disk(adata.X) or adata.n_obs > many else 0)
    if not limit or (not on_disk(adata.X) and adata.obs["cell_type"].value_counts().max() <= limit):
        return Sample(adata, np.arange(adata.n_obs), adata.n_obs)
    rows = sampled_rows(adata.obs["cell_type"], limit, seed)
    log.info("%d of %d cells: at most %d of a type, drawn at random", len(rows), adata.n_obs, limit)
    return Sample(adata[rows].to_memory(), rows, adata.n_obs)


def for_fitting(adata: ad.AnnData, kind: str, *, seed: int) -> Sample:
    """What a kind of model is fitted on: all cells, or a sample where they are on disk and it cannot read them there.

    A model whose module has ``STREAMS = True`` takes cells from disk as it goes.
    """
    if constant("models", kind, "STREAMS", False):
        return Sample(adata, np.arange(adata.n_obs), adata.n_obs)
    return in_memory(adata, 0, seed=seed, when_many=PER_TYPE)


def read_sample(
    path: str | Path, maximum: int, *, seed: int, when_many: int = PER_TYPE, many: float = np.inf
) -> Sample:
    """Read the cells of a file that `in_memory` takes."""
    return in_memory(open_cells(path), maximum, seed=seed, when_many=when_many, many=many)
