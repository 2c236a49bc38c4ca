"""The committed golden values: the present code gives them, and a planted change of method does not pass."""

from functools import cache

import pytest

from kratos.config import read_configs
from kratos.golden import KEY, MEAN, metric_rows
from kratos.regression import GROUP, compare, read_golden
from kratos.seeds import derive_seed

DATASET = "pbmc68k_reduced"


@pytest.fixture(scope="module")
def golden(project):
    return read_golden(project / "results" / "golden")


@pytest.fixture(scope="module")
def config(project):
    """The gate's configuration."""
    return read_configs([project / "config" / "ci.yaml"])


@pytest.fixture(scope="module")
def cells(config, tmp_path_factory):
    """Cells of a data set that needs no network."""
    from cells import main

    path = tmp_path_factory.mktemp("cells") / "cells.h5ad"
    spec = {"loader": config["datasets"][DATASET]["loader"], "params": {}, "expect": {}, "split": {}}
    main(DATASET, spec, [], str(path))
    return path


@pytest.fixture(scope="module")
def classifier(config, cells, tmp_path_factory):
    """A function that trains the classifier of seed 0 with other parameters, each once, and gives its folder."""
    import train

    @cache
    def make(**changes):
        folder, spec = tmp_path_factory.mktemp("kratos"), config["models"]["kratos"]
        outputs = {"model": "model.pt", "embedding": "embedding.npz", "training": "training.json"}
        train.main(
            str(cells),
            {"kind": spec["kind"], "params": {**spec["params"], **changes}, "device": "cpu"},
            derive_seed(DATASET, "kratos", 0),
            {key: str(folder / name) for key, name in outputs.items()},
        )
        return folder

    return make


@pytest.fixture
def moved(golden, config, cells, classifier, tmp_path):
    """A function that ranks by one method anew, with other parameters, and gives what moved of its golden values."""
    import rank

    def compare_anew(method, training=(), **changes):
        values, spread = golden
        seeded = tmp_path / DATASET / "0"
        seeded.mkdir(parents=True)
        (tmp_path / DATASET / "cells.h5ad").symlink_to(cells)
        spec = dict(config["methods"][method])
        if "ranker" in spec:
            used, params = None, {"method": {**spec, "params": {**spec["params"], **changes}}}
        else:
            (seeded / "kratos").symlink_to(classifier(**dict(training)))
            used, explainer = str(seeded / "kratos" / "model.pt"), config["explainers"][spec["explainer"]]
            explainer = {**explainer, "params": {**explainer["params"], **changes}}
            params = {"method": {"explained_input": "prepared"}, "explainer": explainer}
        identity = {"dataset": DATASET, "method": method, "seed": 0}
        output = str(seeded / "rankings" / f"{method}.parquet")
        rank.main(
            str(cells), used, {**params, "protocols": ["crossval"], "maximum_cells_per_type": 0}, identity, output
        )
        fresh = metric_rows(tmp_path, {**config, "datasets": {DATASET: {"methods": [method], "evaluations": []}}})
        own = values.merge(fresh[KEY], on=KEY)
        assert len(own) == len(fresh) > 10
        return compare(own, fresh, spread)

    return compare_anew


@pytest.mark.parametrize("method", ["kratos_sg", "kratos_ig", "wilcoxon"])
def test_the_present_code_gives_the_golden_values(moved, method):
    assert moved(method).empty


@pytest.mark.parametrize(
    ("method", "change", "name", "metric"),
    [
        ("kratos_sg", {"training": (("epochs", 50),)}, "kratos_sg", "score"),
        ("kratos_sg", {"training": (("epochs", 95),)}, "kratos", "training_loss"),
        ("kratos_sg", {"noise": 0.1}, "kratos_sg", "score"),
        ("kratos_sg", {"aggregate": "mean_of_abs"}, "kratos_sg", "score"),
        ("kratos_ig", {"times_input": False}, "kratos_ig", "score"),
        ("wilcoxon", {"tie_correct": False}, "wilcoxon", "score"),
    ],
)
def test_a_change_of_method_is_caught(moved, method, change, name, metric):
    found = moved(method, **change)
    assert "moved" in set(found.loc[(found["name"] == name) & (found["metric"] == metric), "verdict"])


def test_every_golden_value_has_a_tolerance_and_every_tolerance_a_value(golden):
    values, spread = golden
    groups = values[GROUP].drop_duplicates()
    assert len(groups.merge(spread, on=GROUP)) == len(groups) == len(spread)


def test_golden_values_are_of_the_configured_data_sets_and_small(project, golden):
    config = read_configs([project / "config" / "ci.yaml", project / "config" / "ci_real.yaml"])
    assert set(golden[0]["dataset"]) == set(config["datasets"])
    files = list((project / "results" / "golden").glob("*.csv"))
    assert sum(path.stat().st_size for path in files) < 100_000


def test_tolerances_are_far_below_what_a_ranking_by_chance_would_change(golden):
    """A gate that lets a random panel pass would be none: means over types, at the top 1 % of genes."""
    values, spread = golden
    means = values[(values["metric"] == "auroc") & (values["cell_type"] == MEAN) & (values["protocol"] == "crossval")]
    smallest = means[means["n_genes"] == means.groupby("dataset")["n_genes"].transform("min")]
    chance = smallest[smallest["name"] == "random"].set_index("dataset")["value"]
    learned = smallest[smallest["name"].str.startswith("kratos")].merge(spread, on=GROUP)
    assert len(learned) == 3 * len(chance)
    assert (learned["value"] - chance.reindex(learned["dataset"]).to_numpy() > 2 * learned["tolerance"]).all()


def test_the_reduced_run_is_configured_for_the_files_of_the_paper(project):
    paper = read_configs([project / "config" / "config.yaml"])
    real = read_configs([project / "config" / "ci_real.yaml"])
    for name, resource in real["resources"].items():
        assert resource == paper["resources"][name]
    for name, dataset in real["datasets"].items():
        assert dataset["files"] == paper["datasets"][name]["files"]
        assert dataset["loader"] == paper["datasets"][name]["loader"]
    assert real["datasets"]["pbmc"]["minimum_cells"] == paper["datasets"]["pbmc"]["minimum_cells"]


def test_the_classifier_of_the_gate_is_the_papers(project):
    paper, own = (read_configs([project / "config" / name])["models"]["kratos"] for name in ("config.yaml", "ci.yaml"))
    for key, value in own["params"].items():
        assert paper["params"][key] == value
