"""Checking a configuration before any job starts: one sentence that names the key, the value and the remedy."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from kratos.errors import KratosError
from kratos.plugins import check_parameters, constant, parameters, suggest

# Keyword-only parameters that the workflow passes itself, so that a config may not.
RESERVED = {"models": ("seed", "device"), "explain": ("seed", "target"), "rank": ("seed",)}
# Keys of a table or figure entry that are not parameters of its plug-in.
ARTEFACT_KEYS = {"kind", "dataset", "datasets", "methods", "models", "seeds", "caption", "section", "order"}
# What tables and figures are made of that have rows per model, not per method.
OF_MODELS = {"projections", "clustering", "timing"}


def read_schema(path: str | Path) -> dict[str, Any]:
    """Read the JSON schema (kept as YAML, so that its descriptions stay readable)."""
    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))


def read_configs(paths: Iterable[str | Path]) -> dict[str, Any]:
    """Read configuration files, each laid over those before it, as Snakemake's ``--configfile`` does.

    Raises
    ------
    KratosError
        Naming a file that does not exist.
    """
    merged: dict[str, Any] = {}
    for path in map(Path, paths):
        if not path.is_file():
            raise KratosError(f"{path} does not exist: name configuration files such as config/ci.yaml")
        _lay_over(merged, yaml.safe_load(path.read_text(encoding="utf-8")))
    return merged


def _lay_over(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(below.get(key), dict):
            _lay_over(below[key], value)
        else:
            below[key] = value


def check_config(config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Check a configuration against its schema, then names, references and plug-in parameters.

    Raises
    ------
    KratosError
        One sentence about the first thing that is wrong.
    """
    check_schema(config, schema)
    for family, section in (("datasets", "datasets"), ("models", "models"), ("explain", "explainers")):
        for name, entry in config.get(section, {}).items():
            _check_plugin(f"{section}.{name}", family, entry["loader" if family == "datasets" else "kind"], entry)
    for name, entry in config["methods"].items():
        _check_method(f"methods.{name}", entry, config)
    for name, entry in config["datasets"].items():
        _check_dataset(f"datasets.{name}", entry, config)
    for section in ("tables", "figures"):
        for name, entry in config.get(section, {}).items():
            _check_artefact(f"{section}.{name}", section, entry, config)


def check_schema(content: Any, schema: Mapping[str, Any], what: str = "config") -> None:
    """Raise a `KratosError` about the first thing in `content` (of a file called `what`) that a schema forbids."""
    validator = jsonschema.Draft202012Validator(schema)
    errors = sorted(validator.iter_errors(content), key=lambda e: (len(e.absolute_path), str(e.message)))
    if not errors:
        return
    error = jsonschema.exceptions.best_match(errors)
    place = ".".join(str(p) for p in error.absolute_path) or "the top level"
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = list(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known))
        raise KratosError(f"{what}: unknown key '{unknown[0]}' in {place}{suggest(unknown[0], known)}")
    hint = f" ({error.schema['description']})" if "description" in error.schema else ""
    if error.validator == "oneOf" and len(error.absolute_path) == 2:
        raise KratosError(f"{what}: {place}: needs 'dataset' or 'datasets', one of the two")
    raise KratosError(f"{what}: {place}: {error.message}{hint}")


def _check_plugin(place: str, family: str, name: str, entry: Mapping[str, Any]) -> None:
    try:
        check_parameters(family, name, entry.get("params", {}), RESERVED.get(family, ()))
    except KratosError as error:
        raise KratosError(f"config: {place}: {error}") from None


def _known(place: str, what: str, name: str, names: Iterable[str]) -> None:
    if name not in names:
        raise KratosError(f"config: {place}: unknown {what} '{name}'{suggest(str(name), list(names))}")


