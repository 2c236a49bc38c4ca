"""The mean correlation of a panel is that of numpy's correlation matrix, for every panel size at once."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from kratos.evaluate.panels import grid_sizes
from kratos.evaluate.redundancy import cells_of, panel_redundancy, redundancy_rows
from kratos.rank.order import ranking_rows


def by_matrix(x, k, diagonal):
    """Mean of numpy's correlation matrix of the first k genes, those that do not vary left out."""
    panel = x[:, :k].astype(np.float64)
    panel = panel[:, panel.std(axis=0) > 0]
    if panel.shape[1] < 2:
        return np.nan
    matrix = np.corrcoef(panel, rowvar=False)
    return matrix.mean() if diagonal else matrix[np.triu_indices_from(matrix, 1)].mean()


def correlated(n_cells=50, n_genes=12, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n_cells, 1)) + rng.normal(size=(n_cells, n_genes))).astype(np.float32)


@pytest.mark.parametrize("diagonal", [False, True])
def test_every_panel_size_equals_the_correlation_matrix(diagonal):
    x = correlated()
    sizes = [2, 3, 7, 12]
    expected = [by_matrix(x, k, diagonal) for k in sizes]
    np.testing.assert_allclose(panel_redundancy(x, sizes, diagonal=diagonal), expected, rtol=1e-10)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    n_cells=st.integers(3, 20),
    n_genes=st.integers(2, 8),
    constant=st.sets(st.integers(0, 7)),
    diagonal=st.booleans(),
)
def test_genes_that_do_not_vary_are_left_out(seed, n_cells, n_genes, constant, diagonal):
    x = np.random.default_rng(seed).normal(size=(n_cells, n_genes)).astype(np.float32)
    for gene in constant & set(range(n_genes)):
        x[:, gene] = 7.3 * (gene + 1)
    sizes = list(range(2, n_genes + 1))
    expected = [by_matrix(x, k, diagonal) for k in sizes]
    np.testing.assert_allclose(panel_redundancy(x, sizes, diagonal=diagonal), expected, atol=1e-9)


def test_copies_of_a_gene_are_fully_redundant_and_opposite_genes_cancel():
    gene = np.random.default_rng(1).normal(size=(30, 1))
    np.testing.assert_allclose(panel_redundancy(np.hstack([gene, 2 * gene + 1, gene]), [2, 3]), [1, 1], rtol=1e-12)
    np.testing.assert_allclose(panel_redundancy(np.hstack([gene, -gene]), [2]), [-1], rtol=1e-12)
    np.testing.assert_allclose(panel_redundancy(np.hstack([gene, -gene]), [2], diagonal=True), [0], atol=1e-12)


def test_independent_genes_are_hardly_redundant():
    x = np.random.default_rng(1).normal(size=(4000, 20))
    assert abs(panel_redundancy(x, [20])[0]) < 0.01


def test_one_gene_has_no_pair():
    x = correlated()
    assert np.isnan(panel_redundancy(x, [1])[0])
    np.testing.assert_array_equal(np.isnan(panel_redundancy(x, [1, 2])), [True, False])


def test_no_gene_that_varies_gives_nan():
    assert np.isnan(panel_redundancy(np.ones((5, 4)), [2, 4])).all()


def test_the_order_of_sizes_is_that_asked_for():
    x = correlated()
    ascending, mixed = panel_redundancy(x, [2, 5, 9]), panel_redundancy(x, [9, 2, 5])
    np.testing.assert_allclose(mixed, ascending[[2, 0, 1]], rtol=1e-12)


def test_panel_sizes_are_rounded_unique_ascending_and_at_least_one_gene():
    assert grid_sizes(1838, [0.01, 0.02, 1.0]) == [18, 37, 1838]
    assert grid_sizes(60, [0.001, 0.01, 0.5, 0.5001]) == [1, 30]
    assert grid_sizes(100, [0.4, 0.1]) == [10, 40]


