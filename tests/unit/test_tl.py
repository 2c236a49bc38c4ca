"""kratos.tl in scanpy's manner: rankings that scanpy reads, new cells labelled, genes aligned by name."""

import doctest
import subprocess
import sys
from functools import partial

import anndata as ad
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import torch
from scipy import sparse

import kratos
from kratos import tl
from kratos.errors import KratosError
from kratos.markers.methods import METHODS
from kratos.models.base import save_model
from kratos.sample import in_memory

mpl.use("Agg")
QUICK = {"epochs": 60, "batch_size": 16, "hidden": [32, 16], "learning_rate": 0.003}


@pytest.fixture(scope="module")
def model(planted_counts):
    return tl.train(planted_counts, "cell_type", params=QUICK)


@pytest.fixture
def counts(planted_counts):
    return planted_counts.copy()


@pytest.fixture
def ranked(counts, model):
    """Log-normalised planted cells with a ranking by Integrated Gradients."""
    sc.pp.normalize_total(counts, target_sum=1e4)
    sc.pp.log1p(counts)
    tl.rank_genes(counts, "cell_type", model=model)
    return counts


def test_planted_markers_are_ranked_first(ranked, markers):
    names = ranked.uns["rank_genes_groups"]["names"]
    for cell_type, own in markers.items():
        assert len(set(own) & set(names[cell_type][:10])) >= 4


def test_every_type_s_genes_are_a_permutation_best_first(ranked):
    result = ranked.uns["rank_genes_groups"]
    for cell_type in result["names"].dtype.names:
        assert sorted(result["names"][cell_type]) == sorted(ranked.var_names)
        assert (np.diff(result["scores"][cell_type]) <= 0).all()


def test_fields_and_fold_changes_are_those_of_scanpy(ranked):
    sc.tl.rank_genes_groups(ranked, "cell_type", groups=["Alpha", "Beta", "Gamma"], method="t-test", key_added="theirs")
    for group in ("Alpha", "Beta", "Gamma"):
        theirs = sc.get.rank_genes_groups_df(ranked, group, key="theirs").set_index("names")
        ours = sc.get.rank_genes_groups_df(ranked, group).set_index("names")
        assert set(theirs.columns) == set(ours.columns)
        np.testing.assert_allclose(ours.loc[theirs.index, "logfoldchanges"], theirs["logfoldchanges"], rtol=1e-3)
        assert ours["pvals"].isna().all()


@pytest.mark.parametrize("plot", ["dotplot", "matrixplot", "heatmap", "stacked_violin", "tracksplot"])
def test_scanpy_plots_it_also_from_a_file(ranked, plot, tmp_path):
    ranked.write_h5ad(tmp_path / "ranked.h5ad")
    back = ad.read_h5ad(tmp_path / "ranked.h5ad")
    getattr(sc.pl, f"rank_genes_groups_{plot}")(back, n_genes=2, dendrogram=False, show=False)
    if plot == "dotplot":
        sc.pl.rank_genes_groups(back, n_genes=3, show=False)
        # Scanpy wants a ranking for every type here; the type of three cells has none.
        big = back[back.obs["cell_type"] != "Rare"].copy()
        fold = {"values_to_plot": "logfoldchanges", "min_logfoldchange": 1}
        sc.pl.rank_genes_groups_dotplot(big, n_genes=2, dendrogram=False, show=False, **fold)
    assert mpl.pyplot.get_fignums()
    mpl.pyplot.close("all")


def test_counts_and_their_logarithms_are_ranked_alike(counts, ranked, model, planted_counts):
    fresh = planted_counts.copy()
    tl.rank_genes(fresh, "cell_type", model=model)
    one, other = (a.uns["rank_genes_groups"]["names"]["Alpha"][:10].tolist() for a in (fresh, ranked))
    assert one == other
    np.testing.assert_array_equal(fresh.X, planted_counts.X)


def test_copy_leaves_the_cells_alone_and_keys_and_numbers_are_a_choice(counts, model):
    found = tl.rank_genes(counts, "cell_type", model=model, groups=["Beta"], n_genes=7, key_added="mine", copy=True)
    assert "mine" not in counts.uns
    assert found.uns["mine"]["names"].dtype.names == ("Beta",)
    assert found.uns["mine"]["names"].shape == (7,)
    assert found.uns["mine"]["params"]["method"] == "kratos_ig"


def test_the_model_given_is_not_changed(counts, model):
    before = next(model.parameters())
    tl.rank_genes(counts, "cell_type", model=model)
    assert next(model.parameters()) is before
    assert before.dtype == torch.float32
    assert before.requires_grad


def test_a_layer_sparse_or_dense_is_used_instead_of_x(counts, model):
    counts.layers["counts"] = sparse.csc_matrix(counts.X)
    counts.X = np.full(counts.shape, -1.0)
    tl.rank_genes(counts, "cell_type", model=model, layer="counts")
    assert counts.uns["rank_genes_groups"]["params"]["layer"] == "counts"
    with pytest.raises(KratosError, match=r"no layer 'raw' \(layers: counts\)"):
        tl.rank_genes(counts, "cell_type", model=model, layer="raw")


