"""Table 1 and the recovery curves count what a reader would count by hand, and agree with scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, precision_recall_curve

from kratos.errors import KratosError
from kratos.evaluate.recovery import average_precision, precision_recall, rankings_with_roles, role_counts
from kratos.figures import recovery as figure_recovery
from kratos.rank.order import ranking_rows
from kratos.tables import recovery as table_recovery

ROLES = np.array(["causal"] * 3 + ["dependent"] * 4 + ["noise"] * 13)
GENES = [f"{role}{i}" for i, role in enumerate(ROLES)]
TITLES = {"datasets": {"sim": "Simulated"}, "methods": {"a": "Method A", "b": "Method B"}}


def ranking(score, *, method="a", cell_type="t1", seed=0, protocol="crossval", note="", dataset="sim"):
    """One type's ranking with roles, as rule `rank` writes it."""
    rows = ranking_rows(GENES, cell_type, np.asarray(score, dtype=float), note=note)
    role = pd.Categorical(pd.Series(ROLES, index=GENES)[rows["gene"]], categories=["causal", "dependent", "noise"])
    return rows.assign(role=role, method=method, seed=seed, protocol=protocol, dataset=dataset)


def first(*genes):
    """Scores that put these genes (positions) first, the others behind them in their order."""
    score = -np.arange(len(GENES), dtype=float)
    score[list(genes)] = 100 - np.arange(len(genes))
    return score


@pytest.fixture
def random_rankings():
    """Two methods, types and seeds in random order; both protocols, of which `heldout` is the reverse."""
    rng = np.random.default_rng(1)
    frames = []
    for method in ("a", "b"):
        for cell_type in ("t1", "t2"):
            for seed in (0, 1, 2):
                score = rng.normal(size=len(GENES))
                for protocol, sign in (("crossval", 1), ("heldout", -1)):
                    place = {"method": method, "cell_type": cell_type, "seed": seed, "protocol": protocol}
                    frames.append(ranking(sign * score, **place))
    return pd.concat(frames, ignore_index=True)


def test_roles_among_the_top_are_counted():
    rows = rankings_with_roles(ranking(first(0, 3, 10, 1)), "here")
    counts = role_counts(rows, 4).loc[("sim", "a", "t1", 0)]
    assert counts[["causal", "dependent", "noise"]].tolist() == [2, 1, 1]
    # Behind them follow causal2, dependent4 and so on, in the order of the genes.
    assert role_counts(rows, 5)["causal"].item() == 3


def test_counts_add_up_to_the_number_of_genes_looked_at(random_rankings):
    rows = rankings_with_roles(random_rankings, "here")
    for top in (1, 5, 20):
        counts = role_counts(rows, top)
        assert len(counts) == 2 * 2 * 3
        assert (counts[["causal", "dependent", "noise"]].sum(axis=1) == top).all()


def test_only_the_protocol_of_the_paper_is_counted(random_rankings):
    rows = rankings_with_roles(random_rankings, "here")
    assert set(rows["protocol"]) == {"crossval"}
    assert len(rows) == len(random_rankings) / 2


def test_the_table_has_means_and_t_intervals_over_seeds():
    scores = {0: first(0, 1, 2, 3), 1: first(0, 1, 10, 3), 2: first(0, 11, 10, 3)}
    rows = pd.concat([ranking(score, seed=seed) for seed, score in scores.items()], ignore_index=True)
    table = table_recovery.tabulate(rows, TITLES, top=4)
    line = table[table["cell_type"] == "t1"].iloc[0]
    assert (line["dataset"], line["method"], line["seeds"], line["not_ranked"]) == ("Simulated", "Method A", 3, "")
    for role, counts in (("causal", [3, 2, 1]), ("dependent", [1, 1, 1]), ("noise", [0, 1, 2])):
        assert line[role] == np.mean(counts)
        if np.std(counts):
            low, high = stats.t.interval(0.95, 2, np.mean(counts), stats.sem(counts))
        else:
            low = high = np.mean(counts)
        assert line[f"{role}_low"] == pytest.approx(low, rel=1e-12)
        assert line[f"{role}_high"] == pytest.approx(high, rel=1e-12)


def test_the_mean_over_types_has_the_interval_of_the_seeds_means(random_rankings):
    table = table_recovery.tabulate(random_rankings, TITLES, top=5)
    assert table["cell_type"].tolist() == ["t1", "t2", "mean of types"] * 2
    counts = role_counts(rankings_with_roles(random_rankings, "here"), 5)["causal"]
    by_seed = counts.loc[("sim", "b")].groupby("seed").mean()
    line = table[(table["method"] == "Method B") & (table["cell_type"] == "mean of types")].iloc[0]
    low, high = stats.t.interval(0.95, 2, by_seed.mean(), stats.sem(by_seed))
    np.testing.assert_allclose(line[["causal", "causal_low", "causal_high"]].astype(float), [by_seed.mean(), low, high])


