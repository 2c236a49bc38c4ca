"""Put a data set's rankings, embeddings and projections into one AnnData file that scanpy's functions read."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kratos.cells import read_cells
from kratos.job import job
from kratos.markers.assemble import about, add_model, add_projections, add_rankings, write_markers

log = logging.getLogger(__name__)


def main(cells: str, files: dict[str, Any], minimum_cells: int, output: str) -> None:
    """Write markers.h5ad.

    `files` has the lists rankings (named by their method) and embeddings (in a folder named by their model), and
    projections, one file.
    """
    adata = read_cells(cells)
    rankings = {Path(file).stem: pd.read_parquet(file) for file in files["rankings"]}
    keys, notes = add_rankings(adata, rankings)
    for file in files["embeddings"]:
        with np.load(file, allow_pickle=False) as stored:
            add_model(adata, Path(file).parent.name, stored, sorted(adata.obs["cell_type"].unique()))
    add_projections(adata, pd.read_parquet(files["projections"]))
    lines = [*about(adata, minimum_cells), *(f"{note[0].upper()}{note[1:]}." for note in notes)]
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
            smk.output[0],
        )
