# Access to the configuration, wildcards, and the input functions of all rules.
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

PROJECT = Path(workflow.current_basedir).resolve().parent
sys.path.insert(0, str(PROJECT / "scripts"))

from kratos.cluster import remedies
from kratos.config import artefact_datasets, artefact_methods, check_config, models_of, read_schema, shown_titles
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
    "timing": "results/{dataset}/timing.parquet",
    "transfer": "results/{dataset}/{seed}/transfer/{method}.parquet",
}


def one_of(names):
    return "|".join(map(re.escape, names)) or "(?!)"


def memory(mb):
    """A resources function: `mb` megabytes, and as much again with every retry."""

    def mem_mb(wildcards, attempt):
        return mb * attempt

    return mem_mb


def gpus(wildcards):
    """A GPU for training where a model's `device` says cuda; `auto` takes one if it is there and asks for none."""
    models = [wildcards.model] if hasattr(wildcards, "model") else models_of(config, wildcards.dataset)
    return int(any(config["models"][model]["device"].startswith("cuda") for model in models))


def seeds_of(dataset, which):
    """Seeds of a data set's `which`, curves or panels: its own, or everyone's."""
    return config["datasets"][dataset]["seeds"].get(which, config["seeds"][which])


def resource_params(wildcards):
    return dict(config["resources"][wildcards.resource])


def cells_params(wildcards):
    """What the cells depend on; titles, models and methods may change without making them again."""
    spec = config["datasets"][wildcards.dataset]
    return {key: spec[key] for key in ("loader", "params", "expect", "split")}


def model_params_of(model):
    return {key: config["models"][model][key] for key in ("kind", "params", "device")}


def model_params(wildcards):
    return model_params_of(wildcards.model)


def dataset_files(wildcards):
    """Upstream files of a data set, or the user's own."""
    spec = config["datasets"][wildcards.dataset]
    own = [spec["params"]["path"]] if spec["params"].get("path") else []
    return [f"resources/{file}" for file in spec["files"]] + own


def timing_params(wildcards):
    return {model: model_params_of(model) for model in models_of(config, wildcards.dataset)}


def embeddings(wildcards):
    return collect(
        "results/{{dataset}}/{{seed}}/{model}/embedding.npz",
        model=models_of(config, wildcards.dataset),
    )


def dataset_model_files(wildcards):
    models = models_of(config, wildcards.dataset)
    return collect("results/{{dataset}}/{{seed}}/{model}/model.pt", model=models)


def ranking_model(wildcards):
    model = config["methods"][wildcards.method].get("model")
    return f"results/{wildcards.dataset}/{wildcards.seed}/{model}/model.pt" if model else []


def method_params(wildcards):
    """Everything that a ranking depends on: the method, and its explainer when it has one."""
    method = {
        key: value for key, value in config["methods"][wildcards.method].items() if key not in ("title", "family")
    }
    explainer = config["explainers"].get(method.get("explainer"), {})
    return {
        "method": method,
        "explainer": dict(explainer),
        "protocols": config["auroc"]["protocols"],
    }


def full_panel_methods(dataset):
    """Controls that evaluate the set of all genes, once for every method of a data set."""
    rankers = {m: config["methods"][m].get("ranker") for m in config["datasets"][dataset]["methods"]}
    return [m for m, ranker in rankers.items() if ranker and constant("rank", ranker, "FULL_PANEL_ONLY", False)]


def auroc_params(wildcards):
    dataset = config["datasets"][wildcards.dataset]
    fractions = {config["auroc"]["panel_fraction"]}
    if int(wildcards.seed) in seeds_of(wildcards.dataset, "curves"):
        fractions |= set(config["grids"][config["methods"][wildcards.method].get("grid", dataset["grid"])])
    full = full_panel_methods(wildcards.dataset)
    settings = {key: value for key, value in config["auroc"].items() if key != "panel_fraction"}
    return {
        **settings,
        "fractions": [1.0] if wildcards.method in full else sorted(fractions),
        "minimum_cells": dataset["minimum_cells"],
        # All genes are the same panel whatever ranks them: a control evaluates them for everyone.
        "skip_full": bool(full) and wildcards.method not in full,
    }


def redundancy_params(wildcards):
    dataset = config["datasets"][wildcards.dataset]
    return {
        **config["redundancy"],
        "fractions": config["grids"][dataset["grid"]],
        "minimum_cells": dataset["minimum_cells"],
    }
