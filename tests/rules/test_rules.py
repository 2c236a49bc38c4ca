"""Each rule, run by Snakemake on the planted cells, gives the numbers that an independent computation gives."""

import copy

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from scipy.stats import expon
from sklearn.metrics import adjusted_rand_score, roc_auc_score, silhouette_score
from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold, train_test_split
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

from kratos.files import read_json
from kratos.matrices import to_dense
from kratos.models.base import load_model
from kratos.seeds import derive_seed

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def cells(finished):
    return ad.read_h5ad(finished.path("planted", "cells.h5ad"))


@pytest.fixture(scope="module")
def rankings(finished):
    return {m: pd.read_parquet(finished.path("planted", "0", "rankings", f"{m}.parquet")) for m in ("net_ig", "random")}


@pytest.fixture(scope="module")
def areas(finished):
    return {m: pd.read_parquet(finished.path("planted", "0", "auroc", f"{m}.parquet")) for m in ("net_ig", "random")}


def test_cells_are_log_normalised_as_scanpy_does_it(cells, planted_counts):
    expected = planted_counts.copy()
    sc.pp.normalize_total(expected, target_sum=1e4)
    sc.pp.log1p(expected)
    np.testing.assert_allclose(cells.to_df(), expected.to_df().loc[cells.obs_names], rtol=1e-5)
    counts = cells.layers["counts"]
    np.testing.assert_array_equal(counts.toarray() if hasattr(counts, "toarray") else counts, planted_counts.X)


def test_cells_are_split_as_scikit_learn_does_it(cells):
    labels = cells.obs["cell_type"].astype(str).to_numpy()
    rest, test = train_test_split(np.arange(120), test_size=0.3, random_state=7, stratify=labels)
    assert set(np.flatnonzero(cells.obs["split"] == "test")) == set(test)
    assert (cells.obs["split"] == "validation").sum() == np.ceil(0.1 * len(rest))


def test_cells_remember_where_they_come_from(cells):
    source = cells.uns["source"]
    assert source["dataset"] == "planted"
    assert source["loader"] == "h5ad"
    assert len(source["fingerprint"]) == 64


