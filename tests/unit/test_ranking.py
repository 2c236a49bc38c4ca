"""Rankings are permutations of the genes, best first; cell types without an explanation say why."""

import logging

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from kratos.errors import KratosError
from kratos.explain.ranking import explain_types
from kratos.models.base import CellModel
from kratos.models.classifier import fit
from kratos.rank.order import RANKING_COLUMNS, ranked_genes, ranking_rows

WEIGHT = np.array([[0.5, -0.25, 0.125, 0.0], [-0.1, 0.2, -0.3, 1.0], [-0.4, 0.35, 0.45, -0.05]])
TYPES = ["t0", "t1", "t2"]

scores = st.lists(st.one_of(st.floats(-5, 5), st.just(float("nan")), st.sampled_from([0.0, 1.0])), max_size=30)


@given(scores)
def test_ranks_are_a_permutation_of_the_scored_genes_and_never_increase(values):
    genes = [f"g{j}" for j in range(len(values))]
    rows = ranking_rows(genes, "t", np.array(values, dtype=float))
    scored = [v for v in values if not np.isnan(v)]
    assert sorted(rows["gene"]) == sorted(genes)
    assert sorted(rows.loc[rows["rank"] > 0, "rank"]) == list(range(1, len(scored) + 1))
    assert rows.loc[rows["rank"] > 0, "score"].tolist() == sorted(scored, reverse=True)
    assert rows.loc[rows["rank"] == 0, "score"].isna().all()
    by_gene = rows.set_index("gene")["score"]
    np.testing.assert_array_equal([by_gene[g] for g in genes], values)


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, float("nan")]), max_size=20))
def test_ties_keep_the_order_of_the_genes(values):
    rows = ranking_rows([f"{j:02d}" for j in range(len(values))], "t", np.array(values, dtype=float))
    for _, tied in rows.groupby("score", dropna=False):
        assert tied["gene"].is_monotonic_increasing


def test_a_ranking_has_its_columns_types_and_the_gene_s_own_effect():
    rows = ranking_rows(
        ["a", "b", "c"], "t", np.array([1.0, 3.0, 2.0]), effect=np.array([-1.0, 3.0, -2.0]), n_cells=7, note="n"
    )
    assert list(rows.columns) == RANKING_COLUMNS
    assert rows["gene"].tolist() == ["b", "c", "a"]
    assert rows["effect"].tolist() == [3.0, -2.0, -1.0]
    assert rows["rank"].tolist() == [1, 2, 3]
    assert set(rows["cell_type"]) == {"t"}
    assert set(rows["n_cells"]) == {7}
    assert set(rows["note"]) == {"n"}
    assert (rows["target"] == "").all()
    assert ranking_rows(["a"], "t", np.array([1.0]))["effect"].isna().all()


def test_ranked_genes_are_those_of_one_type_one_vs_rest_and_with_a_rank():
    ranking = pd.concat(
        [
            ranking_rows(["a", "b", "c"], "t0", np.array([1.0, np.nan, 2.0])),
            ranking_rows(["a", "b", "c"], "t0", np.array([3.0, 2.0, 1.0]), target="t1"),
            ranking_rows(["a", "b", "c"], "t1", np.array([1.0, 3.0, 2.0])),
        ]
    ).sample(frac=1, random_state=0)
    assert ranked_genes(ranking, "t0") == ["c", "a"]
    assert ranked_genes(ranking, "t1") == ["b", "c", "a"]
    assert ranked_genes(ranking, "t2") == []


@pytest.fixture
def cells(linear_model):
    """Cells named after the type that the linear model gives them, but for a few that bear another type's name."""
    model = linear_model(WEIGHT, [0.0, 0.0, 0.0])
    rng = np.random.default_rng(5)
    x = rng.uniform(0, 3, (90, 4)).astype(np.float32)
    assigned = model.scores(torch.from_numpy(x).double()).argmax(dim=1).numpy()
    labels = np.array(TYPES)[assigned]
    labels[np.flatnonzero(assigned == 0)[:4]] = "t1"
    adata = ad.AnnData(x, obs=pd.DataFrame({"cell_type": pd.Categorical(labels)}, index=[f"c{i}" for i in range(90)]))
    adata.var_names = model.genes
    return model, adata, assigned


def of_type(ranking, cell_type, target=""):
    return ranking[(ranking["cell_type"] == cell_type) & (ranking["target"] == target)]


