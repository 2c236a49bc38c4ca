"""The deviation ledger: variants differ in their switch alone, mistakes are one sentence, its arithmetic is right."""

import copy
import re

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats
from snakemake.utils import validate

from kratos.config import check_config, read_schema
from kratos.deviations import compared, ledger_plan, shown_metrics, variants
from kratos.errors import KratosError
from kratos.tables.deviations import COLUMNS, ledger, measured

BASE = """
seeds: { curves: [0, 1], panels: [0, 1] }
datasets:
  small: { title: Small, loader: digits, grid: few, models: [other], methods: [net_ig, net_cw, chance] }
  second: { loader: digits, grid: few, methods: [chance] }
models:
  net: { title: Net, kind: classifier, params: { epochs: 3 } }
  other: { kind: classifier }
explainers:
  ig: { kind: integrated_gradients, params: { steps: 5 } }
  cw: { kind: adversarial }
methods:
  net_ig: { title: Net_ig, model: net, explainer: ig }
  net_cw: { model: net, explainer: cw }
  chance: { ranker: random_genes }
grids: { few: [0.1, 1.0] }
auroc: { draws: 2, panel_fraction: 0.1 }
deviations:
  epochs:
    point: epochs, batch
    paper: three
    code: four
    dataset: small
    set: { models.net.params.epochs: 4 }
    shows: [clustering, auroc, redundancy, recovery]
    methods: [net_ig]
    published: { net: { "ari, test cells": 0.5 }, net_ig: { "AUROC at the top 10 %, crossval": 0.9 } }
  steps:
    point: Integrated Gradients
    paper: five
    code: six
    dataset: small
    given: epochs
    set: { explainers.ig.params.steps: 6, explainers.cw.params.output: probability }
    set_is: paper
    shows: [auroc]
    methods: [net_ig, net_cw]
  split:
    point: split
    paper: a third
    code: half
    dataset: small
    set: { datasets.small.split.test_fraction: 0.5, datasets.small.minimum_cells: 7, redundancy.diagonal: true }
    shows: [redundancy]
    methods: [net_ig]
  cells:
    point: cells of Table 2
    paper: test
    code: all
    dataset: small
    cells: [test, all]
    shows: [clustering]
    methods: [net_ig]
    published: { net: { ari: 0.5 } }
  loss: { point: loss, paper: a, code: b, note: not a matter of numbers }
"""


@pytest.fixture(scope="module")
def schema_path(project):
    return project / "config" / "schemas" / "config.schema.yaml"


@pytest.fixture(scope="module")
def schema(schema_path):
    return read_schema(schema_path)


@pytest.fixture
def filled(schema, schema_path):
    """A function that checks a configuration and fills in the schema's defaults, as the workflow does."""

    def fill(config):
        check_config(config, schema)
        validate(config, str(schema_path))
        return config

    return fill


@pytest.fixture
def config(filled):
    return filled(yaml.safe_load(BASE))


def shipped(project):
    return yaml.safe_load((project / "config" / "deviations.yaml").read_text(encoding="utf-8"))


def points_of_the_table(project):
    text = (project / "config" / "README.md").read_text(encoding="utf-8")
    table = text.split("| point | paper | released code | here |")[1].split("\n\n")[0]
    return [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]]


# ------------------------------------------------------------------------------------------------------------------
# The shipped ledger


def test_the_ledger_names_every_point_where_paper_and_code_differ(project, schema):
    points = points_of_the_table(project)
    assert len(points) >= 14
    assert len(set(points)) == len(points)
    of_schema = schema["properties"]["deviations"]["additionalProperties"]["properties"]["point"]["enum"]
    assert of_schema == [*points, "all points together"]
    assert {entry["point"] for entry in shipped(project)["deviations"].values()} == set(of_schema)


def test_the_shipped_ledger_expands(project, schema, filled):
    config = filled(shipped(project))
    found = variants(config, schema)
    assert len(found.datasets()) == sum("set" in entry for entry in shipped(project)["deviations"].values())
    assert len(config["seeds"]["panels"]) >= 3
    numbers = [entry for entry in config["deviations"].values() if entry["set"] or entry.get("cells")]
    assert len({entry["point"] for entry in numbers}) >= 16


