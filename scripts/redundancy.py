"""Correlation among every type's top-k genes, for one method."""

from typing import Any

import pandas as pd

from kratos.cells import read_cells
from kratos.evaluate.panels import grid_sizes
from kratos.evaluate.redundancy import redundancy_rows
from kratos.files import write_parquet
from kratos.job import job


def main(cells: str, ranking: str, settings: dict[str, Any], identity: dict[str, Any], output: str) -> None:
    """Measure the ranking of all cells; `identity` has dataset, method and seed."""
    adata = read_cells(cells)
    rankings = pd.read_parquet(ranking)
    protocols = rankings["protocol"].unique()
    own = rankings[rankings["protocol"] == ("crossval" if "crossval" in protocols else protocols[0])]
    sizes = grid_sizes(adata.n_vars, settings["fractions"])
    options = {key: value for key, value in settings.items() if key != "fractions"}
    write_parquet(output, redundancy_rows(adata, own, sizes, **options).assign(**identity))


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