def test_only_correctly_classified_cells_are_explained(cells):
    """On a linear model a type's Integrated Gradients are its weights times the mean of the cells explained."""
    model, adata, assigned = cells
    ranking = explain_types(model, adata, "integrated_gradients", {"steps": 3}, seed=0)
    labels = adata.obs["cell_type"].astype(str).to_numpy()
    for k, name in enumerate(TYPES):
        correct = (labels == name) & (assigned == k)
        rows = of_type(ranking, name).set_index("gene", drop=False)
        expected = WEIGHT[k] * adata.X[correct].astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(rows.loc[adata.var_names, "effect"], expected, rtol=1e-6)
        assert set(rows["n_cells"]) == {int(correct.sum())}
        assert rows["gene"].tolist() == adata.var_names[np.argsort(-np.abs(expected), kind="stable")].tolist()
    assert (labels != np.array(TYPES)[assigned]).sum() == 4


@pytest.mark.parametrize("explainer", ["adversarial", "smoothgrad", "integrated_gradients"])
def test_every_type_has_a_permutation_of_the_genes(fitted_classifier, planted_cells, explainer):
    parameters = {"adversarial": {"iterations": 20}, "smoothgrad": {"samples": 3}, "integrated_gradients": {"steps": 3}}
    ranking = explain_types(fitted_classifier, planted_cells, explainer, parameters[explainer], seed=1)
    assert list(ranking["cell_type"].unique()) == ["Alpha", "Beta", "Gamma", "Rare"]
    explained = 0
    for _, rows in ranking.groupby("cell_type"):
        assert sorted(rows["gene"]) == sorted(planted_cells.var_names)
        if not rows["note"].iloc[0]:
            assert sorted(rows["rank"]) == list(range(1, 61))
            explained += 1
    assert explained >= 3
    again = explain_types(fitted_classifier, planted_cells, explainer, parameters[explainer], seed=1)
    pd.testing.assert_frame_equal(ranking, again)


def test_the_seed_matters_where_there_is_noise(fitted_classifier, planted_cells):
    one, other = (explain_types(fitted_classifier, planted_cells, "smoothgrad", {"samples": 2}, seed=s) for s in (1, 2))
    assert not np.array_equal(one["score"], other["score"])


def test_sparse_cells_have_the_same_ranking(fitted_classifier, planted_cells):
    dense = explain_types(fitted_classifier, planted_cells, "integrated_gradients", {"steps": 3}, seed=0)
    planted_cells.X = sparse.csr_matrix(planted_cells.X)
    from_sparse = explain_types(fitted_classifier, planted_cells, "integrated_gradients", {"steps": 3}, seed=0)
    pd.testing.assert_frame_equal(dense, from_sparse)


def test_a_type_without_a_correct_cell_has_no_scores_rank_0_and_a_note(cells, caplog):
    model, adata, assigned = cells
    adata.obs["cell_type"] = np.where(assigned == 0, "t1", adata.obs["cell_type"].astype(str))
    adata.obs.loc[adata.obs_names[np.flatnonzero(assigned == 1)[:3]], "cell_type"] = "t0"
    with caplog.at_level(logging.WARNING):
        ranking = explain_types(model, adata, "smoothgrad", {"samples": 2}, seed=0)
    rows = of_type(ranking, "t0")
    assert rows["score"].isna().all()
    assert rows["effect"].isna().all()
    assert (rows["rank"] == 0).all()
    assert set(rows["note"]) == {"none of its 3 cells is assigned to it"}
    assert set(rows["n_cells"]) == {0}
    assert rows["gene"].tolist() == adata.var_names.tolist()
    assert "t0: none of its 3 cells is assigned to it" in caplog.text
    assert (of_type(ranking, "t1")["rank"] > 0).all()


def test_a_type_that_is_not_among_the_cells_is_noted(cells):
    model, adata, _ = cells
    ranking = explain_types(model, adata[adata.obs["cell_type"] != "t2"].copy(), "smoothgrad", {"samples": 2}, seed=0)
    assert set(of_type(ranking, "t2")["note"]) == {"none of its 0 cells is assigned to it"}


def test_a_type_without_a_group_is_noted(cells):
    """A clustering model may match no cluster to a type."""
    model, adata, _ = cells
    model.group_type = [0, 0, 1]
    ranking = explain_types(model, adata, "smoothgrad", {"samples": 2}, seed=0)
    assert set(of_type(ranking, "t2")["note"]) == {"no group of the model stands for this type"}
    assert (of_type(ranking, "t2")["rank"] == 0).all()


