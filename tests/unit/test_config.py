"""Every mistake in a config file is answered before any job starts, in one sentence with key, value and remedy."""

import copy
import re

import jsonschema
import pytest
import yaml

from kratos.config import artefact_datasets, artefact_methods, check_config, read_configs, read_schema
from kratos.errors import KratosError

BASE = """
seeds: { curves: [0], panels: [0, 1] }
resources:
  counts.h5ad: { url: "https://example.org/counts.h5ad", sha256: "%s" }
datasets:
  small: { loader: digits, grid: few, models: [net], methods: [net_ig, chance] }
models:
  net: { kind: classifier, params: { epochs: 3 } }
explainers:
  ig: { kind: integrated_gradients, params: { steps: 5 } }
  cw: { kind: adversarial }
methods:
  net_ig: { model: net, explainer: ig }
  net_cw: { model: net, explainer: cw }
  chance: { ranker: random_genes }
grids: { few: [0.1, 1.0] }
auroc: { draws: 2 }
tables:
  numbers: { kind: comparison, dataset: small, methods: [net_ig], fraction: 0.1 }
  clusters: { kind: clustering, dataset: small, models: [net] }
figures:
  picture: { kind: projection, dataset: small, panels: [[umap, input], [tsne, net]] }
  curves: { kind: auroc, dataset: small, panels: [[net_ig, chance]] }
""" % ("0" * 64)


@pytest.fixture(scope="module")
def schema(project):
    return read_schema(project / "config" / "schemas" / "config.schema.yaml")


@pytest.fixture
def config():
    return yaml.safe_load(BASE)


def put(config, path, value):
    """Set the value at a dotted path; the value None deletes it."""
    *parents, key = path.split("/")
    for parent in parents:
        config = config[parent]
    if value is None:
        del config[key]
    else:
        config[key] = value


def message_of(config, schema):
    with pytest.raises(KratosError) as caught:
        check_config(config, schema)
    return str(caught.value)


def test_the_base_of_these_tests_is_right(config, schema):
    unchanged = copy.deepcopy(config)
    check_config(config, schema)
    assert config == unchanged


@pytest.mark.parametrize("name", ["config.yaml", "demo.yaml", "run.yaml", "deviations.yaml"])
def test_shipped_configurations_are_right(project, schema, name):
    shipped = yaml.safe_load((project / "config" / name).read_text(encoding="utf-8"))
    check_config(shipped, schema)
    assert shipped["datasets"]


