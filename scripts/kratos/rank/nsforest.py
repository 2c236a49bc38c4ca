"""NS-Forest 4: the few genes whose decision-tree cuts together give the best F-beta (Aevermann et al. 2021)."""

import io
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, Literal

import nsforest
import numpy as np
import pandas as pd
from anndata import AnnData

from kratos.rank.groups import anonymous, groups_of, missing, one_against_rest, rows_of_types

log = logging.getLogger(__name__)


def rank(
    adata: AnnData,
    *,
    seed: int,
    genes: Literal["markers", "binary_genes"] = "markers",
    gene_selection: Literal["BinaryFirst_high", "BinaryFirst_moderate", "BinaryFirst_mild", "all"] = "BinaryFirst_high",
    n_trees: int = 1000,
    n_top_genes: int = 15,
    n_binary_genes: int = 10,
    n_genes_eval: int = 6,
    beta: float = 0.5,
) -> pd.DataFrame:
    """Rank the genes that NS-Forest selects by their binary score; the others get no rank.

    Parameters
    ----------
    adata
        Cells with ``obs["cell_type"]``; X (n, p) log-normalised, dense or sparse.
    seed
        Not used: the package fixes the random state of its forests.
    genes
        ``markers``: the combination with the best F-beta, at most ``n_genes_eval`` genes; ``binary_genes``: the
        candidates that it is chosen from, at most ``n_binary_genes``.
    gene_selection
        Genes that enter the forests, by their binary score over all types: two or one standard deviations above the
        mean, above the median, or all with a positive median in some type.
    n_trees, n_top_genes
        Trees of each forest, and the genes kept by its importance.
    n_binary_genes, n_genes_eval
        Genes kept by binary score, and genes of which all combinations are tried.
    beta
        β of F-beta; below 1 it favours precision.

    Returns
    -------
    pandas.DataFrame
        See `kratos.rank.order.ranking_rows`; a score is a binary score, in [0, 1].
    """
    groups = groups_of(adata)
    options = {
        "gene_selection": None if gene_selection == "all" else gene_selection,
        "n_trees": n_trees,
        "n_top_genes": n_top_genes,
        "n_binary_genes": n_binary_genes,
        "n_genes_eval": n_genes_eval,
        "beta": beta,
    }
    lone = [one_against_rest(groups, k, minimum=1) for k in range(len(groups.names))]
    cells = None if any(lone) else _prepare(anonymous(adata, groups))
    column = {"markers": "NSForest_markers", "binary_genes": "binary_genes"}[genes]

    def score(k: int) -> tuple[np.ndarray, np.ndarray | None, str]:
        if lone[k]:
            return missing(adata.n_vars, lone[k])
        chosen, note = _select(cells, str(k), column, options)
        if note:
            return missing(adata.n_vars, note)
        scores = np.full(adata.n_vars, np.nan)
        scores[[int(gene) for gene in chosen]] = cells.varm["binary_scores_group"].loc[chosen, str(k)]
        return scores, None, ""

    return rows_of_types(adata, groups, score)


def _prepare(cells: AnnData) -> AnnData:
    """The genes with a positive median in some group, with their medians and binary scores."""
    with _quiet():
        cells = nsforest.pp.prep_medians(cells, "group")
        return nsforest.pp.prep_binary_scores(cells, "group") if cells.n_vars else cells


def _select(cells: AnnData, group: str, column: str, options: dict[str, Any]) -> tuple[list[str], str]:
    """Genes that NS-Forest selects for one group, or why it selects none."""
    if cells.n_vars == 0:
        return [], "no gene has a positive median in any type"
    # The package insists on an output folder, also when it is told to save nothing.
    with tempfile.TemporaryDirectory() as folder, _quiet():
        try:
            result = nsforest.nsforesting.NSForest(
                cells, "group", cluster_list=[group], n_jobs=1, output_folder=folder, **options
            )
        except ValueError as error:
            return [], f"NS-Forest fails on this type ({error}): with no gene preselected, try another gene_selection"
    if result.empty:
        return [], "none of NS-Forest's top genes has a positive median in this type"
    return list(result[column].iloc[0]), ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Send what the package prints to the log."""
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        yield
    log.debug("NS-Forest printed:\n%s", printed.getvalue())