def test_a_type_that_was_not_ranked_is_left_out_of_the_mean_with_its_reason():
    reason = "no group of the model stands for this type"
    rows = [ranking(first(0, 1, 2)), ranking(np.full(20, np.nan), seed=1, note=reason), ranking(first(0, 5, 6), seed=2)]
    line = table_recovery.tabulate(pd.concat(rows, ignore_index=True), TITLES, top=3).iloc[0]
    assert line["seeds"] == 2
    assert line["causal"] == 2
    assert line["not_ranked"] == f"1 of 3 seeds: {reason}"


def test_a_method_that_never_ranks_a_type_has_no_counts():
    rows = ranking(np.full(20, np.nan), note="no score")
    line = table_recovery.tabulate(rows, TITLES).iloc[0]
    assert line["seeds"] == 0
    assert np.isnan(line["causal"])


def test_precision_and_recall_are_those_of_scikit_learn(random_rankings):
    rows = rankings_with_roles(random_rankings, "here")
    for wanted in (("causal",), ("causal", "dependent")):
        curves = precision_recall(rows, wanted)
        area = average_precision(curves)
        assert len(area) == 12
        for run, own in rows.groupby(["dataset", "method", "cell_type", "seed"]):
            y = own["role"].isin(wanted)
            curve = curves[(curves[["dataset", "method", "cell_type", "seed"]] == run).all(axis=1)]
            precision, recall, _ = precision_recall_curve(y, -own["rank"])
            # scikit-learn's points run from all genes to none, ending in (1, 0).
            np.testing.assert_allclose(curve["precision"], precision[:-1][::-1])
            np.testing.assert_allclose(curve["recall"], recall[:-1][::-1])
            assert area[run] == pytest.approx(average_precision_score(y, -own["rank"]))


def test_genes_without_a_rank_are_never_found():
    score = first(0, 10)
    score[[1, 2]] = np.nan
    curves = precision_recall(rankings_with_roles(ranking(score), "here"), ("causal",))
    assert len(curves) == 18
    assert curves["recall"].max() == pytest.approx(1 / 3)
    assert average_precision(curves).item() == pytest.approx(1 / 3)


def test_the_figure_shows_the_means_that_its_csv_has(random_rankings):
    figure, plotted = figure_recovery.draw(random_rankings, TITLES, top=4)
    curves = precision_recall(rankings_with_roles(random_rankings, "here"), ("causal",))
    expected = curves[curves["method"] == "a"].groupby("rank")[["precision", "recall"]].mean()
    own = plotted[(plotted["method"] == "a") & (plotted["wanted"] == "causal")]
    np.testing.assert_allclose(own[["precision", "recall"]], expected)
    assert set(own["runs"]) == {6}
    axis = figure.axes[0]
    line = next(line for line in axis.get_lines() if str(line.get_label()).startswith("Method A"))
    np.testing.assert_allclose(line.get_xydata(), expected[["recall", "precision"]])
    assert line.get_label() == f"Method A ({own['average_precision'].iloc[0]:.2f})"
    rings = [tuple(marker.get_xydata()[0]) for marker in axis.get_lines() if marker.get_marker() == "o"]
    assert any(np.allclose(ring, expected.loc[4, ["recall", "precision"]]) for ring in rings)
    assert [a.get_title() for a in figure.axes] == ["(a) Causal genes", "(b) Causal or dependent genes"]


def test_a_curve_ends_where_the_shortest_ranking_ends():
    short = first(0, 1)
    short[5:] = np.nan
    rows = pd.concat([ranking(first(0, 1)), ranking(short, seed=1)], ignore_index=True)
    _, plotted = figure_recovery.draw(rows, TITLES)
    assert plotted.loc[plotted["wanted"] == "causal", "rank"].tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda rows: rows.drop(columns="role"),
            r"table 'recovery': the genes of data set 'sim' have no role \(causal, dependent, noise\): show simulated",
        ),
        (lambda rows: rows.assign(role=None), r"the genes of data set 'sim' have no role"),
        (
            lambda rows: rows.assign(protocol="heldout"),
            r"table 'recovery': no one-vs-rest ranking of protocol 'crossval': add it to auroc.protocols",
        ),
        (lambda rows: rows.assign(target="t2"), r"no one-vs-rest ranking"),
    ],
)
def test_rows_that_cannot_be_counted_are_errors(change, message):
    with pytest.raises(KratosError, match=message):
        table_recovery.tabulate(change(ranking(first(0))), TITLES)
