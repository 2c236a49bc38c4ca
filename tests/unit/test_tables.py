"""Tables show means over folds, types and seeds that a reader can recompute, and name what was left out."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from kratos.evaluate.panels import share_full_panel
from kratos.rank.order import ranking_rows
from kratos.tables import clustering, comparison, gains, stability
from kratos.tables.statistics import holm, interval, signed_rank_p
from table import main

TITLES = {
    "datasets": {"d": "Data"},
    "models": {"net": "Net", "ace": "ACE"},
    "methods": {"ig": "Net_ig", "sg": "Net_sg"},
}


@pytest.fixture
def auroc_values():
    """Two methods, seeds, sizes and protocols, three folds, types a and b; c is not evaluated."""
    rng = np.random.default_rng(0)
    rows = []
    for method in ("sg", "ig"):
        for seed in (0, 1):
            for protocol, folds in (("crossval", 3), ("heldout", 1)):
                for cell_type in ("a", "b"):
                    for n_genes in (1, 10):
                        for fold in range(folds):
                            rows.append(
                                (method, seed, protocol, cell_type, n_genes, n_genes / 100, fold, rng.random(), "")
                            )
                note = "4 cells, fewer than minimum_cells = 15"
                rows.append((method, seed, protocol, "c", 0, np.nan, -1, np.nan, note))
    columns = ["method", "seed", "protocol", "cell_type", "n_genes", "fraction", "fold", "value", "note"]
    frame = pd.DataFrame(rows, columns=columns).assign(dataset="d")
    return frame.assign(full_panel=False, ranks_all=frame["note"] == "")


def expected_areas(rows, method, protocol, n_genes):
    """Mean over folds of every (seed, type), from arrays."""
    own = rows[(rows["method"] == method) & (rows["protocol"] == protocol) & (rows["n_genes"] == n_genes)]
    return np.array(
        [
            [own.loc[(own["seed"] == seed) & (own["cell_type"] == t), "value"].to_numpy().mean() for t in ("a", "b")]
            for seed in (0, 1)
        ]
    )


@pytest.mark.parametrize(("fraction", "n_genes"), [(0.01, 1), (0.1, 10), (0.02, 1), (0.9, 10)])
def test_a_comparison_shows_means_over_folds_types_and_seeds(auroc_values, fraction, n_genes):
    table = comparison.tabulate(auroc_values, TITLES, fraction=fraction).set_index(["protocol", "method"])
    assert len(table) == 4
    for (protocol, title), line in table.iterrows():
        areas = expected_areas(auroc_values, {"Net_sg": "sg", "Net_ig": "ig"}[title], protocol, n_genes)
        np.testing.assert_allclose(line[["a", "b"]].astype(float), areas.mean(axis=0), rtol=1e-12)
        by_seed = areas.mean(axis=1)
        low, high = stats.t.interval(0.95, 1, loc=by_seed.mean(), scale=stats.sem(by_seed))
        np.testing.assert_allclose(line[["auroc", "low", "high"]].astype(float), [by_seed.mean(), low, high], rtol=1e-9)
        assert line["n_genes"] == n_genes
        assert line["seeds"] == 2
        assert line["dataset"] == "Data"
        assert line["not_evaluated"] == "c: 4 cells, fewer than minimum_cells = 15"


def test_types_with_panels_of_different_sizes_are_each_shown_at_their_own(auroc_values):
    """A tool that ranks one gene for a type and ten for another must not lose the first."""
    short = (auroc_values["method"] == "ig") & (auroc_values["cell_type"] == "a") & (auroc_values["n_genes"] == 10)
    table = comparison.tabulate(auroc_values[~short], TITLES, fraction=0.1).set_index(["protocol", "method"])
    line = table.loc[("crossval", "Net_ig")]
    assert line["n_genes"] == "1 to 10"
    for cell_type, column, n_genes in (("a", 0, 1), ("b", 1, 10)):
        expected = expected_areas(auroc_values, "ig", "crossval", n_genes).mean(axis=0)[column]
        assert line[cell_type] == pytest.approx(expected)


def test_a_control_that_is_not_shown_stays_out_of_a_comparison(auroc_values):
    control = auroc_values[auroc_values["method"] == "sg"].assign(method="all_genes", full_panel=True)
    table = comparison.tabulate(pd.concat([auroc_values, control]), TITLES)
    assert set(table["method"]) == {"Net_ig", "Net_sg"}


def test_a_comparison_is_sorted_best_first_within_a_protocol(auroc_values):
    rows = auroc_values.copy()
    rows.loc[rows["method"] == "ig", "value"] += 2
    table = comparison.tabulate(rows, TITLES)
    assert table[["protocol", "method"]].values.tolist() == [
        ["crossval", "Net_ig"],
        ["crossval", "Net_sg"],
        ["heldout", "Net_ig"],
        ["heldout", "Net_sg"],
    ]
    assert "c" not in table.columns
    assert table.columns[-1] == "not_evaluated"


def test_one_seed_has_no_interval(auroc_values):
    table = comparison.tabulate(auroc_values[auroc_values["seed"] == 0], TITLES)
    assert table[["low", "high"]].isna().all(axis=None)
    assert table["auroc"].notna().all()


def test_a_type_that_only_one_method_ranks_has_no_value_for_the_other(auroc_values):
    missing = (auroc_values["method"] == "sg") & (auroc_values["cell_type"] == "b") & (auroc_values["n_genes"] > 0)
    rows = auroc_values[~missing]
    note = rows[rows["cell_type"] == "c"].query("method == 'sg'").assign(cell_type="b", note="none is assigned to it")
    table = comparison.tabulate(pd.concat([rows, note]), TITLES).set_index(["protocol", "method"])
    line = table.loc[("crossval", "Net_sg")]
    assert np.isnan(line["b"])
    assert line["auroc"] == pytest.approx(line["a"], rel=1e-12)
    assert "b: none is assigned to it" in line["not_evaluated"]
    assert np.isfinite(table.loc[("crossval", "Net_ig"), "b"])


def test_a_method_without_any_value_keeps_its_line_and_says_why(auroc_values):
    rows = auroc_values[(auroc_values["method"] != "sg") | (auroc_values["note"] != "")]
    table = comparison.tabulate(rows, TITLES).set_index(["protocol", "method"])
    assert np.isnan(table.loc[("crossval", "Net_sg"), "auroc"])
    assert table.loc[("crossval", "Net_sg"), "not_evaluated"] == "c: 4 cells, fewer than minimum_cells = 15"


def test_the_panel_of_all_genes_is_shared_by_the_methods_that_rank_all(auroc_values):
    """A control evaluates it once; it is repeated for each type of which a method ranks all genes."""
    rows = auroc_values.copy()
    rows.loc[(rows["method"] == "sg") & (rows["cell_type"] == "b"), "ranks_all"] = False
    control = rows[(rows["method"] == "ig") & (rows["n_genes"] == 10)].assign(
        method="control", n_genes=100, fraction=1.0, full_panel=True
    )
    shared = share_full_panel(pd.concat([rows, control], ignore_index=True))
    for method, types in (("ig", {"a", "b"}), ("sg", {"a"}), ("control", {"a", "b"})):
        own = shared[(shared["method"] == method) & (shared["fraction"] == 1.0)]
        assert set(own["cell_type"]) == types
        expected = control[control["cell_type"].isin(types)]["value"].sort_values()
        np.testing.assert_array_equal(own["value"].sort_values(), expected)
    assert len(shared[shared["fraction"] != 1.0]) == len(rows)


def test_gains_are_paired_by_seed_and_type(auroc_values):
    rows = auroc_values[auroc_values["protocol"] == "heldout"].copy()
    (line,) = gains.tabulate(rows, TITLES, panels=[["ig", "sg"]], fraction=0.1).to_dict("records")
    one, other = (expected_areas(rows, method, "heldout", 10) for method in ("ig", "sg"))
    by_seed = 100 * (one - other).mean(axis=1)
    assert line["gain"] == pytest.approx(by_seed.mean(), rel=1e-9)
    low, high = stats.t.interval(0.95, 1, loc=by_seed.mean(), scale=stats.sem(by_seed))
    assert (line["gain_low"], line["gain_high"]) == pytest.approx((low, high), rel=1e-9)
    relative = 100 * (one.mean(axis=1) / other.mean(axis=1) - 1)
    assert line["relative_gain"] == pytest.approx(relative.mean(), rel=1e-9)
    assert line["wins"] == int(((one - other).mean(axis=0) > 0).sum())
    assert line["types"] == 2
    assert (line["method"], line["baseline"]) == ("Net_ig", "Net_sg")


def test_intervals_and_tests_are_those_of_the_books():
    values = np.random.default_rng(0).normal(size=7)
    expected = stats.t.interval(0.9, 6, loc=values.mean(), scale=stats.sem(values))
    assert interval(values, 0.9) == pytest.approx((values.mean(), *expected), rel=1e-12)
    assert np.isnan(interval([0.5])[1:]).all()
    assert np.isnan(interval([])).all()
    # All six differences positive: 2 of the 2⁶ signs are as extreme.
    assert signed_rank_p([1, 2, 3, 4, 5, 6]) == pytest.approx(2 / 64)
    assert np.isnan(signed_rank_p([0, 0, 1]))
    # Holm (1979): the smallest p times 4, the next times 3 …, never falling.
    np.testing.assert_allclose(holm([0.01, 0.04, np.nan, 0.03, 0.005]), [0.03, 0.06, np.nan, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.9]), [1.0, 1.0])


def test_stability_is_the_share_of_genes_that_two_seeds_have_in_common():
    genes = [f"g{j}" for j in range(10)]
    orders = {0: [0, 1, 2, 3], 1: [0, 1, 4, 5], 2: [6, 7, 8, 9]}
    frames = []
    for seed, first in orders.items():
        score = np.zeros(10)
        score[first] = 5
        frames.append(ranking_rows(genes, "a", score).assign(dataset="d", protocol="crossval", method="ig", seed=seed))
    (line,) = stability.tabulate(pd.concat(frames), TITLES, fraction=0.4).to_dict("records")
    # Pairs of seeds share 2 of 6, 0 of 8 and 0 of 8 genes.
    assert line["jaccard"] == pytest.approx((2 / 6 + 0 + 0) / 3)
    assert line["n_genes"] == 4
    assert line["seeds"] == 3


def clustering_values(seeds):
    rng = np.random.default_rng(1)
    rows = [
        (seed, model, cells, n_cells, metric, rng.random())
        for seed in seeds
        for model in ("net", "ace")
        for cells, n_cells in (("all", 100), ("test", 30))
        for metric in ("silhouette", "ari", "ami")
    ]
    return pd.DataFrame(rows, columns=["seed", "model", "cells", "n_cells", "metric", "value"]).assign(dataset="d")


def test_clustering_metrics_are_means_over_seeds_with_their_deviation():
    rows = clustering_values([0, 1, 2])
    table = clustering.tabulate(rows, TITLES).set_index(["model", "cells"])
    assert len(table) == 4
    for (model, cells), line in table.iterrows():
        own = rows[(rows["model"] == {"Net": "net", "ACE": "ace"}[model]) & (rows["cells"] == cells)]
        for metric in ("silhouette", "ari", "ami"):
            values = own.loc[own["metric"] == metric, "value"].to_numpy()
            assert line[metric] == pytest.approx(values.mean(), rel=1e-12)
            assert line[f"{metric}_sd"] == pytest.approx(np.sqrt(((values - values.mean()) ** 2).sum() / 2), rel=1e-12)
        assert line["seeds"] == 3
        assert line["n_cells"] == {"all": 100, "test": 30}[cells]


def test_one_seed_has_no_deviation():
    table = clustering.tabulate(clustering_values([0]), TITLES)
    assert list(table.columns) == ["dataset", "model", "cells", "n_cells", "seeds", "silhouette", "ari", "ami"]
    assert set(table["seeds"]) == {1}


def test_the_script_writes_the_rows_of_all_files_and_only_the_models_asked_for(tmp_path):
    rows = clustering_values([0, 1])
    files = []
    for seed, own in rows.groupby("seed"):
        files.append(str(tmp_path / f"{seed}.parquet"))
        own.to_parquet(files[-1])
    spec = {"kind": "clustering", "dataset": "d", "models": ["net"], "caption": "", "seeds": "curves"}
    main(files, {"spec": spec, "titles": TITLES}, str(tmp_path / "out" / "table.csv"))
    written = pd.read_csv(tmp_path / "out" / "table.csv")
    assert set(written["model"]) == {"Net"}
    assert written["seeds"].tolist() == [2, 2]
    expected = clustering.tabulate(rows[rows["model"] == "net"], TITLES)
    np.testing.assert_allclose(written["ari"], expected["ari"], rtol=1e-5)


def test_the_script_passes_the_parameters_of_the_table(auroc_values, tmp_path):
    auroc_values.to_parquet(tmp_path / "x.parquet")
    spec = {"kind": "comparison", "dataset": "d", "fraction": 0.1, "caption": "text"}
    main([str(tmp_path / "x.parquet")], {"spec": spec, "titles": TITLES}, str(tmp_path / "t.csv"))
    assert set(pd.read_csv(tmp_path / "t.csv")["n_genes"]) == {10}