def test_the_workflow_tests_own_configuration_is_right(project, schema):
    own = yaml.safe_load((project / "tests" / "workflow" / "config.yaml").read_text(encoding="utf-8"))
    check_config(own, schema)
    assert list(own["datasets"]) == ["planted"]


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        # Keys
        ("dataset", {}, "config: unknown key 'dataset' in the top level: did you mean 'datasets'?"),
        (
            "zzz",
            1,
            "config: unknown key 'zzz' in the top level: choose one of auroc, claims, clustering, datasets, "
            "deviations, explainers, figures, grids, maximum_cells_per_type, ",
        ),
        ("auroc/drawz", 3, "config: unknown key 'drawz' in auroc: did you mean 'draws'?"),
        ("datasets/small/titel", "x", "config: unknown key 'titel' in datasets.small: did you mean 'title'?"),
        ("datasets/small/split", {"tests": 1}, "config: unknown key 'tests' in datasets.small.split"),
        ("models/net/kinds", "x", "config: unknown key 'kinds' in models.net: did you mean 'kind'?"),
        ("methods/net_ig/explain", "x", "config: unknown key 'explain' in methods.net_ig: did you mean 'explainer'?"),
        ("seeds/curve", [1], "config: unknown key 'curve' in seeds: did you mean 'curves'?"),
        # Types and ranges
        ("auroc/draws", "ten", "config: auroc.draws: 'ten' is not of type 'integer'"),
        ("auroc/draws", 0, "config: auroc.draws: 0 is less than the minimum of 1"),
        ("auroc/panel_fraction", 1.5, "config: auroc.panel_fraction: 1.5 is greater than the maximum of 1"),
        ("auroc/protocols", ["crossvall"], "config: auroc.protocols.0: 'crossvall' is not one of"),
        ("seeds/curves", [-1], "config: seeds.curves.0: -1 is less than the minimum of 0"),
        ("seeds/curves", [], "config: seeds.curves: [] should be non-empty"),
        (
            "grids/few",
            [0.1, 2.5],
            "config: grids.few.1: 2.5 is not valid under any of the given schemas "
            "(a fraction of all genes, up to 1, or a whole number of genes, 2 and more)",
        ),
        ("datasets/small/evaluations", ["marker"], "config: datasets.small.evaluations.0: 'marker' is not one of"),
        ("grids/few", [0.1, 0.1], "config: grids.few: [0.1, 0.1] has non-unique elements"),
        ("datasets/small/minimum_cells", 1, "config: datasets.small.minimum_cells: 1 is less than the minimum of 2"),
        ("resources/counts.h5ad/sha256", "abc", "config: resources.counts.h5ad.sha256: 'abc' does not match"),
        ("models/net/device", "gpu", "config: models.net.device: 'gpu' does not match"),
        ("projections", ["pca"], "config: projections.0: 'pca' is not one of ['umap', 'tsne']"),
        ("datasets/small/loader", None, "config: datasets.small: 'loader' is a required property"),
        ("auroc", None, "config: the top level: 'auroc' is a required property"),
        ("datasets", {}, "config: datasets: {} should be non-empty"),
        ("methods/net_ig/pairs", [["a"]], "config: methods.net_ig.pairs.0: ['a'] is too short"),
        # Names of plug-ins
        ("datasets/small/loader", "digit", "config: datasets.small: unknown loader 'digit': did you mean 'digits'?"),
        ("models/net/kind", "clasifier", "config: models.net: unknown model 'clasifier': did you mean 'classifier'?"),
        (
            "explainers/ig/kind",
            "integrated_gradient",
            "config: explainers.ig: unknown explainer 'integrated_gradient': did you mean 'integrated_gradients'?",
        ),
        (
            "methods/chance/ranker",
            "random_gene",
            "config: methods.chance: unknown ranker 'random_gene': did you mean 'random_genes'?",
        ),
        (
            "tables/clusters/kind",
            "cluster",
            "config: tables.clusters: unknown table 'cluster': did you mean 'clustering'?",
        ),
        (
            "figures/picture/kind",
            "projections",
            "config: figures.picture: unknown figure 'projections': did you mean 'projection'?",
        ),
        # Parameters of plug-ins
        (
            "models/net/params",
            {"epoch": 3},
            "config: models.net: unknown parameter 'epoch' of model 'classifier': did you mean 'epochs'?",
        ),
        (
            "models/net/params",
            {"epochs": "many"},
            "config: models.net: parameter 'epochs' of 'classifier' must be int, not 'many'",
        ),
        ("models/net/params", {"seed": 1}, "config: models.net: unknown parameter 'seed' of model 'classifier'"),
        ("models/net/params", {"device": "cpu"}, "config: models.net: unknown parameter 'device'"),
        (
            "explainers/ig/params",
            {"stepps": 5},
            "config: explainers.ig: unknown parameter 'stepps' of explainer 'integrated_gradients': did you mean "
            "'steps'?",
        ),
        (
            "explainers/cw/params",
            {"output": "probabilty"},
            "config: explainers.cw: parameter 'output' of 'adversarial' must be",
        ),
        (
            "methods/chance/params",
            {"draws": 1},
            "config: methods.chance: unknown parameter 'draws' of ranker 'random_genes'",
        ),
        (
            "datasets/small/params",
            {"label": "x"},
            "config: datasets.small: unknown parameter 'label' of loader 'digits'",
        ),
        (
            "tables/numbers/fraction",
            "1 %",
            "config: tables.numbers: parameter 'fraction' of 'comparison' must be float",
        ),
        (
            "figures/curves/protocol",
            "holdout",
            "config: figures.curves: parameter 'protocol' of 'auroc' must be Literal['crossval', 'heldout'], not",
        ),
        ("figures/curves/column", 3, "config: figures.curves: unknown parameter 'column' of figure 'auroc': did you"),
        ("figures/curves/panels", None, "config: figures.curves: figure 'auroc' needs the parameter 'panels'"),
        ("figures/curves/panels", ["net_ig"], "config: figures.curves: parameter 'panels' of 'auroc' must be list["),
        # References
        (
            "datasets/small/methods",
            ["net_ih"],
            "config: datasets.small: unknown method 'net_ih': did you mean 'net_ig'?",
        ),
        ("datasets/small/models", ["nett"], "config: datasets.small: unknown model 'nett': did you mean 'net'?"),
        ("datasets/small/grid", "many", "config: datasets.small: unknown grid 'many': choose one of few"),
        (
            "datasets/small/files",
            ["count.h5ad"],
            "config: datasets.small: unknown file (section resources) 'count.h5ad': did you mean 'counts.h5ad'?",
        ),
        ("methods/net_ig/model", "nett", "config: methods.net_ig: unknown model 'nett': did you mean 'net'?"),
        ("methods/net_ig/explainer", "igg", "config: methods.net_ig: unknown explainer 'igg': did you mean 'ig'?"),
        ("tables/numbers/dataset", "smal", "config: tables.numbers: unknown dataset 'smal': did you mean 'small'?"),
        (
            "tables/numbers/methods",
            ["net_gi"],
            "config: tables.numbers: unknown method 'net_gi': did you mean 'net_ig'?",
        ),
        ("tables/clusters/models", ["ace"], "config: tables.clusters: unknown model 'ace': choose one of net"),
        (
            "figures/curves/panels",
            [["net_ig", "chanse"]],
            "config: figures.curves: unknown method 'chanse': did you mean 'chance'?",
        ),
        ("figures/picture/panels", [["tsne", "nett"]], "config: figures.picture: unknown model 'nett'"),
        ("figures/picture/panels", [["pca", "net"]], "config: figures.picture: unknown projection 'pca'"),
        # Methods
        (
            "methods/net_ig/explainer",
            None,
            "config: methods.net_ig: needs either 'ranker', or 'model' and 'explainer' ('explainer' is missing)",
        ),
        (
            "methods/net_ig/model",
            None,
            "config: methods.net_ig: needs either 'ranker', or 'model' and 'explainer' ('model' is missing)",
        ),
        (
            "methods/chance/model",
            "net",
            "config: methods.chance: a ranker takes no 'model': remove it, or remove 'ranker'",
        ),
        (
            "methods/chance/explainer",
            "ig",
            "config: methods.chance: a ranker takes no 'explainer': remove it, or remove 'ranker'",
        ),
        # Parameters of an explainer belong to its own entry: here nothing would read them.
        ("methods/net_ig/params", {"steps": 50}, "config: methods.net_ig: "),
        # Eq. 13 exists for the perturbation only.
        ("methods/net_ig/pairs", [["0", "1"]], "config: methods.net_ig: "),
    ],
)
def test_a_mistake_is_named_in_one_sentence(config, schema, path, value, sentence):
    put(config, path, value)
    message = message_of(config, schema)
    assert message.startswith(sentence)
    assert "\n" not in message
    # Long values are shown, never the whole schema or configuration.
    assert len(message) < 400