def test_the_committed_ledger_is_that_of_the_shipped_configuration(project, filled):
    """Every entry, metric and published number; a changed config/deviations.yaml asks for `make deviations`."""
    plan = ledger_plan(filled(shipped(project)))
    committed = pd.read_csv(project / "results" / "golden" / "paper" / "deviations.csv")
    assert committed.columns.tolist() == COLUMNS
    wanted = [
        (line["deviation"], line["switch"], subject, metric)
        for line in plan["lines"]
        for _, subject, metric, *_ in line["shown"] or [("", "", "")]
    ]
    kept = committed[["deviation", "switch", "subject", "metric"]].fillna("")
    assert [tuple(row) for row in kept.itertuples(index=False)] == wanted
    measured_rows = committed[committed["metric"].notna()]
    numbers = measured_rows[["paper_value", "other_value", "difference", "low", "high", "seeds"]]
    assert np.isfinite(numbers.to_numpy()).all()


def test_the_ledger_s_defaults_are_the_paper_s_configuration(project, filled):
    """Its paper side is what the paper's tables are made with, but for the size of the panels and the seeds."""
    ours = filled(shipped(project))
    paper = filled(yaml.safe_load((project / "config" / "config.yaml").read_text(encoding="utf-8")))
    for section in ("models", "explainers", "methods", "resources"):
        for name, entry in ours[section].items():
            assert paper[section][name] == entry, (section, name)
    assert ours["auroc"] == paper["auroc"]
    assert ours["redundancy"] == paper["redundancy"]
    for name in ("pbmc", "simulated"):
        for key in ("loader", "files", "split", "minimum_cells"):
            assert ours["datasets"][name][key] == paper["datasets"][name][key], (name, key)


# ------------------------------------------------------------------------------------------------------------------
# Expansion


