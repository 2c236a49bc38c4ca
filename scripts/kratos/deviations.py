"""The deviation ledger's plan: one variant of a data set for every point where paper and released code differ.

A variant is a data set of its own to the workflow, so that all rules serve it; its settings are those of the whole
configuration with the deviation's keys set. It draws with its base's random numbers, so that the two differ in the
switch alone.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from kratos.config import check_config, models_of
from kratos.errors import KratosError
from kratos.plugins import suggest

# Sections in which a deviation may set keys: what jobs of a data set depend on.
SWITCHED = ("auroc", "datasets", "explainers", "methods", "models", "redundancy")
# What a deviation may show, and the evaluation that it is read from.
SHOWN = {"clustering": "clustering", "auroc": "auroc", "redundancy": "redundancy", "recovery": "rankings"}
CLUSTERING_METRICS = ("silhouette", "ari", "ami")
CELLS_OF_METRICS = ("test", "all")
ROLES = ("causal", "dependent", "noise")
TOP = 20
"""Genes looked at for recovery (Table 1)."""
NEEDED = ("dataset", "methods", "shows")
# What the cells of a data set depend on.
CELLS_KEYS = ("loader", "params", "files", "expect", "split")


@dataclass(frozen=True)
class Variant:
    """One deviation's data set.

    Attributes
    ----------
    base
        The configured data set whose cells it starts from, and whose name its seeds are derived from.
    parent
        The data set that it is compared with: its base, or the variant of the deviation named by ``given``.
    settings
        The whole configuration as it is for this data set.
    """

    base: str
    parent: str
    settings: dict[str, Any]


@dataclass(frozen=True)
class Variants:
    """All variants by the name of their data set, and the configuration that they were made from."""

    config: Mapping[str, Any]
    found: Mapping[str, Variant]

    def __contains__(self, dataset: str) -> bool:
        """Whether a data set is a variant."""
        return dataset in self.found

    def datasets(self) -> dict[str, dict[str, Any]]:
        """Entries of the section ``datasets``, to be added to the configured ones."""
        return {name: variant.settings["datasets"][name] for name, variant in self.found.items()}

    def settings(self, dataset: str) -> Mapping[str, Any]:
        """The configuration as it is for a data set: a variant's own, or everyone's."""
        return self.found[dataset].settings if dataset in self else self.config

    def seeded_as(self, dataset: str) -> dict[str, str]:
        """For a variant, the data set whose random numbers it draws, as a parameter of its jobs; else nothing."""
        return {"seeded_as": self.found[dataset].base} if dataset in self else {}

    def model_home(self, dataset: str, model: str) -> str:
        """The data set under whose name a model is fitted.

        A variant whose switch leaves cells and model alone uses its parent's: with the same seeds it would come out the
        same.
        """
        while dataset in self:
            parent = self.found[dataset].parent
            own, other = self.settings(dataset), self.settings(parent)
            cells, parent_cells = own["datasets"][dataset], other["datasets"][parent]
            if own["models"][model] != other["models"][model] or any(cells[k] != parent_cells[k] for k in CELLS_KEYS):
                return dataset
            dataset = parent
        return dataset


def variant_name(config: Mapping[str, Any], deviation: str) -> str:
    """Name of a deviation's data set, for example ``pbmc_dev_scaling``."""
    return f"{config['deviations'][deviation]['dataset']}_dev_{deviation}"


def variants(config: Mapping[str, Any], schema: Mapping[str, Any]) -> Variants:
    """Check the section ``deviations`` and expand it.

    Parameters
    ----------
    config
        A checked configuration with the schema's defaults filled in. Not changed.
    schema
        Its schema: every variant's settings are checked as a configuration is.

    Returns
    -------
    Variants
        One for every deviation that sets keys.

    Raises
    ------
    KratosError
        One sentence about the first thing that is wrong.
    """
    deviations = config.get("deviations", {})
    if deviations and "deviations" in config.get("tables", {}):
        raise KratosError("config: tables.deviations: this file is the ledger of the section deviations: rename it")
    found: dict[str, Variant] = {}
    for name, entry in deviations.items():
        place = f"config: deviations.{name}"
        _check_entry(place, entry, config)
        if not entry.get("set"):
            continue
        base, changed = entry["dataset"], variant_name(config, name)
        if changed in config["datasets"]:
            raise KratosError(f"{place}: there is a data set '{changed}' already: rename the deviation")
        given = config["deviations"][entry["given"]] if "given" in entry else {"set": {}}
        settings = copy.deepcopy(dict(config))
        own = settings["datasets"][changed] = settings["datasets"].pop(base)
        # Its evaluations and models are those that the ledger shows.
        own.update(title=f"{own.get('title') or base} ({name})", evaluations=[], models=[], methods=entry["methods"])
        for key, value in {**given["set"], **entry["set"]}.items():
            _put(place, settings, key, value, base, changed)
        try:
            check_config({**settings, "tables": {}, "figures": {}, "deviations": {}}, schema)
        except KratosError as error:
            message = str(error).removeprefix("config: ").replace(f"datasets.{changed}", f"datasets.{base}")
            raise KratosError(f"{place}: set: {message}") from None
        parent = variant_name(config, entry["given"]) if "given" in entry else base
        found[changed] = Variant(base, parent, settings)
    return Variants(config, found)