def _check_method(place: str, entry: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    if "grid" in entry:
        _known(place, "grid", entry["grid"], config["grids"])
    if "ranker" in entry:
        _check_plugin(place, "rank", entry["ranker"], entry)
        for key in ("model", "explainer", "pairs"):
            if key in entry:
                raise KratosError(f"config: {place}: a ranker takes no '{key}': remove it, or remove 'ranker'")
        return
    for key, section in (("model", "models"), ("explainer", "explainers")):
        if key not in entry:
            raise KratosError(
                f"config: {place}: needs either 'ranker', or 'model' and 'explainer' ('{key}' is missing)"
            )
        _known(place, key, entry[key], config[section])
    if entry.get("params"):
        raise KratosError(f"config: {place}: 'params' are a ranker's; an explainer has its own in explainers")
    kind = config["explainers"][entry["explainer"]]["kind"]
    if "pairs" in entry and "target" not in parameters("explain", kind):
        raise KratosError(f"config: {place}: explainer '{kind}' cannot explain pairs: use 'adversarial'")


def _check_dataset(place: str, entry: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    for file in entry.get("files", []):
        _known(place, "file (section resources)", file, config.get("resources", {}))
    for method in entry.get("methods", []):
        _known(place, "method", method, config["methods"])
    for model in entry.get("models", []):
        _known(place, "model", model, config["models"])
    _known(place, "grid", entry.get("grid", "paper"), config["grids"])
    ranked = [m for m in entry.get("methods", []) if not config["methods"][m].get("pairs")]
    if "markers" in entry.get("evaluations", []) and not ranked:
        raise KratosError(f"config: {place}: evaluation 'markers' needs methods that rank a type against the rest")


def _check_artefact(place: str, section: str, entry: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    params = {key: value for key, value in entry.items() if key not in ARTEFACT_KEYS}
    _check_plugin(place, section, entry["kind"], {"params": params})
    datasets = artefact_datasets(entry)
    for dataset in datasets:
        _known(place, "dataset", dataset, config["datasets"])
    for method in artefact_methods(entry):
        _known(place, "method", method, config["methods"])
    fitted = {model for dataset in datasets for model in models_of(config, dataset)}
    for model in entry.get("models", []):
        _known(place, "model", model, config["models"])
        if model not in fitted:
            raise KratosError(f"config: {place}: model '{model}' is not fitted on {', '.join(datasets)}: add it there")
    protocol, run = entry.get("protocol", "crossval"), config["auroc"].get("protocols", ["crossval", "heldout"])
    if "protocol" in parameters(section, entry["kind"]) and protocol not in run:
        raise KratosError(f"config: {place}: protocol '{protocol}' is not in auroc.protocols: add it there")
    if entry["kind"] == "projection":
        for projection, space in entry["panels"]:
            _known(place, "projection", projection, config.get("projections", ["umap", "tsne"]))
            _known(place, "model", space, {"input", *fitted})
    if "panels" in entry and len(datasets) > 1:
        raise KratosError(f"config: {place}: panels show one data set, not {len(datasets)}: make a figure for each")


def models_of(config: Mapping[str, Any], dataset: str) -> list[str]:
    """Models that a data set needs: those named, and those of its methods, in the config's order."""
    spec = config["datasets"][dataset]
    used = {config["methods"][m].get("model") for m in spec.get("methods", [])} | set(spec.get("models", []))
    return [model for model in config["models"] if model in used]


def artefact_datasets(entry: Mapping[str, Any]) -> list[str]:
    """Data sets that a table or figure shows."""
    return list(entry["datasets"]) if "datasets" in entry else [entry["dataset"]]


def artefact_methods(entry: Mapping[str, Any]) -> list[str]:
    """Methods that a table or figure shows: those named, or those in its panels, each once, in order."""
    if "methods" in entry or entry["kind"] == "projection":
        return list(entry.get("methods", []))
    return list(dict.fromkeys(method for panel in entry.get("panels", []) for method in panel))


def shown_titles(config: Mapping[str, Any], section: str, entry: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Titles of the data sets, models and methods that a table or figure shows, by section and name.

    No others: the name of a method that is not shown must not make the figure again.
    """
    datasets, needs = artefact_datasets(entry), constant(section, entry["kind"], "NEEDS")
    methods: list[str] = []
    if needs not in OF_MODELS:
        methods = artefact_methods(entry) or [m for d in datasets for m in config["datasets"][d].get("methods", [])]
    models = entry.get("models") or [model for d in datasets for model in models_of(config, d)]
    names = {"datasets": datasets, "models": models, "methods": methods}
    return {
        section: {name: config[section][name].get("title") or name for name in own} for section, own in names.items()
    }
