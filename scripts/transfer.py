"""Test cells moved by one-vs-one perturbations, as every model of the data set reads them."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from kratos.evaluate.transfer import transfer_rows
from kratos.files import write_parquet
from kratos.job import job
from kratos.models.base import load_model
from kratos.sample import read_sample
from kratos.seeds import derive_seed

log = logging.getLogger(__name__)


def main(
    cells: str, ranking: str, models: list[str], settings: dict[str, Any], identity: dict[str, Any], output: str
) -> None:
    """Evaluate `ranking` with the models, each named by its folder; `identity` has dataset, method and seed."""
    seed = derive_seed(identity["dataset"], "sample", identity["seed"])
    sample = read_sample(cells, settings["maximum_cells_per_type"], seed=seed)
    adata = sample.adata
    rows = transfer_rows(
        adata,
        pd.read_parquet(ranking),
        {Path(path).parent.name: load_model(path, list(adata.var_names)) for path in models},
        fraction=settings["fraction"],
        seed=derive_seed(identity["dataset"], "transfer", identity["seed"]),
    )
    log.info(
        "read as target, mean over pairs: %s", rows.groupby(["model", "change", "clipped"])["read_as_target"].mean()
    )
    write_parquet(output, rows.assign(**sample.sizes, **identity))


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        wildcards = smk.wildcards
        main(
            smk.input.cells,
            smk.input.ranking,
            list(smk.input.models),
            smk.params.settings,
            {"dataset": wildcards.dataset, "method": wildcards.method, "seed": int(wildcards.seed)},
            smk.output[0],
        )