def test_a_gradient_that_is_not_finite_is_noted(cells):
    model, adata, _ = cells

    class Broken(type(model)):
        def scores(self, x):
            logits = super().scores(x)
            # Finite values whose gradient with respect to x is not.
            return logits + torch.sqrt(0 * x[:, :1])

    broken = Broken(WEIGHT, [0.0, 0.0, 0.0])
    ranking = explain_types(broken, adata, "smoothgrad", {"samples": 2, "noise": 0.0}, seed=0)
    assert set(ranking["note"]) == {"non-finite gradient"}
    assert (ranking["rank"] == 0).all()


def test_pairs_rank_one_type_against_another(cells):
    model, adata, _ = cells
    parameters = {"start": 0.0, "iterations": 4, "margin": 1e6}
    ranking = explain_types(model, adata, "adversarial", parameters, seed=0, pairs=[("t0", "t1"), ("t2", "t0")])
    assert ranking[["cell_type", "target"]].drop_duplicates().values.tolist() == [["t0", "t1"], ["t2", "t0"]]
    for one, other in ((0, 1), (2, 0)):
        g = WEIGHT[one] - WEIGHT[other]
        rows = of_type(ranking, f"t{one}", f"t{other}").set_index("gene")
        assert (np.abs(100 * g) > 1).all()
        expected = -4 * 0.1 * g + 3 * 0.001 * np.sign(g)
        np.testing.assert_allclose(rows.loc[adata.var_names, "effect"], expected, atol=1e-12)
    # A one-vs-one ranking is not mistaken for a type's own.
    assert ranked_genes(ranking, "t0") == []


def test_a_pair_with_an_unknown_type_is_named(cells):
    model, adata, _ = cells
    for pair in (("t0", "t9"), ("t9", "t0")):
        with pytest.raises(KratosError, match="t9"):
            explain_types(model, adata, "adversarial", {"iterations": 1}, seed=0, pairs=[pair])


def test_a_pair_towards_a_type_without_a_group_is_noted(cells):
    model, adata, _ = cells
    model.group_type = [0, 0, 1]
    ranking = explain_types(model, adata, "adversarial", {"iterations": 1}, seed=0, pairs=[("t0", "t2")])
    assert set(ranking["note"]) == {"no group of the model stands for the target type t2"}


def test_other_genes_are_refused(fitted_classifier, planted_cells):
    with pytest.raises(KratosError, match="30 of its 60 genes are among the 30 given"):
        explain_types(fitted_classifier, planted_cells[:, :30].copy(), "smoothgrad", {}, seed=0)


def test_the_explainer_sees_scaled_or_unscaled_cells(planted_cells):
    """The released code explains a network trained on scaled cells at unscaled ones."""
    settings = {"epochs": 60, "batch_size": 16, "learning_rate": 0.003, "hidden": [32, 16]}
    model, _ = fit(planted_cells, seed=0, scaling="minmax", **settings)
    explained = {}
    for which in ("prepared", "unprepared"):
        ranking = explain_types(model, planted_cells, "integrated_gradients", {}, seed=0, explained_input=which)
        explained[which] = of_type(ranking, "Alpha").set_index("gene")
    x = torch.from_numpy(planted_cells.X[(planted_cells.obs["cell_type"] == "Alpha").to_numpy()]).double()
    for which, inputs in (("prepared", model.prepare(x)), ("unprepared", x)):
        correct = (model.scores(inputs).argmax(dim=1) == 0).numpy()
        assert set(explained[which]["n_cells"]) == {int(correct.sum())}
    assert not explained["prepared"]["score"].equals(explained["unprepared"]["score"])


def test_planted_markers_come_first(fitted_classifier, planted_cells, markers):
    ranking = explain_types(fitted_classifier, planted_cells, "integrated_gradients", {}, seed=0)
    for name, own in markers.items():
        assert len(set(ranked_genes(ranking, name)[:10]) & set(own)) >= 4


def test_a_model_that_says_nan_for_every_cell_gives_notes_and_no_ranks(cells):
    _, adata, _ = cells

    class Nothing(CellModel):
        kind = "nothing"

        def scores(self, x):
            return torch.full((len(x), 3), float("nan"), dtype=x.dtype) + 0 * x.sum(dim=1, keepdim=True)

    model = Nothing(list(adata.var_names), TYPES)
    ranking = explain_types(model, adata, "adversarial", {"iterations": 3}, seed=0)
    assert (ranking["note"] != "").all()
    assert (ranking["rank"] == 0).all()