@pytest.mark.parametrize("method", ["wilcoxon", "ttest_abs", "logreg", "cosg", "l1_logistic", "random"])
def test_rankers_write_the_same_format(counts, method):
    tl.rank_genes(counts, "cell_type", method=method, key_added=method)
    table = sc.get.rank_genes_groups_df(counts, "Alpha", key=method)
    assert sorted(table["names"]) == sorted(counts.var_names)


def test_wilcoxon_is_scanpy_s(ranked):
    tl.rank_genes(ranked, "cell_type", method="wilcoxon", key_added="ours")
    sc.tl.rank_genes_groups(
        ranked, "cell_type", groups=["Alpha"], method="wilcoxon", tie_correct=True, key_added="theirs"
    )
    ours, theirs = (sc.get.rank_genes_groups_df(ranked, "Alpha", key=key) for key in ("ours", "theirs"))
    np.testing.assert_allclose(
        ours.set_index("names")["scores"].loc[theirs["names"]], theirs["scores"], rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("method", ["kratos_cw", "kratos_sg"])
def test_other_explainers_take_their_parameters(counts, model, method):
    params = {"iterations": 5} if method == "kratos_cw" else {"samples": 2}
    tl.rank_genes(counts, "cell_type", method=method, model=model, params=params)
    assert set(counts.uns["rank_genes_groups"]["names"].dtype.names) >= {"Alpha", "Beta", "Gamma"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"method": "kratos_gi"}, "unknown method 'kratos_gi': did you mean 'kratos_"),
        ({"params": {"step": 5}}, "unknown parameter 'step' of explainer 'integrated_gradients': did you mean 'steps'"),
        ({"groupby": "celltype"}, r"no column 'celltype' in obs \(columns: cell_type\)"),
        ({"groups": ["Delta"]}, "no cell has cell_type 'Delta'; choose among Alpha, Beta, Gamma, Rare"),
        ({"method": "wilcoxon", "model": "x"}, "method 'wilcoxon' explains no model"),
        ({"values": "raw"}, "choose one of auto, counts, lognorm"),
    ],
)
def test_mistakes_are_one_sentence(counts, model, changes, sentence):
    with pytest.raises(KratosError, match=sentence):
        tl.rank_genes(counts, **{"groupby": "cell_type", "model": None if "method" in changes else model, **changes})


def test_the_documented_methods_are_those_that_there_are():
    listed = set(METHODS)
    documented = tl.rank_genes.__doc__.split("    method\n")[1].split("    groups\n")[0]
    assert {word.strip("`., ") for word in documented.split() if "`" in word} == listed


