"""Plug-ins are the modules of their package, and their parameters are those of the function that is called."""

import ast
import builtins
import importlib
import inspect
import re
import sys

import pytest

from kratos import plugins
from kratos.errors import KratosError

EVERY_PLUGIN = [(family, name) for family in plugins.FAMILIES for name in plugins.available(family)]


def keyword_parameters(family, name):
    function = getattr(importlib.import_module(f"kratos.{family}.{name}"), plugins.FAMILIES[family][1])
    signature = inspect.signature(function).parameters.values()
    return {p.name: p for p in signature if p.kind is inspect.Parameter.KEYWORD_ONLY}


def test_available_plugins_are_the_files_that_define_the_function():
    for family, (_, function) in plugins.FAMILIES.items():
        files = [p for p in (plugins.ROOT / family).iterdir() if p.suffix == ".py" and not p.name.startswith("_")]
        defining = []
        for file in files:
            tree = ast.parse(file.read_text(encoding="utf-8"))
            if function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}:
                defining.append(file.stem)
        assert plugins.available(family) == sorted(defining)
        assert defining, f"no plug-in in {family}"


def test_every_family_has_the_plugins_that_the_paper_needs():
    assert {"pbmc3k", "baron", "h5ad", "mnist", "kratos_simulated"} <= set(plugins.available("datasets"))
    assert "classifier" in plugins.available("models")
    assert {"adversarial", "smoothgrad", "integrated_gradients"} <= set(plugins.available("explain"))
    assert {"projection", "auroc", "redundancy"} <= set(plugins.available("figures"))


@pytest.mark.parametrize(("family", "name"), EVERY_PLUGIN)
def test_parameters_read_from_source_are_those_of_the_imported_function(family, name):
    read, imported = plugins.parameters(family, name), keyword_parameters(family, name)
    assert list(read) == list(imported)
    for key, parameter in read.items():
        assert parameter.required == (imported[key].default is inspect.Parameter.empty)
        if parameter.annotation in {"int", "float", "str", "bool"}:
            assert imported[key].annotation is getattr(builtins, parameter.annotation)


@pytest.mark.parametrize(("family", "name"), EVERY_PLUGIN)
def test_defaults_of_a_plugin_pass_its_own_check(family, name):
    defaults = {
        key: list(p.default) if isinstance(p.default, tuple) else p.default
        for key, p in keyword_parameters(family, name).items()
        if p.default is not inspect.Parameter.empty
    }
    required = {key: p for key, p in plugins.parameters(family, name).items() if p.required}
    plugins.check_parameters(family, name, defaults, reserved=tuple(required))
    assert not set(defaults) & set(required)


def test_a_plugin_is_imported_by_name():
    assert plugins.plugin("rank", "random_genes").__name__ == "kratos.rank.random_genes"


@pytest.mark.parametrize(
    ("family", "name", "sentence"),
    [
        ("rank", "randm_genes", "unknown ranker 'randm_genes': did you mean 'random_genes'?"),
        ("explain", "smothgrad", "unknown explainer 'smothgrad': did you mean 'smoothgrad'?"),
        ("models", "clasifier", "unknown model 'clasifier': did you mean 'classifier'?"),
        ("datasets", "pbmc3", "unknown loader 'pbmc3': did you mean 'pbmc3k'?"),
        ("tables", "clustring", "unknown table 'clustring': did you mean 'clustering'?"),
        ("figures", "projektion", "unknown figure 'projektion': did you mean 'projection'?"),
    ],
)
def test_an_unknown_plugin_is_answered_with_the_closest_name(family, name, sentence):
    with pytest.raises(KratosError) as caught:
        plugins.plugin(family, name)
    assert str(caught.value) == sentence


def test_a_name_like_no_other_is_answered_with_all_names():
    with pytest.raises(KratosError) as caught:
        plugins.check_name("figures", "zzz")
    assert str(caught.value) == f"unknown figure 'zzz': choose one of {', '.join(plugins.available('figures'))}"


