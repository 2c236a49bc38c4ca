"""AUROC of marker panels equals scikit-learn's random search under both protocols; types left out are named."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import expon
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

from kratos.cells import assign_split
from kratos.evaluate.auroc import AUROC_COLUMNS, auroc_rows, minmax_scaled
from kratos.rank.order import ranked_genes, ranking_rows
from kratos.seeds import derive_seed

SETTINGS = {
    "protocols": ["crossval", "heldout"],
    "minimum_cells": 10,
    "draws": 6,
    "folds": 3,
    "inner_folds": 3,
    "c_scale": 100.0,
    "gamma_scale": 0.1,
    "seed": 5,
}


@pytest.fixture(scope="module")
def noisy():
    """Three types whose markers are weak, so that AUROC is neither 1/2 nor 1, and one of 4 cells; two rankings."""
    rng = np.random.default_rng(8)
    labels = np.repeat(["a", "b", "c", "rare"], [40, 30, 25, 4])
    x = rng.normal(3, 1, (99, 12)).clip(0).astype(np.float32)
    for k, name in enumerate(["a", "b", "c"]):
        x[np.ix_(labels == name, [3 * k, 3 * k + 1])] += 0.7
    adata = ad.AnnData(x, obs=pd.DataFrame({"cell_type": pd.Categorical(labels)}, index=[f"c{i}" for i in range(99)]))
    adata.var_names = [f"g{j}" for j in range(12)]
    assign_split(adata)
    ranking = pd.concat(
        [
            ranking_rows(adata.var_names, name, rng.permutation(12).astype(float)).assign(protocol=protocol)
            for protocol in ("crossval", "heldout")
            for name in ("a", "b", "c", "rare")
        ],
        ignore_index=True,
    )
    return adata, ranking


@pytest.fixture(scope="module")
def rows(noisy):
    return auroc_rows(*noisy, [2, 5, 12], **SETTINGS)


def search(x, y):
    """The paper's random search as scikit-learn runs it."""
    return RandomizedSearchCV(
        SVC(kernel="rbf", class_weight="balanced"),
        {"C": expon(scale=SETTINGS["c_scale"]), "gamma": expon(scale=SETTINGS["gamma_scale"])},
        n_iter=SETTINGS["draws"],
        cv=SETTINGS["inner_folds"],
        scoring="roc_auc",
        random_state=derive_seed("search", SETTINGS["seed"]),
    ).fit(x, y)


def own(rows, protocol, cell_type, n_genes):
    mask = (rows["protocol"] == protocol) & (rows["cell_type"] == cell_type) & (rows["n_genes"] == n_genes)
    return rows[mask].sort_values("fold")


def panel(adata, ranking, protocol, cell_type, n_genes):
    genes = ranked_genes(ranking[ranking["protocol"] == protocol], cell_type)[:n_genes]
    return adata[:, genes].X.astype(np.float64)


@pytest.mark.parametrize("cell_type", ["a", "b", "c"])
@pytest.mark.parametrize("n_genes", [2, 5, 12])
def test_crossval_equals_scikit_learn(noisy, rows, cell_type, n_genes):
    adata, ranking = noisy
    x = MinMaxScaler().fit_transform(panel(adata, ranking, "crossval", cell_type, n_genes))
    y = (adata.obs["cell_type"] == cell_type).to_numpy()
    found = own(rows, "crossval", cell_type, n_genes)
    assert found["fold"].tolist() == [0, 1, 2]
    folds = StratifiedKFold(3, shuffle=True, random_state=derive_seed("folds", SETTINGS["seed"])).split(x, y)
    for (train, test), (_, row) in zip(folds, found.iterrows(), strict=True):
        best = search(x[train], y[train])
        assert row["value"] == pytest.approx(roc_auc_score(y[test], best.decision_function(x[test])), abs=1e-12)
        assert row["inner_auroc"] == pytest.approx(best.best_score_, abs=1e-12)
        assert row["c"] == pytest.approx(best.best_params_["C"], rel=1e-12)
        assert row["gamma"] == pytest.approx(best.best_params_["gamma"], rel=1e-12)


@pytest.mark.parametrize("cell_type", ["a", "b", "c"])
@pytest.mark.parametrize("n_genes", [2, 5, 12])
def test_heldout_equals_scikit_learn_with_everything_fitted_on_training_cells(noisy, rows, cell_type, n_genes):
    adata, ranking = noisy
    x = panel(adata, ranking, "heldout", cell_type, n_genes)
    y = (adata.obs["cell_type"] == cell_type).to_numpy()
    test = (adata.obs["split"] == "test").to_numpy()
    scaler = MinMaxScaler().fit(x[~test])
    best = search(scaler.transform(x[~test]), y[~test])
    expected = roc_auc_score(y[test], best.decision_function(scaler.transform(x[test])))
    (found,) = own(rows, "heldout", cell_type, n_genes).to_dict("records")
    assert found["value"] == pytest.approx(expected, abs=1e-12)
    assert found["inner_auroc"] == pytest.approx(best.best_score_, abs=1e-12)
    assert found["c"] == pytest.approx(best.best_params_["C"], rel=1e-12)


