"""Correlation among every type's top-k genes, for one method."""

from typing import Any

import pandas as pd

from kratos.evaluate.panels import grid_sizes
from kratos.evaluate.redundancy import redundancy_rows
from kratos.files import write_parquet
from kratos.job import job
from kratos.sample import read_sample
from kratos.seeds import derive_seed


def main(cells: str, ranking: str, settings: dict[str, Any], identity: dict[str, Any], output: str) -> None:
    """Measure the ranking of all cells; `identity` has dataset, method and seed."""
    seed = derive_seed(identity["dataset"], "sample", identity["seed"])
    sample = read_sample(cells, settings["maximum_cells_per_type"], seed=seed)
    adata = sample.adata
    rankings = pd.read_parquet(ranking)
    protocols = rankings["protocol"].unique()
    own = rankings[rankings["protocol"] == ("crossval" if "crossval" in protocols else protocols[0])]
    sizes = grid_sizes(adata.n_vars, settings["fractions"])
    options = {key: value for key, value in settings.items() if key not in ("fractions", "maximum_cells_per_type")}
    rows = redundancy_rows(adata, own, sizes, **options)
    write_parquet(output, rows.assign(**sample.sizes, **identity))


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        wildcards = smk.wildcards
        main(
            smk.input.cells,
            smk.input.ranking,
            smk.params.settings,
            {"dataset": wildcards.dataset, "method": wildcards.method, "seed": int(wildcards.seed)},
            smk.output[0],
        )