@pytest.mark.parametrize("name", ["../errors", "scoring", "ranking", "__init__", "", "gce.py"])
def test_a_file_that_is_no_plugin_is_not_imported(name):
    with pytest.raises(KratosError, match="unknown explainer"):
        plugins.plugin("explain", name)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"sampels": 3}, "unknown parameter 'sampels' of explainer 'smoothgrad': did you mean 'samples'?"),
        ({"samples": "3"}, "parameter 'samples' of 'smoothgrad' must be int, not '3'"),
        ({"samples": True}, "parameter 'samples' of 'smoothgrad' must be int, not True"),
        ({"samples": 2.5}, "parameter 'samples' of 'smoothgrad' must be int, not 2.5"),
        ({"noise": None}, "parameter 'noise' of 'smoothgrad' must be float, not None"),
        # YAML reads 1e-3 as text: it wants a dot and a sign.
        ({"noise": "1e-3"}, "parameter 'noise' of 'smoothgrad' must be float, not '1e-3'"),
    ],
)
def test_wrong_parameters_are_named(given, sentence):
    with pytest.raises(KratosError) as caught:
        plugins.check_parameters("explain", "smoothgrad", given, reserved=("seed",))
    assert str(caught.value) == sentence


def test_a_whole_number_fits_a_real_parameter():
    plugins.check_parameters("explain", "smoothgrad", {"noise": 1}, reserved=("seed",))
    with pytest.raises(KratosError, match="noise"):
        plugins.check_parameters("explain", "smoothgrad", {"noise": "1"}, reserved=("seed",))


@pytest.mark.parametrize(
    ("family", "name", "key", "good", "bad"),
    [
        ("models", "classifier", "scaling", "minmax", "minmx"),
        ("models", "classifier", "hidden", [8, 4], [8, "4"]),
        ("explain", "adversarial", "delta", "per_cell", "percell"),
        ("explain", "adversarial", "output", "probability", "probabilty"),
        ("explain", "smoothgrad", "output", "logit", "logits"),
        ("explain", "smoothgrad", "aggregate", "signed", "sum"),
        ("explain", "integrated_gradients", "output", "probability", "softmax"),
        ("explain", "integrated_gradients", "rule", "gausslegendre", "simpson"),
    ],
)
def test_choices_and_lists_are_checked_before_anything_runs(family, name, key, good, bad):
    reserved = ("seed", "device", "target")
    plugins.check_parameters(family, name, {key: good}, reserved)
    with pytest.raises(KratosError, match=f"parameter '{key}' of '{name}'"):
        plugins.check_parameters(family, name, {key: bad}, reserved)


def test_a_required_parameter_is_asked_for():
    with pytest.raises(KratosError) as caught:
        plugins.check_parameters("figures", "auroc", {})
    assert str(caught.value) == "figure 'auroc' needs the parameter 'panels' (list[list[str]])"


def test_what_the_workflow_passes_itself_is_no_parameter_of_the_user():
    assert "seed" in plugins.parameters("explain", "smoothgrad")
    assert "seed" not in plugins.parameters("explain", "smoothgrad", reserved=("seed",))
    with pytest.raises(KratosError, match="unknown parameter 'seed'"):
        plugins.check_parameters("explain", "smoothgrad", {"seed": 1}, reserved=("seed",))


@pytest.mark.parametrize(("family", "name"), [p for p in EVERY_PLUGIN if p[0] in ("tables", "figures")])
def test_a_table_or_figure_says_which_evaluation_it_needs(project, family, name):
    files = (
        (project / "rules" / "common.smk").read_text(encoding="utf-8").split("EVALUATION_FILES = {")[1].split("}\n")[0]
    )
    needs = importlib.import_module(f"kratos.{family}.{name}").NEEDS
    assert plugins.constant(family, name, "NEEDS") == needs
    assert needs in re.findall(r'^    "(\w+)":', files, re.MULTILINE)


def test_a_constant_that_is_not_there_gives_the_default():
    assert plugins.constant("explain", "smoothgrad", "SCOPE", "type") == "type"


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cosg", None)
    monkeypatch.delitem(sys.modules, "kratos.rank.cosg", raising=False)
    with pytest.raises(KratosError, match="ranker 'cosg' needs the package 'cosg': pip install cosg"):
        plugins.plugin("rank", "cosg")
