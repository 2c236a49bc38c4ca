"""Checking a configuration before any job starts: one sentence that names the key, the value and the remedy."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from kratos.errors import KratosError
from kratos.plugins import check_parameters, suggest

# Keyword-only parameters that the workflow passes itself, so that a config may not.
RESERVED = ("seed", "device", "target", "style", "methods", "models", "titles", "families")
# Keys of a table or figure entry that are not parameters of its plug-in.
ARTEFACT_KEYS = {"kind", "dataset", "datasets", "methods", "models", "seeds", "caption"}


def read_schema(path: str | Path) -> dict[str, Any]:
    """Read the JSON schema (kept as YAML, so that its descriptions stay readable)."""
    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))


def check_config(config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Check a configuration against its schema, then names, references and plug-in parameters.

    Raises
    ------
    KratosError
        One sentence about the first thing that is wrong.
    """
    _check_schema(config, schema)
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


def _check_schema(config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(schema)
    errors = sorted(validator.iter_errors(config), key=lambda e: (len(e.absolute_path), str(e.message)))
    if not errors:
        return
    error = jsonschema.exceptions.best_match(errors)
    place = ".".join(str(p) for p in error.absolute_path) or "the top level"
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = list(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known))
        raise KratosError(f"config: unknown key '{unknown[0]}' in {place}{suggest(unknown[0], known)}")
    hint = f" ({error.schema['description']})" if "description" in error.schema else ""
    raise KratosError(f"config: {place}: {error.message}{hint}")


def _check_plugin(place: str, family: str, name: str, entry: Mapping[str, Any]) -> None:
    try:
        check_parameters(family, name, entry.get("params", {}), RESERVED)
    except KratosError as error:
        raise KratosError(f"config: {place}: {error}") from None


def _known(place: str, what: str, name: str, names: Iterable[str]) -> None:
    if name not in names:
        raise KratosError(f"config: {place}: unknown {what} '{name}'{suggest(str(name), list(names))}")


def _check_method(place: str, entry: Mapping[str, Any], config: Mapping[str, Any]) -> None:
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


def _check_dataset(place: str, entry: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    for file in entry.get("files", []):
        _known(place, "file (section resources)", file, config.get("resources", {}))
    for method in entry["methods"]:
        _known(place, "method", method, config["methods"])
    for model in entry.get("models", []):
        _known(place, "model", model, config["models"])
    if "grid" in entry:
        _known(place, "grid", entry["grid"], config["grids"])


def _check_artefact(place: str, section: str, entry: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    params = {key: value for key, value in entry.items() if key not in ARTEFACT_KEYS}
    _check_plugin(place, section, entry["kind"], {"params": params})
    for dataset in artefact_datasets(entry):
        _known(place, "dataset", dataset, config["datasets"])
    for method in artefact_methods(entry):
        _known(place, "method", method, config["methods"])
    for model in entry.get("models", []):
        _known(place, "model", model, config["models"])


def artefact_datasets(entry: Mapping[str, Any]) -> list[str]:
    """Data sets that a table or figure shows."""
    return list(entry["datasets"]) if "datasets" in entry else [entry["dataset"]]


def artefact_methods(entry: Mapping[str, Any]) -> list[str]:
    """Methods that a table or figure shows: those named, or those in its panels, each once, in order."""
    if "methods" in entry or entry["kind"] == "projection":
        return list(entry.get("methods", []))
    return list(dict.fromkeys(method for panel in entry.get("panels", []) for method in panel))