def _check_entry(place: str, entry: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Names and keys of one deviation, beyond its schema."""
    ways = [key for key in ("set", "cells") if entry.get(key)]
    if len(ways) == 2:
        raise KratosError(f"{place}: has 'set' and 'cells', remove one of the two")
    if not ways:
        if not entry.get("note"):
            raise KratosError(f"{place}: needs 'set' or 'cells', or a 'note' that says why it has no numbers")
        return
    for key in NEEDED:
        if not entry.get(key):
            raise KratosError(f"{place}: needs '{key}', for it has '{ways[0]}'")
    dataset = entry["dataset"]
    _known(place, "dataset", dataset, config["datasets"])
    for method in entry["methods"]:
        _known(place, f"method of data set {dataset}", method, config["datasets"][dataset]["methods"])
    if entry.get("cells") and list(entry["shows"]) != ["clustering"]:
        raise KratosError(f"{place}: 'cells' are those of the clustering metrics: let 'shows' be [clustering]")
    if "given" in entry:
        others = {n: e for n, e in config["deviations"].items() if e.get("set") and "given" not in e and e != entry}
        _known(place, "deviation (given)", entry["given"], others)
        if others[entry["given"]]["dataset"] != dataset:
            raise KratosError(f"{place}: 'given' names a deviation of another data set than {dataset}: choose another")
    shown = {(subject, metric) for _, subject, metric, _, _ in shown_metrics(entry, config)}
    for subject, numbers in entry.get("published", {}).items():
        for metric in numbers:
            _known(f"{place}.published", "subject", subject, {s for s, _ in shown})
            _known(f"{place}.published.{subject}", "metric", metric, [m for s, m in shown if s == subject])


def _known(place: str, what: str, name: str, names: Iterable[str]) -> None:
    if name not in names:
        raise KratosError(f"{place}: unknown {what} '{name}'{suggest(str(name), list(names))}")


def _put(place: str, settings: dict[str, Any], key: str, value: Any, base: str, changed: str) -> None:
    """Set a dotted key; keys of the base data set are the variant's."""
    section, *parts = key.split(".")
    _known(place, "section of the key", section, SWITCHED)
    if not parts:
        raise KratosError(f"{place}: set: '{key}' is a whole section: name the key in it, as in '{section}.…'")
    spot, passed = settings[section], [section]
    if section == "datasets":
        _known(place, "dataset of the key", parts[0], [base])
        parts[0] = changed
    for part in parts[:-1]:
        if not isinstance(spot.get(part), dict):
            raise KratosError(f"{place}: set: '{key}' leads nowhere: {'.'.join(passed)} has no part '{part}'")
        spot, passed = spot[part], [*passed, part]
    if section in ("models", "explainers", "methods", "datasets") and len(parts) == 1:
        raise KratosError(f"{place}: set: '{key}' is a whole entry: name the key in it, as in '{key}.…'")
    spot[parts[-1]] = copy.deepcopy(value)


def compared(config: Mapping[str, Any], deviation: str) -> tuple[str, str]:
    """Names of the two data sets of a deviation, the one with the paper's setting first."""
    entry = config["deviations"][deviation]
    if not entry.get("set"):
        return entry["dataset"], entry["dataset"]
    parent = variant_name(config, entry["given"]) if "given" in entry else entry["dataset"]
    changed = variant_name(config, deviation)
    return (changed, parent) if entry.get("set_is", "code") == "paper" else (parent, changed)


def shown_metrics(entry: Mapping[str, Any], config: Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """What a deviation shows, in order.

    Returns
    -------
    list of tuple
        Section (models, methods) and name of the subject, name of the metric in the ledger, and the metric's name
        among the measured ones on the paper's and on the other side: they differ where two sets of cells are compared.
    """
    methods, found = entry["methods"], []
    models = models_of({**config, "datasets": {"own": {"methods": methods}}}, "own")
    if entry.get("cells"):
        pairs = [(m, *(f"{m}, {cells} cells" for cells in entry["cells"])) for m in CLUSTERING_METRICS]
        return [("models", model, *names) for model in models for names in pairs]
    if "clustering" in entry["shows"]:
        names = [f"{m}, {cells} cells" for cells in CELLS_OF_METRICS for m in CLUSTERING_METRICS]
        found += [("models", model, name, name, name) for model in models for name in names]
    at = panel_words(config)
    by_method = {
        "auroc": [f"AUROC {at}, {p}" for p in config["auroc"].get("protocols", ["crossval", "heldout"])],
        "redundancy": [f"redundancy {at}"],
        "recovery": [f"{role} genes in the top {TOP}" for role in ROLES],
    }
    for kind, names in by_method.items():
        if kind in entry["shows"]:
            found += [("methods", method, name, name, name) for method in methods for name in names]
    return found


def panel_words(config: Mapping[str, Any]) -> str:
    """How the ledger's metrics name the panel size."""
    return f"at the top {100 * config['auroc'].get('panel_fraction', 0.01):g} %"


def ledger_plan(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the table of deviations needs of the configuration: plain values, in the config's order."""
    lines = []
    for name, entry in config["deviations"].items():
        line = {key: entry.get(key, "") for key in ("point", "paper", "code", "note")}
        line |= {"deviation": name, "dataset": "", "switch": "", "sides": (), "shown": [], "published": {}}
        if entry.get("set") or entry.get("cells"):
            pairs = entry["set"] or {"cells of the metrics": " or ".join(entry["cells"])}
            own = config["datasets"][entry["dataset"]]
            line["dataset"] = own.get("title") or entry["dataset"]
            line["switch"] = "; ".join(f"{key}: {_as_yaml(value)}" for key, value in pairs.items())
            line["sides"] = compared(config, name)
            line["shown"] = [
                (subject, config[section][subject].get("title") or subject, *names)
                for section, subject, *names in shown_metrics(entry, config)
            ]
            line["published"] = entry.get("published", {})
        lines.append(line)
    panel = {"fraction": config["auroc"]["panel_fraction"], "words": panel_words(config), "top": TOP}
    return {"lines": lines, "panel": panel}


def _as_yaml(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n...\n").strip()
