# Access to the configuration, wildcards, and the input functions of all rules.
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

PROJECT = Path(workflow.current_basedir).resolve().parent
sys.path.insert(0, str(PROJECT / "scripts"))

from kratos.config import artefact_datasets, artefact_methods, check_config, read_schema
from kratos.errors import KratosError
from kratos.plugins import constant

SCHEMA = PROJECT / "config" / "schemas" / "config.schema.yaml"
try:
    check_config(config, read_schema(SCHEMA))
except KratosError as error:
    raise WorkflowError(str(error)) from None
validate(config, str(SCHEMA))

EVALUATION_FILES = {
    "projections": "results/{dataset}/{seed}/projections.parquet",
    "clustering": "results/{dataset}/{seed}/clustering.parquet",
    "auroc": "results/{dataset}/{seed}/auroc/{method}.parquet",
    "redundancy": "results/{dataset}/{seed}/redundancy/{method}.parquet",
    "rankings": "results/{dataset}/{seed}/rankings/{method}.parquet",
}


def one_of(names):
    return "|".join(map(re.escape, names)) or "(?!)"


def memory(mb):
    """A resources function: `mb` megabytes, and as much again with every retry."""

    def mem_mb(wildcards, attempt):
        return mb * attempt

    return mem_mb


def resource_params(wildcards):
    return dict(config["resources"][wildcards.resource])


def cells_params(wildcards):
    """What the cells depend on; titles, models and methods may change without making them again."""
    spec = config["datasets"][wildcards.dataset]
    return {key: spec[key] for key in ("loader", "params", "expect", "split")}


def model_params(wildcards):
    spec = config["models"][wildcards.model]
    return {key: spec[key] for key in ("kind", "params", "device")}


def dataset_resources(wildcards):
    return [
        f"resources/{file}" for file in config["datasets"][wildcards.dataset]["files"]
    ]


def dataset_models(dataset):
    """Models that a data set needs: those named, and those of its methods, in the config's order."""
    spec = config["datasets"][dataset]
    used = {config["methods"][m].get("model") for m in spec["methods"]} | set(
        spec["models"]
    )
    return [model for model in config["models"] if model in used]


def embeddings(wildcards):
    return collect(
        "results/{{dataset}}/{{seed}}/{model}/embedding.npz",
        model=dataset_models(wildcards.dataset),
    )


def ranking_model(wildcards):
    model = config["methods"][wildcards.method].get("model")
    return (
        f"results/{wildcards.dataset}/{wildcards.seed}/{model}/model.pt"
        if model
        else []
    )


def method_params(wildcards):
    """Everything that a ranking depends on: the method, and its explainer when it has one."""
    method = {
        key: value
        for key, value in config["methods"][wildcards.method].items()
        if key not in ("title", "family")
    }
    explainer = config["explainers"].get(method.get("explainer"), {})
    return {
        "method": method,
        "explainer": dict(explainer),
        "protocols": config["auroc"]["protocols"],
    }


def auroc_params(wildcards):
    dataset = config["datasets"][wildcards.dataset]
    fractions = {config["auroc"]["panel_fraction"]}
    if int(wildcards.seed) in config["seeds"]["curves"]:
        fractions |= set(config["grids"][dataset["grid"]])
    settings = {
        key: value for key, value in config["auroc"].items() if key != "panel_fraction"
    }
    return {
        **settings,
        "fractions": sorted(fractions),
        "minimum_cells": dataset["minimum_cells"],
    }


def redundancy_params(wildcards):
    dataset = config["datasets"][wildcards.dataset]
    return {
        **config["redundancy"],
        "fractions": config["grids"][dataset["grid"]],
        "minimum_cells": dataset["minimum_cells"],
    }


def artefact_files(section, name):
    """The evaluation files that a table or figure is made of."""
    spec = config[section][name]
    return collect(
        EVALUATION_FILES[constant(section, spec["kind"], "NEEDS")],
        dataset=artefact_datasets(spec),
        seed=config["seeds"][spec["seeds"]],
        method=artefact_methods(spec),
    )


def figure_inputs(wildcards):
    return artefact_files("figures", wildcards.figure)


def table_inputs(wildcards):
    return artefact_files("tables", wildcards.table)


def artefact_params(section, name):
    """A table's or figure's entry, with the titles of what it shows."""
    titles = {
        s: {n: e["title"] or n for n, e in config[s].items()}
        for s in ("datasets", "models", "methods")
    }
    return {"spec": dict(config[section][name]), "titles": titles}


def figure_params(wildcards):
    return artefact_params("figures", wildcards.figure)


def table_params(wildcards):
    return artefact_params("tables", wildcards.table)


def figure_files():
    return collect(
        "results/figures/{figure}.{suffix}",
        figure=config["figures"],
        suffix=["pdf", "png", "svg", "csv"],
    )


def table_files():
    return collect("results/tables/{table}.csv", table=config["tables"])


def all_seeds():
    return sorted({*config["seeds"]["curves"], *config["seeds"]["panels"]})


def evaluation_files():
    """Every configured method's evaluation on every data set, whether or not a figure shows it."""
    files = []
    for dataset, spec in config["datasets"].items():
        for method in spec["methods"]:
            files += collect(
                EVALUATION_FILES["auroc"],
                dataset=dataset,
                method=method,
                seed=all_seeds(),
            )
    return files


def training_files():
    return [
        f"results/{dataset}/{seed}/{model}/training.json"
        for dataset in config["datasets"]
        for model in dataset_models(dataset)
        for seed in all_seeds()
    ]


def show_summary():
    summary = Path("results/summary.txt")
    if summary.exists():
        print(summary.read_text(encoding="utf-8"))