def test_a_schema_message_says_what_the_key_means(config, schema):
    config["auroc"]["draws"] = 0
    assert message_of(config, schema).endswith("(Draws of the random search over C and gamma.)")


def test_pairs_are_for_an_explainer_with_a_target(config, schema):
    config["methods"]["net_cw"]["pairs"] = [["0", "1"]]
    check_config(config, schema)
    assert config["methods"]["net_cw"]["pairs"] == [["0", "1"]]


@pytest.mark.parametrize("entry", [{}, {"dataset": "small", "datasets": ["small"]}])
def test_a_table_has_a_dataset_or_several_and_not_both(config, schema, entry):
    config["tables"]["numbers"] = {"kind": "comparison", "methods": ["net_ig"], **entry}
    message = message_of(config, schema)
    assert message.startswith("config: tables.numbers: ")
    assert "dataset" in message


def test_a_model_that_no_dataset_fits_cannot_be_in_a_table(config, schema):
    config["models"]["other"] = {"kind": "classifier"}
    config["tables"]["clusters"]["models"] = ["net", "other"]
    message = message_of(config, schema)
    assert message.startswith("config: tables.clusters: ")
    assert "'other'" in message


def test_a_projection_that_is_not_made_cannot_be_in_a_figure(config, schema):
    config["projections"] = ["tsne"]
    message = message_of(config, schema)
    assert message.startswith("config: figures.picture: ")
    assert "umap" in message


def test_a_protocol_that_is_not_run_cannot_be_in_a_figure(config, schema):
    config["auroc"]["protocols"] = ["heldout"]
    message = message_of(config, schema)
    assert message.startswith("config: figures.curves: ")
    assert "crossval" in message


def test_curves_of_two_datasets_are_not_drawn_into_one_axis(config, schema):
    config["datasets"]["more"] = copy.deepcopy(config["datasets"]["small"])
    figure = config["figures"]["curves"]
    del figure["dataset"]
    figure["datasets"] = ["small", "more"]
    assert message_of(config, schema).startswith("config: figures.curves: ")


