"""AUROC of marker panels: walk the sizes of one ranking under both protocols, as tidy rows."""

import logging
from typing import Any, Literal

import numpy as np
import pandas as pd
from anndata import AnnData

from kratos.evaluate.panels import note_of, why_not_evaluated
from kratos.evaluate.svm import crossval_auroc, grid_distances, heldout_auroc, sample_parameters
from kratos.matrices import to_dense
from kratos.rank.order import ranked_genes
from kratos.seeds import derive_seed

log = logging.getLogger(__name__)
AUROC_COLUMNS = ["protocol", "cell_type", "n_genes", "fraction", "fold", "value", "c", "gamma", "inner_auroc", "note"]


def minmax_scaled(x: np.ndarray, fitted_on: np.ndarray) -> np.ndarray:
    """Scale genes (n, p) to the range that they have on the cells of the mask `fitted_on` (n,); float64."""
    low, high = x[fitted_on].min(axis=0).astype(np.float64), x[fitted_on].max(axis=0).astype(np.float64)
    return (x - low) / np.where(high > low, high - low, 1.0)


def auroc_rows(
    adata: AnnData,
    ranking: pd.DataFrame,
    sizes: list[int],
    *,
    protocols: list[Literal["crossval", "heldout"]],
    minimum_cells: int,
    draws: int,
    folds: int,
    inner_folds: int,
    c_scale: float,
    gamma_scale: float,
    seed: int,
    bandwidth: Literal["gamma", "sigma"] = "gamma",
    skip_full: bool = False,
) -> pd.DataFrame:
    """AUROC of an RBF SVM on each type's top-k genes, one against the rest (Sec. 4.4, 6.2).

    Parameters
    ----------
    adata
        All cells, with ``obs["cell_type"]`` and ``obs["split"]``.
    ranking
        Rows of `kratos.rank.order.ranking_rows` with a column ``protocol``: ``crossval`` ranks genes on all cells, as
        the paper does; ``heldout`` on training cells only.
    sizes
        Panel sizes; sizes beyond what a ranking ranks are left out. A type with fewer ranked genes than the smallest
        size is evaluated on all of them, so that it does not drop out silently.
    protocols
        ``crossval``: folds over all cells, ranking and SVM on the same cells (the paper). ``heldout``: SVM scaled and
        tuned on training cells, scored once on test cells.
    minimum_cells
        Types with fewer cells are not evaluated; a row says so.
    draws, inner_folds, c_scale, gamma_scale
        Random search over C and γ, both exponentially distributed.
    bandwidth
        What the second draw is: γ itself (released code) or σ with γ = 1 / (2σ²), the paper's words.
    folds
        Outer folds of ``crossval``.
    seed
        Seed of the search and of the folds; the same for every method, so that methods are compared on equal terms.
    skip_full
        Leave out the set of all genes: it is the same for every method, so it is evaluated once, elsewhere.

    Returns
    -------
    pandas.DataFrame
        Columns `AUROC_COLUMNS`; one row per fold.
    """
    x, labels = to_dense(adata.X), adata.obs["cell_type"].astype(str).to_numpy()
    training = (adata.obs["split"] != "test").to_numpy()
    draws_of = sample_parameters(draws, derive_seed("search", seed), c_scale=c_scale, gamma_scale=gamma_scale)
    if bandwidth == "sigma":
        draws_of[:, 1] = 0.5 / np.square(draws_of[:, 1])
    position = {gene: i for i, gene in enumerate(adata.var_names)}
    rows: list[tuple[Any, ...]] = []
    for protocol in protocols:
        own = ranking[ranking["protocol"] == protocol]
        scaled = minmax_scaled(x, training if protocol == "heldout" else np.ones(len(x), dtype=bool))
        for cell_type in sorted(np.unique(labels)):
            y = labels == cell_type
            note = why_not_evaluated(own, cell_type, y, minimum_cells) or too_few(
                y, training, protocol, folds, inner_folds
            )
            genes = [] if note else ranked_genes(own, cell_type)
            if not note and not genes:
                note = note_of(own, cell_type)
            if note:
                log.info("%s, %s: not evaluated: %s", protocol, cell_type, note)
                rows.append((protocol, cell_type, 0, np.nan, -1, np.nan, np.nan, np.nan, np.nan, note))
                continue
            wanted = [k for k in sizes if k <= len(genes) and not (skip_full and k == adata.n_vars)]
            if len(genes) < min(sizes):
                wanted = [len(genes)]
            if not wanted:
                continue
            ranked = np.ascontiguousarray(scaled[:, [position[g] for g in genes[: wanted[-1]]]])
            for k, distances in grid_distances(ranked, wanted):
                if protocol == "heldout":
                    results = [heldout_auroc(distances, y, training, draws_of, inner_folds=inner_folds)]
                else:
                    results = crossval_auroc(
                        distances, y, draws_of, derive_seed("folds", seed), n_folds=folds, inner_folds=inner_folds
                    )
                rows += [
                    (protocol, cell_type, k, k / adata.n_vars, r.fold, r.auroc, r.C, r.gamma, r.inner_auroc, "")
                    for r in results
                ]
            log.info("%s, %s: %d panel sizes", protocol, cell_type, len(wanted))
    return pd.DataFrame(rows, columns=AUROC_COLUMNS)


def too_few(y: np.ndarray, training: np.ndarray, protocol: str, folds: int, inner_folds: int) -> str:
    """Why a type (mask `y`), or the rest, has too few cells for a protocol's folds; empty when both have enough."""
    for name, own in (("", y), ("other ", ~y)):
        n = int(own.sum())
        scored = int((own & ~training).sum()) if protocol == "heldout" else n // folds
        tuned = int((own & training).sum()) if protocol == "heldout" else n - -(-n // folds)
        if tuned < inner_folds or scored < 1:
            return (
                f"{n} {name}cells ({tuned} to tune on, {scored} to score) are too few for {folds} folds with "
                f"{inner_folds} inner folds"
            )
    return ""
