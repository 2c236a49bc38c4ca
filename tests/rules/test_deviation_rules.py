"""The deviation ledger through Snakemake on the planted cells: a variant differs from its base in the switch alone."""

import copy

import numpy as np
import pandas as pd
import pytest

from kratos.files import read_json

pytestmark = pytest.mark.workflow

LEDGER = "results/tables/deviations.csv"
WORDS = {"paper": "one", "code": "other", "dataset": "planted", "methods": ["net_ig"]}
DEVIATIONS = {
    # The value that the key has anyway, said or by default.
    "same": {
        **WORDS,
        "point": "Integrated Gradients",
        "set": {"explainers.ig.params.rule": "riemann_right", "auroc.draws": 3},
        "shows": ["clustering", "auroc", "redundancy"],
    },
    # Without a scaler its cells do not matter, but the network is trained anew.
    "trained_anew": {
        **WORDS,
        "point": "scaling of the input",
        "set": {"models.net.params.scaler_cells": "all"},
        "shows": ["clustering", "auroc"],
    },
    "diagonal": {
        **WORDS,
        "point": "redundancy",
        "set": {"redundancy.diagonal": True},
        "shows": ["redundancy"],
    },
    "cells": {**WORDS, "point": "cells of Table 2", "cells": ["test", "all"], "shows": ["clustering"]},
    "loss": {"point": "loss", "paper": "a", "code": "b", "note": "not a matter of numbers"},
}


@pytest.fixture(scope="module")
def measured(new_workflow):
    """A finished run of a small ledger."""
    workflow = new_workflow("deviations")
    workflow.config = {
        **workflow.config,
        "seeds": {"curves": [0], "panels": [0, 1]},
        "deviations": DEVIATIONS,
        "tables": {},
        "figures": {},
    }
    workflow.result = workflow.run(LEDGER)
    assert workflow.result.returncode == 0, workflow.result.stdout[-6000:]
    return workflow


@pytest.fixture(scope="module")
def ledger(measured):
    return pd.read_csv(measured.folder / LEDGER).set_index("deviation")


@pytest.mark.parametrize("deviation", ["same", "trained_anew"])
def test_a_switch_that_changes_nothing_gives_identical_numbers(ledger, deviation):
    own = ledger.loc[deviation]
    assert len(own) == {"same": 9, "trained_anew": 8}[deviation]
    assert own["paper_value"].notna().all()
    assert (own["seeds"] == 2).all()
    # To the last bit: the same seeds, cells and settings.
    assert (own[["difference", "low", "high"]] == 0).all(axis=None)


def test_a_model_trained_anew_has_the_seed_and_weights_of_its_base(measured):
    for seed in ("0", "1"):
        one, other = (measured.path(name, seed, "net") for name in ("planted", "planted_dev_trained_anew"))
        records = [read_json(folder / "training.json") for folder in (one, other)]
        assert records[0]["seed"] == records[1]["seed"]
        assert records[0]["hyperparameters"] != records[1]["hyperparameters"]
        with np.load(one / "embedding.npz") as first, np.load(other / "embedding.npz") as second:
            np.testing.assert_array_equal(first["latent"], second["latent"])


def test_models_that_the_switch_leaves_alone_are_not_trained_again(measured):
    assert measured.path("planted", "0", "net", "model.pt").exists()
    for name in ("planted_dev_same", "planted_dev_diagonal"):
        assert not measured.path(name, "0", "net").exists()


def test_the_diagonal_adds_what_its_ones_add(ledger):
    """The mean r over the pairs of k genes becomes (1 + (k - 1) r) / k."""
    line = ledger.loc["diagonal"]
    assert line["paper_value"] < 0.9
    assert line["other_value"] == pytest.approx((1 + 2 * line["paper_value"]) / 3, rel=1e-4)
    assert line["switch"] == "redundancy.diagonal: true"


def test_two_sets_of_cells_are_two_sides_of_one_run(measured, ledger):
    rows = pd.concat(pd.read_parquet(measured.path("planted", seed, "clustering.parquet")) for seed in ("0", "1"))
    expected = rows.groupby(["metric", "cells"])["value"].mean()
    own = ledger.loc["cells"].set_index("metric")
    for metric in ("silhouette", "ari", "ami"):
        assert own.loc[metric, "paper_value"] == pytest.approx(expected[metric, "test"], rel=1e-5)
        assert own.loc[metric, "other_value"] == pytest.approx(expected[metric, "all"], rel=1e-5)


def test_a_point_without_numbers_is_in_the_ledger_with_its_reason(ledger):
    assert ledger.loc["loss", "note"] == "not a matter of numbers"
    assert np.isnan(ledger.loc["loss", "difference"])


def test_the_ledger_is_part_of_a_whole_run_and_is_made_once(measured):
    assert measured.planned(LEDGER) == {}
    # Of the method that no deviation shows, and the marker page that the data set asks for.
    rest = {"rank", "auroc", "redundancy", "project", "markers", "marker_page", "summary"}
    assert set(measured.planned()) == rest


def test_a_mistake_in_a_switch_is_one_sentence_before_any_job(measured):
    config = copy.deepcopy(measured.config)
    config["deviations"]["same"]["set"] = {"explainers.ig.params.ruel": "riemann_left"}
    result = measured.run(LEDGER, config=config)
    assert result.returncode != 0
    sentence = "config: deviations.same: set: explainers.ig: unknown parameter 'ruel' of explainer"
    assert sentence in result.stdout
    assert "Traceback" not in result.stdout
    assert "Job stats" not in result.stdout
