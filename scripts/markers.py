"""Put a data set's rankings, embeddings and projections into one AnnData file that scanpy's functions read."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kratos.cells import open_cells
from kratos.job import job
from kratos.markers.assemble import about, add_model, add_projections, add_rankings, write_markers
from kratos.sample import in_memory
from kratos.seeds import derive_seed

log = logging.getLogger(__name__)


def main(
    cells: str, files: dict[str, Any], minimum_cells: int, maximum_cells: int, identity: dict[str, Any], output: str
) -> None:
    """Write markers.h5ad.

    `files` has the lists rankings (named by their method) and embeddings (in a folder named by their model), and
    projections, one file. Of many cells, those are taken that were projected. `identity` has dataset and seed.
    """
    whole = open_cells(cells)
    seed = derive_seed(identity["dataset"], "sample", identity["seed"])
    sample = in_memory(whole, maximum_cells, seed=seed)
    lines, adata = about(whole, minimum_cells, sample.adata.n_obs), sample.adata
    rankings = {Path(file).stem: pd.read_parquet(file) for file in files["rankings"]}
    keys, notes = add_rankings(adata, rankings)
    for file in files["embeddings"]:
        with np.load(file, allow_pickle=False) as stored:
            own = {"latent": stored["latent"][sample.rows], "group": stored["group"][sample.rows]}
            own["group_type"] = stored["group_type"]
            add_model(adata, Path(file).parent.name, own, sorted(adata.obs["cell_type"].unique()))
    add_projections(adata, pd.read_parquet(files["projections"]))
    lines += [f"{note[0].upper()}{note[1:]}." for note in notes]
    for line in lines:
        log.info("%s", line)
    write_markers(adata, output, {"about": lines, "methods": list(keys), "keys": list(keys.values())})


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        main(
            smk.input.cells,
            {
                "rankings": list(smk.input.rankings),
                "embeddings": list(smk.input.get("embeddings", [])),
                "projections": smk.input.projections,
            },
            smk.params.minimum_cells,
            smk.params.maximum_cells,
            {"dataset": smk.wildcards.dataset, "seed": int(smk.wildcards.seed)},
            smk.output[0],
        )
