"""Rules markers and marker_page on the planted cells: what scanpy reads is what the other rules found."""

import re

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc

from kratos import tl

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def found(finished):
    return ad.read_h5ad(finished.path("planted", "0", "markers.h5ad"))


def test_scanpy_reads_the_rankings_on_all_cells(finished, found):
    for method, key in (("net_ig", "rank_genes_groups"), ("random", "rank_genes_groups_random")):
        ranking = pd.read_parquet(finished.path("planted", "0", "rankings", f"{method}.parquet"))
        for group in ("Alpha", "Beta", "Gamma"):
            own = ranking[(ranking["protocol"] == "crossval") & (ranking["cell_type"] == group)].sort_values("rank")
            table = sc.get.rank_genes_groups_df(found, group, key=key)
            assert table["names"].tolist() == own["gene"].tolist()
            np.testing.assert_allclose(table["scores"], own["score"], rtol=1e-6)


def test_embedding_projection_and_assigned_types_belong_to_the_cells(finished, found):
    with np.load(finished.path("planted", "0", "net", "embedding.npz")) as stored:
        np.testing.assert_array_equal(found.obsm["X_net"], stored["latent"])
    rows = pd.read_parquet(finished.path("planted", "0", "projections.parquet"))
    own = rows[rows["space"] == "net"].set_index("cell").loc[found.obs_names]
    np.testing.assert_allclose(found.obsm["X_tsne_net"], own[["x", "y"]])
    assert "X_tsne" in found.obsm


def test_a_run_s_model_labels_cells_as_the_run_did(finished, found, planted_counts):
    """`kratos.tl.predict` from counts, with no part of the workflow but its model file."""
    cells = planted_counts.copy()
    tl.predict(cells, finished.path("planted", "0", "net", "model.pt"))
    assert cells.obs["kratos_cell_type"].astype(str).tolist() == found.obs["net_cell_type"].astype(str).tolist()


def test_page_and_summary_say_what_the_file_held(finished):
    page = finished.path("planted", "0", "markers.html").read_text(encoding="utf-8")
    said = "Your file holds counts (detected: all values are whole numbers)"
    assert said in page
    assert "Net_ig" in page
    assert "Rare (3 cells)" in page
    summary = finished.path("summary.txt").read_text(encoding="utf-8")
    assert said in summary
    assert "results/planted/0/markers.html (in a browser)" in summary
    assert said.removeprefix("Your file holds ") in (finished.folder / "logs" / "planted" / "cells.log").read_text()


def test_the_page_s_areas_are_those_of_the_rows(finished):
    rows = pd.read_parquet(finished.path("planted", "0", "auroc", "net_ig.parquet"))
    own = rows[(rows["protocol"] == "heldout") & (rows["note"] == "")]
    expected = own[own["n_genes"] == own["n_genes"].min()].groupby("cell_type")["value"].mean().mean()
    page = finished.path("planted", "0", "markers.html").read_text(encoding="utf-8")
    row = r">scored on test cells</td><td class=\"number\">Net_ig</td><td class=\"number\">([\d.]+)<"
    (shown,) = re.findall(row, page)
    assert float(shown) == pytest.approx(expected, abs=6e-4)