def test_the_model_and_its_embedding_belong_together(finished, cells):
    import torch

    model = load_model(finished.path("planted", "0", "net", "model.pt"), list(cells.var_names))
    with np.load(finished.path("planted", "0", "net", "embedding.npz")) as stored:
        latent, group = stored["latent"], stored["group"]
    x = cells.X.toarray() if hasattr(cells.X, "toarray") else cells.X
    with torch.no_grad():
        np.testing.assert_allclose(latent, model.embed(torch.from_numpy(x)), rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(group, model.scores(torch.from_numpy(x)).argmax(dim=1))
    record = read_json(finished.path("planted", "0", "net", "training.json"))
    labels = cells.obs["cell_type"].astype(str).to_numpy()
    correct = np.array(model.cell_types)[group] == labels
    test = (cells.obs["split"] == "test").to_numpy()
    assert record["accuracy"]["test"] == pytest.approx(correct[test].mean())
    assert record["accuracy"]["test"] > 0.9
    assert record["seed"] == derive_seed("planted", "net", 0)
    assert record["hyperparameters"]["epochs"] == 60


def test_planted_markers_are_ranked_first(rankings, markers):
    ranking = rankings["net_ig"]
    assert set(ranking["protocol"]) == {"crossval", "heldout"}
    for protocol, own in ranking.groupby("protocol"):
        for name, planted in markers.items():
            best = own[(own["cell_type"] == name) & own["rank"].between(1, 10)]["gene"]
            assert len(set(best) & set(planted)) >= 4, (protocol, name, list(best))


def test_every_ranking_is_a_permutation_of_the_genes(rankings, cells):
    for method, ranking in rankings.items():
        assert set(ranking["method"]) == {method}
        assert set(ranking["dataset"]) == {"planted"}
        assert set(ranking["seed"]) == {0}
        for (_, cell_type), own in ranking.groupby(["protocol", "cell_type"]):
            assert sorted(own["gene"]) == sorted(cells.var_names)
            if cell_type != "Rare":
                assert sorted(own["rank"]) == list(range(1, 61))


def test_the_held_out_ranking_comes_from_training_cells_alone(rankings, cells):
    ranking = rankings["net_ig"].groupby(["protocol", "cell_type"])["n_cells"].first()
    labels, test = cells.obs["cell_type"].astype(str), cells.obs["split"] == "test"
    for name in ("Alpha", "Beta", "Gamma"):
        assert ranking["heldout", name] <= ((labels == name) & ~test).sum() < ranking["crossval", name]
        assert ranking["crossval", name] <= (labels == name).sum()


def test_a_ranking_is_the_same_as_by_a_direct_call(finished, rankings, cells):
    from kratos.explain.ranking import explain_types

    model = load_model(finished.path("planted", "0", "net", "model.pt"))
    seed = derive_seed("planted", "net_ig", 0)
    direct = explain_types(model, cells, "integrated_gradients", {"steps": 5}, seed=seed)
    stored = rankings["net_ig"].query("protocol == 'crossval'").set_index(["cell_type", "gene"])
    again = direct.set_index(["cell_type", "gene"]).loc[stored.index]
    np.testing.assert_allclose(stored["score"], again["score"], rtol=1e-6, atol=1e-9)


def search(x, y, seed):
    return RandomizedSearchCV(
        SVC(kernel="rbf", class_weight="balanced"),
        {"C": expon(scale=100), "gamma": expon(scale=0.1)},
        n_iter=3,
        cv=3,
        scoring="roc_auc",
        random_state=derive_seed("search", seed),
    ).fit(x, y)


@pytest.mark.parametrize("method", ["net_ig", "random"])
@pytest.mark.parametrize("cell_type", ["Alpha", "Gamma"])
def test_areas_of_a_panel_are_those_of_scikit_learn(cells, rankings, areas, method, cell_type):
    seed = derive_seed("planted", "auroc", 0)
    y = (cells.obs["cell_type"] == cell_type).to_numpy()
    test = (cells.obs["split"] == "test").to_numpy()
    expected = {}
    for protocol in ("crossval", "heldout"):
        own = rankings[method].query("protocol == @protocol and cell_type == @cell_type and 1 <= rank <= 3")
        x = cells[:, own.sort_values("rank")["gene"]].to_df().to_numpy(dtype=np.float64)
        if protocol == "crossval":
            x = MinMaxScaler().fit_transform(x)
            folds = StratifiedKFold(3, shuffle=True, random_state=derive_seed("folds", seed)).split(x, y)
        else:
            x = MinMaxScaler().fit(x[~test]).transform(x)
            folds = [(np.flatnonzero(~test), np.flatnonzero(test))]
        expected[protocol] = [
            roc_auc_score(y[scored], search(x[fitted], y[fitted], seed).decision_function(x[scored]))
            for fitted, scored in folds
        ]
    at_three = areas[method].query("cell_type == @cell_type and n_genes == 3")
    for protocol, values in expected.items():
        found = at_three[at_three["protocol"] == protocol]
        np.testing.assert_allclose(found.sort_values("fold")["value"], values, atol=1e-9)


def test_planted_markers_separate_their_type_and_random_genes_do_not(areas):
    means = {method: rows[rows["n_genes"] == 3].groupby("protocol")["value"].mean() for method, rows in areas.items()}
    assert (means["net_ig"] > 0.95).all()
    assert (means["random"] < means["net_ig"]).all()


def test_areas_have_both_protocols_all_sizes_and_the_excluded_type(areas):
    for rows in areas.values():
        evaluated = rows[rows["note"] == ""]
        assert {tuple(v) for v in evaluated[["protocol", "n_genes"]].values} == {
            (protocol, size) for protocol in ("crossval", "heldout") for size in (3, 6, 60)
        }
        assert evaluated.groupby("protocol")["fold"].nunique().to_dict() == {"crossval": 3, "heldout": 1}
        rare = rows[rows["cell_type"] == "Rare"]
        assert set(rare["note"]) == {"3 cells, fewer than minimum_cells = 10"}
        assert set(rows["dataset"]) == {"planted"}


def test_all_genes_are_equally_good_whoever_ranks_them(areas):
    whole = [
        rows.query("n_genes == 60").sort_values(["protocol", "cell_type", "fold"])["value"] for rows in areas.values()
    ]
    np.testing.assert_allclose(whole[0], whole[1], atol=1e-12)


@pytest.mark.parametrize("cell_type", ["Alpha", "Beta", "Gamma"])
def test_redundancy_is_numpy_s_correlation(finished, cells, rankings, cell_type):
    rows = pd.read_parquet(finished.path("planted", "0", "redundancy", "net_ig.parquet"))
    own = rankings["net_ig"].query("protocol == 'crossval' and cell_type == @cell_type").sort_values("rank")
    found = rows[rows["cell_type"] == cell_type].set_index("n_genes")["value"]
    assert found.index.tolist() == [3, 6, 60]
    for size, value in found.items():
        panel = cells[:, own["gene"][:size]].to_df().to_numpy(dtype=np.float64)
        expected = np.corrcoef(panel, rowvar=False)[np.triu_indices(size, 1)].mean()
        assert value == pytest.approx(expected, abs=1e-9)


def test_clustering_is_that_of_scikit_learn(finished, cells):
    rows = pd.read_parquet(finished.path("planted", "0", "clustering.parquet"))
    with np.load(finished.path("planted", "0", "net", "embedding.npz")) as stored:
        latent, group = stored["latent"], stored["group"]
    labels, test = cells.obs["cell_type"].astype(str).to_numpy(), (cells.obs["split"] == "test").to_numpy()
    found = rows[rows["cells"] == "test"].set_index("metric")["value"]
    assert found["silhouette"] == pytest.approx(silhouette_score(latent[test], labels[test]), rel=1e-6)
    assert found["ari"] == pytest.approx(adjusted_rand_score(labels[test], group[test]), rel=1e-9)
    assert set(rows["model"]) == {"net"}
    assert set(rows["cells"]) == {"all", "training", "test"}


def test_projections_have_every_cell_in_every_space(finished, cells):
    rows = pd.read_parquet(finished.path("planted", "0", "projections.parquet"))
    assert set(rows["projection"]) == {"tsne"}
    for space in ("input", "net"):
        own = rows[rows["space"] == space]
        assert own["cell"].tolist() == cells.obs_names.tolist()
        assert np.isfinite(own[["x", "y"]]).all(axis=None)
    placed = rows[(rows["space"] == "net") & (rows["cell_type"] != "Rare")]
    assert silhouette_score(placed[["x", "y"]], placed["cell_type"]) > 0.3


def test_tables_hold_the_means_of_the_evaluations(finished, areas):
    panels = pd.read_csv(finished.path("tables", "panels.csv")).set_index(["protocol", "method"])
    for method, title in (("net_ig", "Net_ig"), ("random", "Random")):
        for protocol in ("crossval", "heldout"):
            rows = areas[method].query("protocol == @protocol and n_genes == 3")
            by_type = rows.groupby("cell_type")["value"].mean()
            line = panels.loc[(protocol, title)]
            assert line["auroc"] == pytest.approx(by_type.mean(), abs=1e-5)
            for name in ("Alpha", "Beta", "Gamma"):
                assert line[name] == pytest.approx(by_type[name], abs=1e-5)
            assert line["not_evaluated"] == "Rare: 3 cells, fewer than minimum_cells = 10"
            assert line["dataset"] == "Planted markers"
    clusters = pd.read_csv(finished.path("tables", "clusters.csv"))
    assert clusters["model"].unique().tolist() == ["Net"]
    assert clusters["n_cells"].tolist() == [120, 84, 36]


def test_figures_have_the_numbers_that_they_draw_beside_them(finished, areas):
    curves = pd.read_csv(finished.path("figures", "curves.csv"))
    for method, rows in areas.items():
        own = rows[(rows["protocol"] == "crossval") & (rows["note"] == "")]
        grouped = own.groupby("n_genes")["value"]
        drawn = curves[curves["method"] == method].sort_values("n_genes")
        assert drawn["n_genes"].tolist() == [3, 6, 60]
        np.testing.assert_allclose(drawn["mean"], grouped.mean(), rtol=1e-5)
        np.testing.assert_allclose(drawn["sd"], grouped.std(), rtol=1e-4, atol=1e-6)
    assert len(pd.read_csv(finished.path("figures", "cells.csv"))) == 2 * 120


def test_limits_of_the_config_reach_the_rules_and_their_results_state_them(new_workflow):
    workflow = new_workflow("sampled")
    config = copy.deepcopy(workflow.config)
    config |= {"maximum_cells_per_type": 30, "clustering": {"silhouette_cells": 50}}
    config["auroc"]["maximum_cells_per_type"] = 20
    wanted = ["results/tables/panels.csv", "results/tables/clusters.csv", "results/planted/0/markers.html"]
    result = workflow.run(*wanted, config=config)
    assert result.returncode == 0, result.stdout[-4000:]
    for path, used in (("rankings", 93), ("auroc", 63)):
        rows = pd.read_parquet(workflow.path("planted", "0", path, "net_ig.parquet"))
        assert set(rows["cells_used"]) == {used}
        assert set(rows["cells_available"]) == {120}
    for table, used in (("panels", 63), ("clusters", 50)):
        notes = pd.read_csv(workflow.path("tables", f"{table}.csv"))["sampled"]
        assert set(notes) == {f"Planted markers: {used} of 120 cells, drawn at random"}
    log = (workflow.folder / "logs" / "planted" / "0" / "auroc" / "net_ig.log").read_text(encoding="utf-8")
    assert "63 of 120 cells: at most 20 of a type, drawn at random" in log
    # The marker file has the projected cells with their part of the embedding; the sizes are those of all cells.
    found = ad.read_h5ad(workflow.path("planted", "0", "markers.h5ad"))
    assert found.n_obs == 93
    cells = ad.read_h5ad(workflow.path("planted", "cells.h5ad"))
    rows = cells.obs_names.get_indexer(found.obs_names)
    np.testing.assert_array_equal(to_dense(found.X), to_dense(cells.X[rows]))
    with np.load(workflow.path("planted", "0", "net", "embedding.npz")) as stored:
        np.testing.assert_array_equal(found.obsm["X_net"], stored["latent"][rows])
    assert np.isfinite(found.obsm["X_tsne"]).all()
    page = workflow.path("planted", "0", "markers.html").read_text(encoding="utf-8")
    assert "120 cells, 60 genes, 4 cell types." in page
    assert "Genes are ranked on 93 of them, drawn at random within each type: those shown and in markers.h5ad." in page
    assert "On 63 of 120 cells, drawn at random within each type." in page
