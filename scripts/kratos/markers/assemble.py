"""``markers.h5ad``: a data set's cells with everything that a run found, in the places where scanpy looks."""

from collections.abc import Mapping, Sequence
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from kratos.cells import write_cells
from kratos.errors import KratosError
from kratos.markers.scanpy_format import rank_genes_groups

FIRST_KEY = "rank_genes_groups"
PROJECTION_KEYS = {"umap": "X_umap", "tsne": "X_tsne"}


def add_rankings(
    adata: ad.AnnData, rankings: Mapping[str, pd.DataFrame], n_genes: int | None = None
) -> tuple[dict[str, str], list[str]]:
    """Write every method's ranking into ``uns``, see `kratos.markers.scanpy_format.rank_genes_groups`.

    Parameters
    ----------
    adata
        Cells with ``obs["cell_type"]``. Changed in place.
    rankings
        Rows by method. The first that ranks genes gets the key ``rank_genes_groups``, the others
        ``rank_genes_groups_<method>``.
    n_genes
        Genes per type; all when None.

    Returns
    -------
    keys
        Key of ``uns`` by method.
    notes
        Sentences about methods and types without a ranking.

    Raises
    ------
    KratosError
        When no method ranks any gene.
    """
    types = sorted(adata.obs["cell_type"].astype(str).unique())
    keys, notes = {}, []
    for method, ranking in rankings.items():
        try:
            found = rank_genes_groups(
                ranking,
                adata,
                labels="cell_type",
                groupby="cell_type",
                method=method,
                groups=types,
                n_genes=n_genes,
            )
        except KratosError as error:
            notes.append(str(error))
            continue
        keys[method] = f"{FIRST_KEY}_{method}" if keys else FIRST_KEY
        adata.uns[keys[method]] = found
        left = sorted(set(types) - set(found["names"].dtype.names))
        if left:
            notes.append(f"{method} ranks no genes for {', '.join(left)}")
    if not keys:
        raise KratosError(f"no method ranks genes of one type against the rest: {'; '.join(notes)}")
    return keys, notes


def add_model(adata: ad.AnnData, model: str, stored: Mapping[str, np.ndarray], cell_types: Sequence[str]) -> None:
    """Write a model's embedding, ``obsm["X_<model>"]``, and the type that it gives each cell, ``obs["<model>"]``.

    Parameters
    ----------
    adata
        Cells (n). Changed in place.
    model
        Name of the model.
    stored
        ``latent`` (n, d), ``group`` (n,) and ``group_type`` (G,), as rule `train` keeps them.
    cell_types
        Types that ``group_type`` counts, sorted.
    """
    adata.obsm[f"X_{model}"] = stored["latent"]
    assigned = np.asarray(stored["group_type"])[stored["group"]]
    adata.obs[f"{model}_cell_type"] = pd.Categorical.from_codes(assigned, categories=list(cell_types))


def add_projections(adata: ad.AnnData, rows: pd.DataFrame) -> None:
    """Write projections: of the input as ``X_umap``, ``X_tsne``; of a model's embedding as ``X_umap_<model>``."""
    for (projection, space), own in rows.groupby(["projection", "space"], sort=False):
        key = PROJECTION_KEYS[projection] + ("" if space == "input" else f"_{space}")
        adata.obsm[key] = own.set_index("cell").loc[adata.obs_names, ["x", "y"]].to_numpy()


def about(adata: ad.AnnData, minimum_cells: int, shown: int) -> list[str]:
    """Sentences about the cells: sizes, what the matrix held, what was dropped, which types are not evaluated.

    Parameters
    ----------
    adata
        All cells.
    minimum_cells
        Types with fewer are not evaluated.
    shown
        Cells that the file has: all, or a sample.
    """
    sizes = adata.obs["cell_type"].astype(str).value_counts()
    lines = [f"{adata.n_obs:,} cells, {adata.n_vars:,} genes, {len(sizes)} cell types."]
    if shown < adata.n_obs:
        lines.append(
            f"Genes are ranked on {shown:,} of them, drawn at random within each type: those shown and in markers.h5ad."
        )
    if adata.uns.get("values"):
        lines.append(f"Your file holds {adata.uns['values']}.")
    dropped, empty = int(adata.uns.get("cells_without_label", 0)), int(adata.uns.get("cells_without_counts", 0))
    if dropped:
        lines.append(f"{dropped:,} cells without a cell type were dropped.")
    if empty:
        lines.append(f"{empty:,} cells have no counts in any gene; they were kept.")
    small = {t: n for t, n in sizes.sort_index().items() if n < minimum_cells}
    if small:
        named = ", ".join(f"{t} ({n} {'cell' if n == 1 else 'cells'})" for t, n in small.items())
        lines.append(f"Trained on, but not evaluated, as they have fewer than {minimum_cells} cells: {named}.")
    return lines


def write_markers(adata: ad.AnnData, path: str, kratos: Mapping[str, Any]) -> None:
    """Write the file; ``uns["kratos"]`` says what is in it (see `kratos.cells.write_cells` for what it may hold)."""
    adata.uns["kratos"] = {key: np.array(v, dtype=object) if isinstance(v, list) else v for key, v in kratos.items()}
    write_cells(adata, path)
