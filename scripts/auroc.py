"""AUROC of an RBF SVM on every type's top-k genes, for one method."""

from typing import Any

import pandas as pd

from kratos.evaluate.auroc import auroc_rows
from kratos.evaluate.panels import grid_sizes
from kratos.files import write_parquet
from kratos.job import job
from kratos.sample import read_sample
from kratos.seeds import derive_seed

# An SVM's kernel has all pairs of cells: where the config sets no limit, so many cells of a type where there are many.
PER_TYPE, MANY = 300, 10_000


def main(cells: str, ranking: str, protocol: dict[str, Any], identity: dict[str, Any], output: str) -> None:
    """Evaluate `ranking` by `protocol` (draws, folds, fractions …); `identity` has dataset, method and seed."""
    sample = read_sample(
        cells,
        protocol["maximum_cells_per_type"],
        seed=derive_seed(protocol.get("seeded_as", identity["dataset"]), "sample", identity["seed"]),
        when_many=PER_TYPE,
        many=MANY,
    )
    adata, rankings = sample.adata, pd.read_parquet(ranking)
    settings = {
        key: value for key, value in protocol.items() if key not in ("fractions", "seeded_as", "maximum_cells_per_type")
    }
    rows = auroc_rows(
        adata,
        rankings,
        grid_sizes(adata.n_vars, protocol["fractions"]),
        seed=derive_seed(protocol.get("seeded_as", identity["dataset"]), "auroc", identity["seed"]),
        **settings,
    )
    ranked = rankings.groupby("cell_type")["rank"].max()
    rows = rows.assign(
        full_panel=protocol["fractions"] == [1.0],
        ranks_all=rows["cell_type"].map(ranked).fillna(0) == adata.n_vars,
        **sample.sizes,
        **identity,
    )
    write_parquet(output, rows)


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        wildcards = smk.wildcards
        main(
            smk.input.cells,
            smk.input.ranking,
            smk.params.protocol,
            {"dataset": wildcards.dataset, "method": wildcards.method, "seed": int(wildcards.seed)},
            smk.output[0],
        )