def test_these_numbers_are_worth_comparing(rows):
    values = rows.loc[rows["note"] == "", "value"]
    assert len(values) == 3 * 3 * (3 + 1)
    assert values.nunique() > 20
    assert 0.4 < values.mean() < 0.98


def test_test_cells_influence_nothing_but_the_score(noisy):
    """Shuffling the labels' and genes' values among test cells leaves what was tuned as it was."""
    adata, ranking = noisy
    changed = adata.copy()
    test = (changed.obs["split"] == "test").to_numpy()
    changed.X[test] = 5 * changed.X[test] + 1
    settings = {**SETTINGS, "protocols": ["heldout"]}
    before, after = (auroc_rows(cells, ranking, [5], **settings) for cells in (adata, changed))
    for column in ("c", "gamma", "inner_auroc"):
        assert before[column].equals(after[column])
    assert not before["value"].equals(after["value"])


def test_each_protocol_uses_its_own_ranking(noisy, rows):
    adata, ranking = noisy
    swapped = ranking.assign(protocol=ranking["protocol"].map({"crossval": "heldout", "heldout": "crossval"}))
    other = auroc_rows(adata, swapped, [2], **SETTINGS)
    for protocol in ("crossval", "heldout"):
        assert not np.array_equal(own(other, protocol, "a", 2)["value"], own(rows, protocol, "a", 2)["value"])


def test_rows_have_their_columns_and_fractions(rows):
    assert list(rows.columns) == AUROC_COLUMNS
    evaluated = rows[rows["note"] == ""]
    np.testing.assert_allclose(evaluated["fraction"], evaluated["n_genes"] / 12)
    assert evaluated["value"].between(0, 1).all()
    assert set(evaluated["protocol"]) == {"crossval", "heldout"}


def test_a_rare_type_is_named_and_not_evaluated(rows):
    rare = rows[rows["cell_type"] == "rare"]
    assert rare["note"].tolist() == ["4 cells, fewer than minimum_cells = 10"] * 2
    assert rare["protocol"].tolist() == ["crossval", "heldout"]
    assert rare["value"].isna().all()
    assert (rare["n_genes"] == 0).all()


def test_a_rare_type_is_still_among_the_others_cells(noisy):
    """Cells of an excluded type stay negatives of the other types."""
    adata, ranking = noisy
    without = adata[adata.obs["cell_type"] != "rare"].copy()
    settings = {**SETTINGS, "protocols": ["crossval"]}
    assert not np.array_equal(
        own(auroc_rows(adata, ranking, [5], **settings), "crossval", "a", 5)["value"],
        own(auroc_rows(without, ranking, [5], **settings), "crossval", "a", 5)["value"],
    )


def test_a_type_with_too_few_cells_for_the_folds_is_named(noisy):
    adata, ranking = noisy
    rows = auroc_rows(adata, ranking, [2], **{**SETTINGS, "minimum_cells": 2})
    notes = rows.loc[rows["cell_type"] == "rare"].set_index("protocol")["note"]
    assert "4 cells" in notes["crossval"]
    assert "too few" in notes["crossval"]
    # Three of them are training cells, enough for three inner folds, and one is scored.
    assert notes["heldout"] == ""
    assert own(rows, "heldout", "rare", 2)["value"].between(0, 1).all()