def test_optional_keys_may_be_left_out(config, schema):
    for key in ("seeds", "resources", "tables", "figures"):
        del config[key]
    del config["datasets"]["small"]["models"]
    check_config(config, schema)
    assert set(config) == {"datasets", "models", "explainers", "methods", "grids", "auroc"}


def test_a_dataset_may_have_models_without_methods(config, schema):
    del config["datasets"]["small"]["methods"]
    check_config(config, schema)
    assert config["datasets"]["small"]["models"] == ["net"]


def test_the_default_grid_must_be_there(config, schema):
    del config["datasets"]["small"]["grid"]
    message = message_of(config, schema)
    assert message == "config: datasets.small: unknown grid 'paper': choose one of few"


def test_a_configuration_that_is_no_mapping_of_sections_is_refused(config, schema):
    config["datasets"] = ["small"]
    assert message_of(config, schema).startswith("config: datasets: ['small'] is not of type 'object'")


def properties_of(schema, place=""):
    """Every property that the schema defines, with its place."""
    for key, value in schema.get("properties", {}).items():
        yield f"{place}{key}", value
        yield from properties_of(value, f"{place}{key}.")
    for inner in (schema.get("additionalProperties"), schema.get("items")):
        if isinstance(inner, dict):
            yield from properties_of(inner, f"{place}*.")
    for name, inner in schema.get("$defs", {}).items():
        yield from properties_of(inner, f"{name}.")


def test_every_property_of_the_schema_is_described(schema):
    described = dict(properties_of(schema))
    assert len(described) > 60
    assert [place for place, value in described.items() if not value.get("description", "").endswith(".")] == []


def test_the_schema_is_a_schema_and_its_defaults_fit_it(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    with_default = {place: value for place, value in properties_of(schema) if "default" in value}
    assert {"auroc.draws", "datasets.*.minimum_cells", "redundancy.diagonal"} <= set(with_default)
    for value in with_default.values():
        jsonschema.Draft202012Validator(value).validate(value["default"])


def test_every_object_of_the_schema_says_whether_it_takes_other_keys(schema):
    for place, value in properties_of(schema):
        if value.get("type") == "object" and place.rsplit(".", 1)[-1] != "params":
            assert "additionalProperties" in value, place


def test_what_a_figure_is_made_of():
    panels = [["a", "b"], ["b", "c"]]
    assert artefact_datasets({"dataset": "x"}) == ["x"]
    assert artefact_datasets({"datasets": ["x", "y"]}) == ["x", "y"]
    assert artefact_methods({"kind": "auroc", "panels": panels}) == ["a", "b", "c"]
    assert artefact_methods({"kind": "auroc", "panels": panels, "methods": ["c"]}) == ["c"]
    assert artefact_methods({"kind": "projection", "panels": [["umap", "net"]]}) == []
    assert artefact_methods({"kind": "clustering"}) == []


def test_a_place_in_a_message_can_be_found_in_the_file(config, schema):
    config["datasets"]["small"]["expect"] = {"cell_types": {"B cells": 0}}
    message = message_of(config, schema)
    assert re.match(r"config: datasets\.small\.expect\.cell_types\.B cells: 0 is less than", message)


def test_configuration_files_are_laid_over_one_another_as_snakemake_does(project):
    from snakemake.common.configfile import load_configfile
    from snakemake.utils import update_config

    paths = [project / "config" / name for name in ("ci.yaml", "ci_real.yaml")]
    expected = {}
    for path in paths:
        update_config(expected, load_configfile(path))
    merged = read_configs(paths)
    assert merged == expected
    assert {"pbmc68k_reduced", "pbmc"} <= set(merged["datasets"])


@pytest.mark.parametrize("names", [["ci.yaml"], ["ci.yaml", "ci_real.yaml"], ["demo.yaml"], ["config.yaml"]])
def test_the_configurations_of_the_project_are_valid(project, schema, names):
    check_config(read_configs([project / "config" / name for name in names]), schema)


def test_a_missing_configuration_file_is_named(tmp_path):
    with pytest.raises(KratosError, match=r"absent\.yaml does not exist: name configuration files"):
        read_configs([tmp_path / "absent.yaml"])


def test_a_marker_page_needs_a_method_that_ranks_one_type_against_the_rest(config, schema):
    config["datasets"]["small"] |= {"evaluations": ["markers"], "methods": []}
    assert "evaluation 'markers' needs methods that rank a type against the rest" in message_of(config, schema)
