# Access to the configuration, wildcards, and the input functions of all rules.
import re
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

from kratos.claims.definitions import check_references, claim_files, read_claims
from kratos.cluster import remedies
from kratos.config import artefact_datasets, artefact_methods, check_config, models_of, read_schema, shown_titles
from kratos.deviations import SHOWN, compared, ledger_plan, variants
from kratos.errors import KratosError
from kratos.plugins import constant

SCHEMA = PROJECT / "config" / "schemas" / "config.schema.yaml"
CLAIMS_SCHEMA = str(PROJECT / "config" / "schemas" / "claims.schema.yaml")
# A relative name starts at the repository. Claims are read now: an error in an input function would go unnoticed where
# an old results/claims.csv exists.
CLAIMS_FILE = str(PROJECT / config["claims"]) if config.get("claims") else ""
DEVIATIONS_FILE = str(PROJECT / config["measured_deviations"]) if config.get("measured_deviations") else ""
try:
    check_config(config, read_schema(SCHEMA))
    CLAIMS = read_claims(CLAIMS_FILE, read_schema(CLAIMS_SCHEMA)) if CLAIMS_FILE else {}
    check_references(CLAIMS, config, CLAIMS_FILE)
    if DEVIATIONS_FILE and not Path(DEVIATIONS_FILE).is_file():
        raise KratosError(
            f"config: measured_deviations: {DEVIATIONS_FILE} is not there: name a ledger, or set it to ''"
        )
    validate(config, str(SCHEMA))
    VARIANTS = variants(config, read_schema(SCHEMA))
except KratosError as error:
    raise WorkflowError(str(error)) from None
config["datasets"].update(VARIANTS.datasets())
# What a data set's jobs depend on is looked up by these, so that a deviation's variant has its own switch.
settings, seeded_as, model_home = VARIANTS.settings, VARIANTS.seeded_as, VARIANTS.model_home

# Another workflow uses this one with a configuration of its own, and may have a rule for the cells.
IS_MODULE = workflow.modifier.skip_configfile

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


def model_files(dataset, models, file):
    """A file of each model, from where it is fitted: a variant shares what its switch leaves alone."""
    return [f"results/{model_home(dataset, m)}/{{seed}}/{m}/{file}" for m in models]


def dataset_files(wildcards):
    """Upstream files of a data set, or the user's own: `local`, for a module's prefix is not where that one lies."""
    spec = config["datasets"][wildcards.dataset]
    own = [spec["params"]["path"]] if spec["params"].get("path") else []
    if own and not Path(own[0]).is_file() and not IS_MODULE:
        place = "" if Path(own[0]).is_absolute() else f" in {Path.cwd()}"
        raise WorkflowError(f"{own[0]} does not exist{place}: correct datasets.{wildcards.dataset}.params.path")
    return [f"resources/{file}" for file in spec["files"]] + [local(file) for file in own]


def fitted_models(wildcards):
    return models_of(settings(wildcards.dataset), wildcards.dataset)


def embeddings(wildcards):
    return model_files(wildcards.dataset, fitted_models(wildcards), "embedding.npz")


def dataset_model_files(wildcards):
    return model_files(wildcards.dataset, fitted_models(wildcards), "model.pt")


def ranking_model(wildcards):
    model = settings(wildcards.dataset)["methods"][wildcards.method].get("model")
    return model_files(wildcards.dataset, [model], "model.pt")[0] if model else []