def test_the_cells_of_a_panel():
    labels = np.array(["a", "b", "a"])
    assert cells_of(labels, "a", "all").tolist() == [True, True, True]
    assert cells_of(labels, "a", "type").tolist() == [True, False, True]


@pytest.fixture
def ranked():
    """Cells of types a (30), b (20) and rare (4), and a ranking in which c has no score."""
    rng = np.random.default_rng(2)
    labels = ["a"] * 30 + ["b"] * 20 + ["rare"] * 4
    adata = ad.AnnData(correlated(54, 10, 3), obs=pd.DataFrame({"cell_type": pd.Categorical(labels)}))
    adata.var_names = [f"g{j}" for j in range(10)]
    ranking = pd.concat([ranking_rows(adata.var_names, t, rng.normal(size=10)) for t in ("a", "b", "rare")])
    return adata, ranking


@pytest.mark.parametrize("cells", ["all", "type"])
@pytest.mark.parametrize("diagonal", [False, True])
def test_rows_are_those_of_each_type_s_own_ranking(ranked, cells, diagonal):
    adata, ranking = ranked
    rows = redundancy_rows(adata, ranking, [1, 3, 10], minimum_cells=10, cells=cells, diagonal=diagonal)
    for cell_type in ("a", "b"):
        genes = ranking[ranking["cell_type"] == cell_type].sort_values("rank")["gene"]
        mask = np.ones(54, bool) if cells == "all" else (adata.obs["cell_type"] == cell_type).to_numpy()
        x = adata[mask, genes].X
        own = rows[rows["cell_type"] == cell_type]
        assert own["n_genes"].tolist() == [3, 10]
        np.testing.assert_allclose(own["fraction"], [0.3, 1.0])
        np.testing.assert_allclose(own["value"], [by_matrix(x, k, diagonal) for k in (3, 10)], rtol=1e-9)
        assert (own["note"] == "").all()


def test_a_rare_type_is_named_and_not_evaluated(ranked):
    adata, ranking = ranked
    rows = redundancy_rows(adata, ranking, [3], minimum_cells=10, cells="all", diagonal=False)
    rare = rows[rows["cell_type"] == "rare"]
    assert rare["note"].tolist() == ["4 cells, fewer than minimum_cells = 10"]
    assert rare["value"].isna().all()


def test_a_type_without_ranks_keeps_the_ranking_s_note(ranked):
    adata, ranking = ranked
    nothing = ranking_rows(adata.var_names, "b", np.full(10, np.nan), note="none of its 20 cells is assigned to it")
    ranking = pd.concat([ranking[ranking["cell_type"] != "b"], nothing])
    rows = redundancy_rows(adata, ranking, [3], minimum_cells=10, cells="all", diagonal=False)
    assert rows.loc[rows["cell_type"] == "b", "note"].tolist() == ["none of its 20 cells is assigned to it"]
    without = redundancy_rows(
        adata, ranking[ranking["cell_type"] != "b"], [3], minimum_cells=10, cells="all", diagonal=False
    )
    assert without.loc[without["cell_type"] == "b", "note"].tolist() == ["not ranked by this method"]


def test_sizes_beyond_the_ranked_genes_are_left_out(ranked):
    adata, _ = ranked
    score = np.where(np.arange(10) < 5, np.arange(10.0), np.nan)
    short = pd.concat([ranking_rows(adata.var_names, t, score) for t in ("a", "b")])
    rows = redundancy_rows(adata, short, [2, 5, 10], minimum_cells=10, cells="all", diagonal=False)
    assert rows.loc[rows["cell_type"] == "a", "n_genes"].tolist() == [2, 5]


def test_sparse_cells_give_the_same_rows(ranked):
    adata, ranking = ranked
    settings = {"minimum_cells": 10, "cells": "all", "diagonal": False}
    dense = redundancy_rows(adata, ranking, [3, 10], **settings)
    adata.X = sparse.csr_matrix(adata.X)
    pd.testing.assert_frame_equal(dense, redundancy_rows(adata, ranking, [3, 10], **settings))