def differences(one, other, prefix=""):
    """Dotted keys at which two nested mappings differ."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return {} if one == other else {prefix: other}
    found = {}
    for key in {*one, *other}:
        found |= differences(one.get(key), other.get(key), f"{prefix}.{key}" if prefix else key)
    return found


def test_a_variant_s_settings_differ_in_the_switch_alone(config, schema):
    unchanged = copy.deepcopy(config)
    settings = variants(config, schema).settings("small_dev_epochs")
    assert config == unchanged
    changed = {k: v for k, v in differences(config, settings).items() if not k.startswith("datasets.")}
    assert changed == {"models.net.params.epochs": 4}
    own = differences(config["datasets"]["small"], settings["datasets"]["small_dev_epochs"])
    assert own == {"title": "Small (epochs)", "models": [], "methods": ["net_ig"]} | (
        {"evaluations": []} if config["datasets"]["small"]["evaluations"] else {}
    )


def test_keys_of_the_base_are_those_of_its_variant(config, schema):
    found = variants(config, schema)
    own = found.datasets()["small_dev_split"]
    assert own["split"]["test_fraction"] == 0.5
    assert own["minimum_cells"] == 7
    assert own["loader"] == "digits"
    assert found.settings("small_dev_split")["redundancy"]["diagonal"] is True
    assert config["datasets"]["small"]["split"]["test_fraction"] == 0.3


def test_both_sides_have_the_setting_that_is_given(config, schema):
    settings = variants(config, schema).settings("small_dev_steps")
    assert settings["models"]["net"]["params"]["epochs"] == 4
    assert settings["explainers"]["ig"]["params"]["steps"] == 6
    assert settings["explainers"]["cw"]["params"] == {"output": "probability"}


def test_the_paper_s_side_comes_first(config):
    assert compared(config, "epochs") == ("small", "small_dev_epochs")
    assert compared(config, "steps") == ("small_dev_steps", "small_dev_epochs")
    assert compared(config, "cells") == ("small", "small")


def test_a_variant_draws_the_numbers_of_its_base(config, schema):
    found = variants(config, schema)
    assert found.seeded_as("small_dev_steps") == {"seeded_as": "small"}
    # Nothing for other data sets: their jobs must not look changed.
    assert found.seeded_as("small") == {}


def test_models_are_fitted_again_only_where_the_switch_touches_them(config, schema):
    found = variants(config, schema)
    assert found.model_home("small", "net") == "small"
    assert found.model_home("small_dev_epochs", "net") == "small_dev_epochs"
    assert found.model_home("small_dev_epochs", "other") == "small"
    assert found.model_home("small_dev_steps", "net") == "small_dev_epochs"
    assert found.model_home("small_dev_split", "net") == "small_dev_split"


@pytest.mark.parametrize(
    ("deviation", "key", "value", "sentence"),
    [
        # Dotted keys
        ("epochs", "set", {"model.net.params.epochs": 4}, "unknown section of the key 'model': did you mean 'models'?"),
        ("epochs", "set", {"tables.x.kind": 4}, "unknown section of the key 'tables'"),
        (
            "epochs",
            "set",
            {"models.nett.params.epochs": 4},
            "set: 'models.nett.params.epochs' leads nowhere: models has no part 'nett'",
        ),
        ("epochs", "set", {"models.net.param.epochs": 4}, "leads nowhere: models.net has no part 'param'"),
        (
            "epochs",
            "set",
            {"models.net.params.epoch": 4},
            "set: models.net: unknown parameter 'epoch' of model 'classifier': did you mean 'epochs'?",
        ),
        (
            "epochs",
            "set",
            {"models.net.params.epochs": "four"},
            "set: models.net: parameter 'epochs' of 'classifier' must be int, not 'four'",
        ),
        ("epochs", "set", {"auroc.bandwith": 4}, "set: unknown key 'bandwith' in auroc: did you mean 'bandwidth'?"),
        ("epochs", "set", {"auroc.draws": 0}, "set: auroc.draws: 0 is less than the minimum of 1"),
        ("epochs", "set", {"auroc": {}}, "set: 'auroc' is a whole section: name the key in it"),
        ("epochs", "set", {"models.net": {}}, "set: 'models.net' is a whole entry: name the key in it"),
        ("split", "set", {"datasets.second.grid": "few"}, "unknown dataset of the key 'second': choose one of small"),
        ("split", "set", {"datasets.small.grid": "fewer"}, "set: datasets.small: unknown grid 'fewer'"),
        # The entry
        ("epochs", "dataset", "smal", "unknown dataset 'smal': did you mean 'small'?"),
        ("epochs", "dataset", "", "needs 'dataset', for it has 'set'"),
        ("epochs", "methods", ["net_ih"], "unknown method of data set small 'net_ih': did you mean 'net_ig'?"),
        ("epochs", "methods", [], "needs 'methods', for it has 'set'"),
        ("epochs", "shows", [], "needs 'shows', for it has 'set'"),
        ("epochs", "set", {}, "needs 'set' or 'cells', or a 'note' that says why it has no numbers"),
        ("epochs", "cells", ["test", "all"], "has 'set' and 'cells', remove one of the two"),
        ("cells", "shows", ["auroc"], "'cells' are those of the clustering metrics: let 'shows' be [clustering]"),
        ("steps", "given", "epoch", "unknown deviation (given) 'epoch': did you mean 'epochs'?"),
        ("steps", "given", "steps", "unknown deviation (given) 'steps': choose one of epochs, split"),
        ("epochs", "published", {"netz": {"ari, test cells": 1}}, "published: unknown subject 'netz': did you mean"),
        (
            "epochs",
            "published",
            {"net": {"ari, test cell": 1}},
            "published.net: unknown metric 'ari, test cell': did you mean 'ari, test cells'?",
        ),
    ],
)
def test_a_mistake_is_one_sentence(config, schema, deviation, key, value, sentence):
    config["deviations"][deviation][key] = value
    with pytest.raises(KratosError, match=re.escape(sentence)) as caught:
        variants(config, schema)
    assert str(caught.value).startswith(f"config: deviations.{deviation}")
    assert "\n" not in str(caught.value)


def test_an_unknown_point_is_one_sentence(schema):
    config = yaml.safe_load(BASE)
    config["deviations"]["epochs"]["point"] = "epoch"
    with pytest.raises(KratosError, match=r"config: deviations.epochs.point: 'epoch' is not one of \['scaling of"):
        check_config(config, schema)


def test_names_that_the_ledger_needs_may_not_be_taken(config, schema):
    config["datasets"]["small_dev_epochs"] = config["datasets"]["second"]
    with pytest.raises(KratosError, match="there is a data set 'small_dev_epochs' already: rename the deviation"):
        variants(config, schema)
    config["tables"]["deviations"] = {}
    with pytest.raises(KratosError, match=r"tables.deviations: this file is the ledger .*: rename it"):
        variants(config, schema)


# ------------------------------------------------------------------------------------------------------------------
# The table


def test_what_is_shown_is_named_by_model_or_method(config):
    names = [(subject, metric) for _, subject, metric, _, _ in shown_metrics(config["deviations"]["epochs"], config)]
    assert names == [
        *(("net", f"{m}, {cells} cells") for cells in ("test", "all") for m in ("silhouette", "ari", "ami")),
        ("net_ig", "AUROC at the top 10 %, crossval"),
        ("net_ig", "AUROC at the top 10 %, heldout"),
        ("net_ig", "redundancy at the top 10 %"),
        *(("net_ig", f"{role} genes in the top 20") for role in ("causal", "dependent", "noise")),
    ]
    cells = shown_metrics(config["deviations"]["cells"], config)
    assert cells[1] == ("models", "net", "ari", "ari, test cells", "ari, all cells")


@pytest.fixture
def rows():
    """Made-up evaluation rows of both sides: three seeds, of which the variant lacks one."""
    rng = np.random.default_rng(7)
    areas, correlations, metrics = [], [], []
    for dataset, seeds in (("small", (0, 1, 2)), ("small_dev_epochs", (0, 1))):
        for seed in seeds:
            run = (dataset, seed)
            for cell_type in ("a", "b"):
                for size, fraction in ((1, 0.1), (10, 1.0)):
                    areas += [
                        (*run, "net_ig", protocol, cell_type, size, fraction, fold, rng.random(), "")
                        for protocol, folds in (("crossval", 3), ("heldout", 1))
                        for fold in range(folds)
                    ]
                    correlations.append((*run, "net_ig", cell_type, size, fraction, rng.random(), ""))
            areas.append((*run, "net_ig", "crossval", "rare", 0, np.nan, -1, np.nan, "too few cells"))
            for cells in ("all", "training", "test"):
                metrics += [(*run, "net", cells, 9, m, rng.random()) for m in ("silhouette", "ari", "ami")]
    place = ["dataset", "seed", "method"]
    panel = ["cell_type", "n_genes", "fraction"]
    return {
        "auroc": pd.DataFrame(areas, columns=[*place, "protocol", *panel, "fold", "value", "note"]),
        "redundancy": pd.DataFrame(correlations, columns=[*place, *panel, "value", "note"]),
        "clustering": pd.DataFrame(
            metrics, columns=["dataset", "seed", "model", "cells", "n_cells", "metric", "value"]
        ),
    }


def ranking(dataset, seed, cell_type, roles):
    """A ranking whose genes have these roles, best first."""
    frame = pd.DataFrame({"role": roles, "rank": np.arange(len(roles)) + 1})
    place = {"dataset": dataset, "seed": seed, "cell_type": cell_type, "method": "net_ig"}
    return frame.assign(**place, protocol="crossval", target="", note="")


def lines_of(config, *deviations):
    config = {**config, "deviations": {name: config["deviations"][name] for name in deviations}}
    return ledger_plan(config)["lines"]


def test_differences_are_paired_over_seeds(rows, config):
    plan = ledger_plan(config)
    table = ledger(measured(rows, **plan["panel"]), lines_of(config, "epochs")).set_index(["subject", "metric"])
    line = table.loc[("Net_ig", "AUROC at the top 10 %, crossval")]

    areas = rows["auroc"].query("protocol == 'crossval' and n_genes == 1")
    # Balanced folds and types: the mean over types of means over folds is the mean of all.
    means = areas.groupby(["dataset", "seed"])["value"].mean()
    sides = [np.array([means[dataset, seed] for seed in (0, 1)]) for dataset in ("small", "small_dev_epochs")]
    gaps = sides[1] - sides[0]
    expected = stats.t.interval(0.95, 1, loc=gaps.mean(), scale=stats.sem(gaps))
    assert line["paper_value"] == pytest.approx(sides[0].mean())
    assert line["other_value"] == pytest.approx(sides[1].mean())
    assert line["difference"] == pytest.approx(gaps.mean())
    assert (line["low"], line["high"]) == pytest.approx(expected)
    assert line["seeds"] == 2
    assert line["published"] == 0.9
    assert line["nearer"] == ("code" if abs(sides[1].mean() - 0.9) < abs(sides[0].mean() - 0.9) else "paper")


def test_redundancy_and_clustering_are_read_at_their_seeds(rows, config):
    plan = ledger_plan(config)
    table = ledger(measured(rows, **plan["panel"]), lines_of(config, "epochs")).set_index(["subject", "metric"])
    own = rows["redundancy"].query("n_genes == 1 and seed < 2").groupby("dataset")["value"].mean()
    line = table.loc[("Net_ig", "redundancy at the top 10 %")]
    assert [line["paper_value"], line["other_value"]] == pytest.approx([own["small"], own["small_dev_epochs"]])
    own = (
        rows["clustering"].query("metric == 'ari' and cells == 'test' and seed < 2").groupby("dataset")["value"].mean()
    )
    line = table.loc[("Net", "ari, test cells")]
    assert [line["paper_value"], line["other_value"]] == pytest.approx([own["small"], own["small_dev_epochs"]])


def test_two_sets_of_cells_are_two_sides_of_one_run(rows, config):
    values = measured(rows, fraction=0.1, words="at the top 10 %", top=20)
    line = ledger(values, lines_of(config, "cells")).set_index("metric").loc["ari"]
    own = rows["clustering"].query("metric == 'ari' and dataset == 'small'").groupby("cells")["value"].mean()
    assert [line["paper_value"], line["other_value"]] == pytest.approx([own["test"], own["all"]])
    assert line["seeds"] == 3
    assert line["switch"] == "cells of the metrics: test or all"


def test_recovered_genes_are_counted_over_types(config):
    causal, noise = ["causal"] * 15 + ["noise"] * 15, ["noise"] * 20 + ["causal"] * 10
    frames = [ranking("small", 0, "a", causal), ranking("small", 0, "b", noise)]
    values = measured({"recovery": pd.concat(frames)}, fraction=0.1, words="", top=20).set_index("metric")["value"]
    assert values["causal genes in the top 20"] == (15 + 0) / 2
    assert values["noise genes in the top 20"] == (5 + 20) / 2
    assert values["dependent genes in the top 20"] == 0


def test_a_point_without_numbers_keeps_its_reason(config):
    empty = measured({}, fraction=0.1, words="", top=20)
    table = ledger(empty, lines_of(config, "loss"))
    assert list(table.columns) == COLUMNS
    (line,) = table.to_dict("records")
    assert (line["deviation"], line["point"], line["paper"], line["code"]) == ("loss", "loss", "a", "b")
    assert line["note"] == "not a matter of numbers"
    assert pd.isna(line["difference"])


@pytest.mark.parametrize(
    ("paper", "other", "published", "nearer", "beyond_chance"),
    [
        ([0.4, 0.4, 0.4], [0.6, 0.6, 0.6], 0.45, "paper", "yes"),
        ([0.4, 0.4, 0.4], [0.6, 0.6, 0.6], 0.55, "code", "yes"),
        ([0.4, 0.5, 0.6], [0.4, 0.5, 0.6], 0.55, "both", "no"),
        ([0.4, 0.5, 0.6], [0.7, 0.5, 0.4], 0.55, "code", "no"),
        ([0.4, 0.5, 0.6], [0.7, 0.5, 0.4], None, "", "no"),
    ],
)
def test_the_side_nearer_to_the_published_number_is_named(config, paper, other, published, nearer, beyond_chance):
    place = {"subject": "net", "metric": "ari, test cells"}
    sides = (("small", paper), ("small_dev_epochs", other))
    values = pd.DataFrame(
        [{"dataset": d, **place, "seed": s, "value": v} for d, side in sides for s, v in enumerate(side)]
    )
    lines = lines_of(config, "epochs")
    lines[0]["published"] = {} if published is None else {"net": {"ari, test cells": published}}
    table = ledger(values, lines).set_index("metric")
    line = table.loc["ari, test cells"]
    assert (line["nearer"], line["beyond_chance"]) == (nearer, beyond_chance)
    # What was not measured has no value, rather than a made-up one.
    assert table.loc["ami, all cells", ["paper_value", "difference"]].isna().all()
    assert table.loc["ami, all cells", "seeds"] == 0


def test_an_interval_needs_two_seeds(config):
    place = {"subject": "net", "metric": "ari, test cells", "seed": 0}
    values = pd.DataFrame([{"dataset": d, **place, "value": v} for d, v in (("small", 1), ("small_dev_epochs", 2))])
    line = ledger(values, lines_of(config, "epochs")).set_index("metric").loc["ari, test cells"]
    assert line["difference"] == 1
    assert pd.isna(line["low"])
    assert line["beyond_chance"] == ""
