"""The sweep's points are the numbers of causal genes that the rankings have, and its config says what it varies."""

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import average_precision_score

from kratos.errors import KratosError
from kratos.figures import sweep
from kratos.plugins import plugin
from kratos.rank.order import ranking_rows

ROLES = np.array(["causal"] * 4 + ["noise"] * 12)
GENES = [f"g{j}" for j in range(16)]
TITLES = {"datasets": {}, "methods": {"a": "A", "random": "Random"}}
FACTORS = {"Spread": {"low": 0.2, "base": 0.4}, "Cells": {"base": 500, "many": 1500}}


@pytest.fixture
def rankings():
    """Three data sets, two methods and types, two seeds; orders are random."""
    rng = np.random.default_rng(5)
    frames = []
    for dataset in ("low", "base", "many"):
        for method in ("a", "random"):
            for cell_type in ("t1", "t2", "t3"):
                for seed in (0, 1):
                    rows = ranking_rows(GENES, cell_type, rng.normal(size=16))
                    role = pd.Series(ROLES, index=GENES)[rows["gene"]].to_numpy()
                    frames.append(
                        rows.assign(role=role, dataset=dataset, method=method, seed=seed, protocol="crossval")
                    )
    return pd.concat(frames, ignore_index=True)


def by_type(rankings, dataset, method, measure):
    """The measure's mean over seeds for every type, straight from the rows."""
    own = rankings[(rankings["dataset"] == dataset) & (rankings["method"] == method)]
    values = {}
    for cell_type, runs in own.groupby("cell_type"):
        values[cell_type] = np.mean([measure(run) for _, run in runs.groupby("seed")])
    return np.array(list(values.values()))


def causal_among(top):
    return lambda run: ((run["rank"] <= top) & (run["role"] == "causal")).sum()


def test_points_are_means_and_deviations_over_types(rankings):
    _, plotted = sweep.draw(rankings, TITLES, factors=FACTORS, top=5)
    assert len(plotted) == 4 * 2
    for _, point in plotted.iterrows():
        values = by_type(rankings, point["dataset"], point["method"], causal_among(5))
        assert point["mean"] == pytest.approx(values.mean())
        assert point["sd"] == pytest.approx(values.std(ddof=1))
        assert point["types"] == 3
        assert point["chance"] == pytest.approx(5 * 4 / 16)
        assert str(FACTORS[point["factor"]][point["dataset"]]) == point["value"]


def test_average_precision_is_that_of_scikit_learn(rankings):
    _, plotted = sweep.draw(rankings, TITLES, factors=FACTORS, measure="average_precision")
    point = plotted[(plotted["dataset"] == "many") & (plotted["method"] == "a")].iloc[0]
    values = by_type(rankings, "many", "a", lambda run: average_precision_score(run["role"] == "causal", -run["rank"]))
    assert point["mean"] == pytest.approx(values.mean())
    assert point["chance"] == 0.25


def test_every_factor_has_an_axis_with_its_values_in_order(rankings):
    figure, plotted = sweep.draw(rankings, TITLES, factors=FACTORS, top=5)
    assert [axis.get_xlabel() for axis in figure.axes] == ["Spread", "Cells"]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["0.2", "0.4"]
    assert [label.get_text() for label in figure.axes[1].get_xticklabels()] == ["500", "1500"]
    containers = dict(zip(("a", "random"), figure.axes[1].containers, strict=True))
    for method, container in containers.items():
        own = plotted[(plotted["factor"] == "Cells") & (plotted["method"] == method)]
        np.testing.assert_allclose(container.lines[0].get_ydata().astype(float), own["mean"])
        np.testing.assert_array_equal(np.rint(container.lines[0].get_xdata().astype(float)), [0, 1])
    assert figure.axes[0].get_ylabel() == "Causal genes in the top 5"
    assert figure.axes[0].get_ylim()[0] == 0


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({**FACTORS, "Batch": {"three": 3}}, r"factor 'Batch' names data set 'three', which the figure does not show"),
        ({"Spread": FACTORS["Spread"]}, r"data set 'many' has no value in any factor: add it, or remove it"),
        ({**FACTORS, "Batch": ["low"]}, r"factor 'Batch' must be a mapping of data sets to values"),
        ({**FACTORS, "Batch": {}}, r"factor 'Batch' must be a mapping of data sets to values"),
    ],
)
def test_factors_that_do_not_fit_the_data_sets_are_errors(rankings, factors, message):
    with pytest.raises(KratosError, match=message):
        sweep.draw(rankings, TITLES, factors=factors)


def test_data_sets_without_roles_are_an_error(rankings):
    rows = rankings.assign(role=np.where(rankings["dataset"] == "low", None, rankings["role"]))
    with pytest.raises(KratosError, match=r"figure 'sweep': the genes of data set 'low' have no role"):
        sweep.draw(rows, TITLES, factors=FACTORS)


@pytest.mark.parametrize("name", ["config.yaml", "demo.yaml"])
def test_the_configured_sweep_varies_what_its_axes_say(project, name):
    """A data set differs from the factor's others in the parameters of one factor, and its value is on the axis."""
    config = yaml.safe_load((project / "config" / name).read_text(encoding="utf-8"))
    loader = plugin("datasets", "symsim").load
    entries = [entry for entry in config["figures"].values() if entry["kind"] == "sweep"]
    assert entries
    for entry in entries:
        for levels in entry["factors"].values():
            settings = [loader.__kwdefaults__ | config["datasets"][dataset].get("params", {}) for dataset in levels]
            varied = {key for key in settings[0] if len({str(s[key]) for s in settings}) > 1}
            assert varied
            for value, setting in zip(levels.values(), settings, strict=True):
                if isinstance(value, int | float):
                    assert value in [setting[key] for key in varied]