@pytest.mark.parametrize(("n_cells", "folds", "inner_folds"), [(6, 3, 4), (6, 2, 3), (5, 3, 3), (9, 3, 6)])
def test_a_type_with_just_enough_cells_is_evaluated(noisy, n_cells, folds, inner_folds):
    """Its smallest training fold has n − ⌈n / folds⌉ cells, which must do for the inner folds."""
    assert n_cells - -(-n_cells // folds) >= inner_folds
    adata, ranking = noisy
    keep = (adata.obs["cell_type"] != "c").to_numpy() | (np.cumsum(adata.obs["cell_type"] == "c") <= n_cells)
    settings = {**SETTINGS, "protocols": ["crossval"], "minimum_cells": 2, "draws": 1}
    settings |= {"folds": folds, "inner_folds": inner_folds}
    rows = auroc_rows(adata[keep].copy(), ranking, [2], **settings)
    assert own(rows, "crossval", "c", 2)["fold"].tolist() == list(range(folds))


def test_a_type_with_too_few_other_cells_is_named_and_the_rest_goes_on(noisy):
    """With two types a rare one leaves the other without negatives: that is a note, not a failure of the job."""
    adata, ranking = noisy
    pair = adata[adata.obs["cell_type"].isin(["a", "rare"])].copy()
    pair = pair[(pair.obs["cell_type"] == "a").to_numpy() | (np.cumsum(pair.obs["cell_type"] == "rare") <= 2)].copy()
    rows = auroc_rows(pair, ranking, [2], **{**SETTINGS, "draws": 1})
    assert len(rows) == 4
    assert (rows["note"] != "").all()
    assert "rare" in set(rows["cell_type"])


def test_a_type_without_ranked_genes_keeps_the_ranking_s_note(noisy):
    adata, ranking = noisy
    nothing = ranking_rows(adata.var_names, "b", np.full(12, np.nan), note="none of its 30 cells is assigned to it")
    ranking = pd.concat(
        [
            ranking[(ranking["cell_type"] != "b") | (ranking["protocol"] != "crossval")],
            nothing.assign(protocol="crossval"),
        ]
    )
    rows = auroc_rows(adata, ranking, [2], **{**SETTINGS, "draws": 1})
    b = rows[rows["cell_type"] == "b"].set_index("protocol")
    assert b.loc["crossval", "note"] == "none of its 30 cells is assigned to it"
    assert b.loc["heldout", "note"] == ""


def test_a_type_that_the_method_does_not_rank_is_named(noisy):
    adata, ranking = noisy
    rows = auroc_rows(adata, ranking[ranking["cell_type"] != "b"], [2], **{**SETTINGS, "draws": 1})
    assert set(rows.loc[rows["cell_type"] == "b", "note"]) == {"not ranked by this method"}


def test_sizes_beyond_the_ranked_genes_are_left_out(noisy):
    adata, _ = noisy
    score = np.where(np.arange(12) < 4, 1.0, np.nan)
    short = pd.concat([ranking_rows(adata.var_names, t, score).assign(protocol="crossval") for t in "abc"])
    rows = auroc_rows(adata, short, [2, 4, 5, 12], **{**SETTINGS, "draws": 1, "protocols": ["crossval"]})
    assert set(rows.loc[rows["cell_type"] == "a", "n_genes"]) == {2, 4}


def test_a_ranking_shorter_than_every_size_is_evaluated_on_what_it_ranks(noisy):
    """NS-Forest gives one to six genes: its types must not drop out."""
    adata, _ = noisy
    score = np.where(np.arange(12) < 2, 1.0, np.nan)
    short = pd.concat([ranking_rows(adata.var_names, t, score).assign(protocol="crossval") for t in "abc"])
    settings = {**SETTINGS, "draws": 1, "protocols": ["crossval"]}
    rows = auroc_rows(adata, short, [4, 12], **settings)
    expected = auroc_rows(adata, short, [2], **settings)
    pd.testing.assert_frame_equal(rows, expected)
    assert set(rows.loc[rows["cell_type"] == "a", "n_genes"]) == {2}


def test_the_same_seed_gives_the_same_rows_and_every_method_the_same_folds(noisy, rows):
    adata, ranking = noisy
    pd.testing.assert_frame_equal(auroc_rows(adata, ranking, [2, 5, 12], **SETTINGS), rows)
    # All genes are the same panel whatever their order: equal folds and draws give equal areas.
    shuffled = ranking.assign(rank=13 - ranking["rank"])
    other = auroc_rows(adata, shuffled, [12], **SETTINGS)
    for cell_type in "abc":
        np.testing.assert_allclose(
            own(other, "crossval", cell_type, 12)["value"], own(rows, "crossval", cell_type, 12)["value"], atol=1e-12
        )
    assert not auroc_rows(adata, ranking, [2], **{**SETTINGS, "seed": 6})["value"].equals(
        rows.loc[rows["n_genes"].isin([0, 2]), "value"].reset_index(drop=True)
    )


def test_sparse_cells_give_the_same_rows(noisy, rows):
    adata, ranking = noisy
    thin = adata.copy()
    thin.X = sparse.csr_matrix(thin.X)
    pd.testing.assert_frame_equal(auroc_rows(thin, ranking, [2, 5, 12], **SETTINGS), rows)


def test_scaling_by_hand():
    x = np.array([[1.0, 5.0], [3.0, 5.0], [11.0, 6.0]], dtype=np.float32)
    scaled = minmax_scaled(x, np.array([True, True, False]))
    np.testing.assert_array_equal(scaled, [[0, 0], [1, 0], [5, 1]])
    assert scaled.dtype == np.float64