def test_the_examples_of_the_docstrings_work():
    result = doctest.testmod(tl, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted >= 10
    assert result.failed == 0


def test_tl_is_there_after_importing_the_package_alone(project):
    code = "import kratos, sys; assert 'torch' not in sys.modules; print(kratos.tl.rank_genes.__name__)"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(project / "scripts"), "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "rank_genes\n"
    with pytest.raises(AttributeError, match="no attribute 'tools'"):
        kratos.tools  # noqa: B018


# ------------------------------------------------------------------------------------------------------------------
# predict


def test_new_cells_get_their_types_with_probabilities(counts, model):
    tl.predict(counts, model)
    known = (counts.obs["cell_type"] != "Rare").to_numpy()
    agreement = counts.obs["kratos_cell_type"].astype(str) == counts.obs["cell_type"].astype(str)
    assert agreement[known].mean() > 0.9
    assert list(counts.obs["kratos_cell_type"].cat.categories) == model.cell_types
    probabilities = counts.obsm["kratos_cell_type_probabilities"]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    x = torch.from_numpy(np.log1p(counts.X / counts.X.sum(axis=1, keepdims=True) * 1e4))
    with torch.no_grad():
        np.testing.assert_allclose(probabilities, torch.softmax(model.scores(model.prepare(x)), 1), atol=1e-5)


def test_genes_are_found_by_name_in_any_order_beside_others(counts, model, planted_counts):
    tl.predict(counts, model, values="counts")
    zeros = ad.AnnData(np.zeros((120, 2), np.float32), counts.obs[[]], pd.DataFrame(index=["other1", "other2"]))
    more = ad.concat([zeros, planted_counts[:, ::-1]], axis=1)
    more.X = sparse.csr_matrix(more.X)
    tl.predict(more, model)
    np.testing.assert_allclose(
        more.obsm["kratos_cell_type_probabilities"], counts.obsm["kratos_cell_type_probabilities"], atol=1e-6
    )


@pytest.mark.parametrize("scaling", ["none", "minmax"])
def test_missing_genes_are_named_and_taken_as_not_expressed(planted_counts, scaling):
    lognorm = planted_counts.copy()
    sc.pp.normalize_total(lognorm, target_sum=1e4)
    sc.pp.log1p(lognorm)
    fitted = tl.train(lognorm, "cell_type", params={**QUICK, "epochs": 2, "scaling": scaling})
    lowest = fitted.absent_values()
    assert (lowest == 0).all() if scaling == "none" else (lowest > 0).any()
    filled = lognorm.copy()
    filled.X[:, :9] = lowest[:9]
    tl.predict(filled, fitted, values="lognorm")
    part = lognorm[:, 9:].copy()
    with pytest.warns(UserWarning, match=r"9 of the model's 60 genes are missing \(first: Alpha_marker0, "):
        tl.predict(part, fitted, values="lognorm")
    np.testing.assert_array_equal(
        part.obsm["kratos_cell_type_probabilities"], filled.obsm["kratos_cell_type_probabilities"]
    )


def test_too_few_common_genes_are_an_error_with_numbers(counts, model):
    with pytest.raises(KratosError, match=r"31 of the model's 60 genes are missing .* more than half"):
        tl.predict(counts[:, 31:].copy(), model)
    counts.var_names = [name.upper() for name in counts.var_names]
    with pytest.raises(
        KratosError,
        match=r"none of the model's 60 genes is among the 60 given \(the model has 'Alpha_marker0', .*60 agree",
    ):
        tl.predict(counts, model)


def test_a_run_s_model_file_is_enough(counts, model, tmp_path):
    save_model(model, tmp_path / "model.pt")
    found = tl.predict(counts, tmp_path / "model.pt", copy=True)
    assert "kratos_cell_type" not in counts.obs
    tl.predict(counts, model)
    np.testing.assert_array_equal(
        found.obsm["kratos_cell_type_probabilities"], counts.obsm["kratos_cell_type_probabilities"]
    )
    found.write_h5ad(tmp_path / "labelled.h5ad")
    with pytest.raises(KratosError, match="is not a model file"):
        tl.predict(counts, tmp_path / "labelled.h5ad")


def test_types_without_a_group_have_probability_0(linear_model):
    from kratos.models.prediction import AlignedCells, type_probabilities

    fitted = linear_model(np.eye(3), np.zeros(3), ["a", "b", "c"]).float()
    fitted.group_type = [0, 2, 0]
    x = np.array([[1.0, 2.0, 3.0]], dtype=np.float32)
    found = type_probabilities(fitted, AlignedCells(x, pd.Index(["g0", "g1", "g2"]), fitted))
    soft = np.exp(x[0]) / np.exp(x[0]).sum()
    np.testing.assert_allclose(found, [[soft[0] + soft[2], 0, soft[1]]], rtol=1e-5)


# ------------------------------------------------------------------------------------------------------------------
# Backed cells


@pytest.fixture
def backed(planted_counts, tmp_path):
    """The planted counts, one cell without a type, in a file and opened without reading X."""
    cells = planted_counts.copy()
    cells.X = sparse.csr_matrix(cells.X)
    cells.obs["cell_type"] = cells.obs["cell_type"].astype(object)
    cells.obs.iloc[7, cells.obs.columns.get_loc("cell_type")] = None
    cells.write_h5ad(tmp_path / "cells.h5ad")
    adata = ad.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    yield adata
    adata.file.close()


@pytest.mark.parametrize("method", ["kratos_ig", "wilcoxon", "ace_ig"])
def test_backed_cells_are_ranked_as_those_in_memory(backed, method):
    params = {"epochs": 3} if method != "wilcoxon" else None
    memory = backed.to_memory()
    for adata in (memory, backed):
        tl.rank_genes(adata, "cell_type", method=method, model_params=params)
    of_memory, of_file = (sc.get.rank_genes_groups_df(adata, None) for adata in (memory, backed))
    pd.testing.assert_frame_equal(of_file, of_memory)


def test_of_many_backed_cells_a_sample_is_ranked_and_all_are_trained_on(backed, monkeypatch, caplog):
    monkeypatch.setattr(tl, "in_memory", partial(in_memory, when_many=10))
    caplog.set_level("INFO")
    tl.rank_genes(backed, "cell_type", model_params={"epochs": 3})
    assert "of 119 cells: at most 10 of a type" in caplog.text
    tl.predict(backed, tl.train(backed, "cell_type", params=QUICK))
    known = backed.obs["cell_type"].notna()
    agree = backed.obs["kratos_cell_type"].astype(str)[known] == backed.obs["cell_type"].astype(str)[known]
    assert agree.mean() > 0.9


def test_backed_cells_stored_by_genes_are_read_once_and_copies_are_refused(backed, tmp_path):
    by_genes = backed.to_memory()
    by_genes.X = sparse.csc_matrix(by_genes.X)
    by_genes.write_h5ad(tmp_path / "by_genes.h5ad")
    stored = ad.read_h5ad(tmp_path / "by_genes.h5ad", backed="r")
    tl.rank_genes(stored, "cell_type", method="wilcoxon")
    tl.rank_genes(backed, "cell_type", method="wilcoxon")
    pd.testing.assert_frame_equal(*(sc.get.rank_genes_groups_df(adata, None) for adata in (stored, backed)))
    with pytest.raises(KratosError, match="adata is backed by a file and is not copied"):
        tl.rank_genes(stored, "cell_type", copy=True)
    with pytest.raises(KratosError, match="adata is backed by a file and is not copied"):
        tl.predict(stored, "model.pt", copy=True)
    stored.file.close()
