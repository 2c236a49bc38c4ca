"""UMAP and t-SNE of the input and of every model's embedding, in one job: umap's first import takes seconds."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kratos.evaluate.projections import projection_rows
from kratos.files import write_parquet
from kratos.job import job
from kratos.matrices import to_dense
from kratos.sample import read_sample
from kratos.seeds import derive_seed

log = logging.getLogger(__name__)


def main(
    cells: str,
    embeddings: list[str],
    projections: list[str],
    maximum_cells: int,
    identity: dict[str, Any],
    output: str,
) -> None:
    """Project the input and the embeddings, each named by its folder; `identity` has dataset and seed."""
    sample = read_sample(cells, maximum_cells, seed=derive_seed(identity["dataset"], "sample", identity["seed"]))
    adata = sample.adata
    spaces = {"input": to_dense(adata.X)}
    for path in embeddings:
        with np.load(path, allow_pickle=False) as stored:
            spaces[Path(path).parent.name] = stored["latent"][sample.rows]
    frames = []
    for projection in projections:
        for space, x in spaces.items():
            seed = derive_seed(identity["dataset"], projection, space, identity["seed"])
            frames.append(projection_rows(x, projection, space, seed, adata.obs))
            log.info("%s of %s", projection, space)
    write_parquet(output, pd.concat(frames, ignore_index=True).assign(**sample.sizes, **identity))


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        main(
            smk.input.cells,
            list(smk.input.embeddings),
            smk.params.projections,
            smk.params.maximum_cells,
            {"dataset": smk.wildcards.dataset, "seed": int(smk.wildcards.seed)},
            smk.output[0],
        )
