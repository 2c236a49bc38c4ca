"""Rankers agree with the libraries behind them, find planted markers, and survive odd cells and names."""

import importlib

import cosg
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from kratos.plugins import available, check_parameters, plugin
from kratos.rank.order import RANKING_COLUMNS, ranked_genes
from kratos.seeds import derive_seed

TYPES = ["CD14+ Monocytes", "NK/T cells", "α cells & co"]
MARKERS = {name: [f"m{k}{j}" for j in range(3)] for k, name in enumerate(TYPES)}
WITH_MARKERS = {
    "scanpy_groups": {},
    "cosg": {},
    "nsforest": {"n_trees": 10, "n_genes_eval": 3, "gene_selection": "BinaryFirst_moderate"},
    "l1_logistic": {},
}


def planted(as_sparse=False, cells=40, noise=15, types=TYPES, seed=0):
    """Cells of `types`, each with 3 genes that it expresses strongly, and `noise` genes that tell nothing."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(types, cells)
    genes = [g for name in types for g in MARKERS[name]] + [f"n{j}" for j in range(noise)]
    x = rng.poisson(0.7, (len(labels), len(genes))).astype(np.float32)
    for name in types:
        block = np.ix_(labels == name, np.isin(genes, MARKERS[name]))
        x[block] = rng.poisson(6, x[block].shape)
    order = rng.permutation(len(genes))
    x = np.log1p(x)[:, order]
    obs = pd.DataFrame({"cell_type": labels}, index=[f"c{i}" for i in range(len(labels))])
    var = pd.DataFrame(index=np.array(genes, dtype=object)[order])
    return AnnData(sparse.csr_matrix(x) if as_sparse else x, obs=obs, var=var)


def with_single_cell(adata, name="rare"):
    adata = adata.copy()
    labels = adata.obs["cell_type"].astype(object).to_numpy().copy()
    labels[0] = name
    adata.obs["cell_type"] = labels
    return adata


def run(name, adata, seed=0, **parameters):
    check_parameters("rank", name, parameters, reserved=("seed",))
    ranking = plugin("rank", name).rank(adata, seed=seed, **parameters)
    assert list(ranking.columns) == RANKING_COLUMNS
    for _, rows in ranking.groupby("cell_type"):
        assert set(rows["gene"]) == set(adata.var_names)
        ranked = rows["rank"].to_numpy()[rows["rank"] > 0]
        assert (ranked == np.arange(1, len(ranked) + 1)).all()
        assert (rows["score"].isna() == (rows["rank"] == 0)).all()
    return ranking


def test_only_rankers_are_offered_as_rankers():
    expected = {"all_genes", "cosg", "l1_logistic", "nsforest", "random_genes", "scanpy_groups"}
    assert expected <= set(available("rank"))
    assert not {"groups", "order"} & set(available("rank"))


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize(
    ("name", "parameters"),
    [*WITH_MARKERS.items(), ("scanpy_groups", {"method": "t-test"}), ("scanpy_groups", {"method": "logreg"})],
)
def test_planted_markers_come_first(name, parameters, as_sparse):
    adata = planted(as_sparse)
    before = adata.X.copy()
    ranking = run(name, adata, **parameters)
    for cell_type in TYPES:
        best = ranked_genes(ranking, cell_type)[:3]
        assert best and set(best) <= set(MARKERS[cell_type])
        assert len(best) == 3 or name == "nsforest"
    assert (ranking["n_cells"] == 40).all()
    assert abs(adata.X - before).max() == 0
    assert not adata.uns and list(adata.obs) == ["cell_type"]


@pytest.mark.parametrize(
    ("name", "parameters"), [*WITH_MARKERS.items(), ("random_genes", {}), ("scanpy_groups", {"method": "logreg"})]
)
def test_sparse_and_dense_cells_get_the_same_ranking(name, parameters):
    dense, compressed = (run(name, planted(s), **parameters) for s in (False, True))
    assert dense["gene"].tolist() == compressed["gene"].tolist()
    # Iterative solvers stop at a gradient of 1e-4: their coefficients are known to about 1e-5.
    np.testing.assert_allclose(dense["score"], compressed["score"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("method", "options"), [("wilcoxon", {}), ("wilcoxon", {"tie_correct": True}), ("t-test", {}), ("logreg", {})]
)
def test_scanpy_scores_are_scanpys(method, options):
    adata = planted()
    ranking = run("scanpy_groups", adata, method=method, **options)
    adata.obs["cell_type"] = adata.obs["cell_type"].astype("category")
    extra = {"max_iter": 1000} if method == "logreg" else options
    sc.tl.rank_genes_groups(adata, "cell_type", method=method, n_genes=adata.n_vars, **extra)
    for cell_type in TYPES:
        theirs = pd.Series(
            adata.uns["rank_genes_groups"]["scores"][cell_type],
            index=adata.uns["rank_genes_groups"]["names"][cell_type],
        )
        ours = ranking[ranking["cell_type"] == cell_type].set_index("gene")["score"]
        np.testing.assert_allclose(ours, theirs[ours.index], rtol=1e-6)


def test_absolute_ranks_by_magnitude_and_keeps_the_sign_as_effect():
    signed, absolute = (run("scanpy_groups", planted(), method="t-test", absolute=a) for a in (False, True))
    key = ["cell_type", "gene"]
    both = signed.merge(absolute, on=key, suffixes=("", "_absolute"))
    assert (both["score_absolute"] == both["score"].abs()).all()
    assert (both["effect_absolute"] == both["score"]).all()
    assert (both["score"] < 0).any()


def test_logreg_of_two_types_gives_each_its_own_markers():
    adata = planted(types=TYPES[:2])
    ranking = run("scanpy_groups", adata, method="logreg")
    for cell_type in TYPES[:2]:
        assert set(ranked_genes(ranking, cell_type)[:3]) == set(MARKERS[cell_type])
    first, second = (ranking[ranking["cell_type"] == t].set_index("gene")["score"] for t in TYPES[:2])
    np.testing.assert_allclose(first, -second[first.index])


def test_cosg_scores_are_cosgs():
    adata = planted(as_sparse=True)
    ranking = run("cosg", adata, mu=2.0, remove_lowly_expressed=False)
    cosg.cosg(adata, groupby="cell_type", mu=2.0, remove_lowly_expressed=False, n_genes_user=adata.n_vars)
    for cell_type in TYPES:
        theirs = pd.Series(adata.uns["cosg"]["scores"][cell_type], index=adata.uns["cosg"]["names"][cell_type])
        ours = ranking[ranking["cell_type"] == cell_type].set_index("gene")["score"]
        np.testing.assert_allclose(ours, theirs[ours.index], rtol=1e-6)


def test_cosg_gives_no_rank_to_genes_that_it_leaves_out():
    adata = planted()
    adata.X[:, adata.var_names.get_loc("n0")] = 0
    ranking = run("cosg", adata)
    assert (ranking.loc[ranking["gene"] == "n0", "rank"] == 0).all()
    assert (run("cosg", adata, remove_lowly_expressed=False)["rank"] > 0).all()


def test_nsforest_markers_are_nsforests(tmp_path, monkeypatch, capsys):
    import nsforest

    monkeypatch.chdir(tmp_path)
    adata = planted()
    ranking = run("nsforest", adata, **WITH_MARKERS["nsforest"])
    candidates = run("nsforest", adata, **WITH_MARKERS["nsforest"], genes="binary_genes")
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""
    prepared = nsforest.pp.prep_binary_scores(nsforest.pp.prep_medians(adata, "cell_type"), "cell_type")
    theirs = nsforest.nsforesting.NSForest(
        prepared, "cell_type", **WITH_MARKERS["nsforest"], n_jobs=1, output_folder=f"{tmp_path}/"
    ).set_index("clusterName")
    for cell_type in TYPES:
        assert ranked_genes(ranking, cell_type) == theirs.loc[cell_type, "NSForest_markers"]
        assert set(ranked_genes(candidates, cell_type)) == set(theirs.loc[cell_type, "binary_genes"])


def test_nsforest_says_which_type_has_no_candidate():
    # Few genes, of which a third are markers: two standard deviations above the mean are out of reach.
    ranking = run("nsforest", planted(), n_trees=10, gene_selection="BinaryFirst_high")
    assert (ranking["rank"] == 0).all()
    assert ranking["note"].str.startswith("NS-Forest fails on this type").all()


def test_nsforest_says_when_no_gene_has_a_positive_median():
    adata = planted()
    adata.X[:] = 0
    ranking = run("nsforest", adata, n_trees=10)
    assert (ranking["note"] == "no gene has a positive median in any type").all()


def test_l1_coefficients_are_scikit_learns_and_zeros_have_no_rank():
    adata = planted()
    ranking = run("l1_logistic", adata, standardise=False, balanced=False, C=0.3)
    for cell_type in TYPES:
        target = (adata.obs["cell_type"] == cell_type).to_numpy()
        theirs = LogisticRegression(
            l1_ratio=1.0, C=0.3, solver="liblinear", max_iter=1000, random_state=derive_seed(cell_type, 0)
        ).fit(adata.X.astype(float), target)
        coefficients = pd.Series(theirs.coef_[0], index=adata.var_names)
        rows = ranking[ranking["cell_type"] == cell_type].set_index("gene")
        assert (rows["rank"] == 0).any()
        assert set(rows.index[rows["rank"] > 0]) == set(coefficients.index[coefficients != 0])
        np.testing.assert_allclose(rows["effect"], coefficients[rows.index])


def test_l1_logistic_says_when_the_penalty_leaves_nothing():
    ranking = run("l1_logistic", planted(), C=1e-6)
    assert (ranking["rank"] == 0).all()
    assert ranking["note"].str.contains("all coefficients are zero with C = 1e-06, raise C").all()


def test_random_genes_depend_on_seed_and_type_alone():
    adata = planted()
    first, again, other = (run("random_genes", adata, seed=s) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert first["gene"].tolist() != other["gene"].tolist()
    assert ranked_genes(first, TYPES[0]) != ranked_genes(first, TYPES[1])


def test_random_genes_put_every_gene_everywhere():
    adata = planted(noise=7, types=TYPES[:1], cells=2)
    rank = plugin("rank", "random_genes").rank
    positions = [rank(adata, seed=s)["gene"].tolist().index("n0") for s in range(400)]
    counts = np.bincount(positions, minlength=adata.n_vars)
    # Chi-square with 9 degrees of freedom stays below 27.9 with probability 0.999; the seeds are fixed.
    assert adata.n_vars == 10
    assert ((counts - 40) ** 2 / 40).sum() < 27.9


def test_all_genes_keeps_the_order_and_is_for_the_full_panel():
    adata = planted()
    ranking = run("all_genes", adata)
    assert ranked_genes(ranking, TYPES[2]) == list(adata.var_names)
    assert plugin("rank", "all_genes").FULL_PANEL_ONLY is True
    others = set(available("rank")) - {"all_genes"}
    assert not any(hasattr(importlib.import_module(f"kratos.rank.{name}"), "FULL_PANEL_ONLY") for name in others)


@pytest.mark.parametrize(
    ("name", "parameters", "note"),
    [
        ("scanpy_groups", {"method": "wilcoxon"}, "it has 1 cell(s), a comparison needs 2"),
        ("scanpy_groups", {"method": "t-test"}, "it has 1 cell(s), a comparison needs 2"),
        ("scanpy_groups", {"method": "logreg"}, "it has 1 cell(s), a comparison needs 2"),
        ("cosg", {}, "no gene is expressed in enough of its 1 cell(s)"),
        ("nsforest", WITH_MARKERS["nsforest"], None),
        ("l1_logistic", {}, None),
        ("random_genes", {}, ""),
        ("all_genes", {}, ""),
    ],
)
def test_a_type_with_one_cell_harms_nobody(name, parameters, note, caplog):
    ranking = run(name, with_single_cell(planted()), **parameters)
    rare = ranking[ranking["cell_type"] == "rare"]
    assert (rare["n_cells"] == 1).all()
    if note is not None:
        assert (rare["note"] == note).all()
        assert (rare["rank"] == 0).all() == bool(note)
        assert (f"rare: {note}" in caplog.text) == bool(note)
    if name in WITH_MARKERS:
        for cell_type in TYPES:
            best = ranked_genes(ranking, cell_type)[:3]
            assert best and set(best) <= set(MARKERS[cell_type])


@pytest.mark.parametrize("name", ["scanpy_groups", "nsforest", "l1_logistic"])
def test_one_type_alone_is_noted(name):
    ranking = run(name, planted(types=TYPES[:1]))
    assert ranking["note"].str.startswith("there are 0 cell(s) of other types").all()
    assert (ranking["rank"] == 0).all()


def test_logreg_without_a_second_type_of_two_cells_is_noted():
    ranking = run("scanpy_groups", with_single_cell(planted(types=TYPES[:1])), method="logreg")
    assert (ranking["rank"] == 0).all()
    assert (ranking["note"] != "").all()


@pytest.mark.parametrize(("name", "parameters"), WITH_MARKERS.items())
def test_a_gene_without_expression_is_never_among_the_best(name, parameters):
    adata = planted()
    adata.X[:, adata.var_names.get_loc("n3")] = 0
    adata.X = sparse.csr_matrix(adata.X)
    ranking = run(name, adata, **parameters)
    for cell_type in TYPES:
        assert "n3" not in ranked_genes(ranking, cell_type)[:3]
