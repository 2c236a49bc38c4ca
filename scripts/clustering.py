"""Silhouette, ARI and AMI of every model's embedding and groups on a data set."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kratos.cells import open_cells
from kratos.evaluate.clustering import clustering_metrics
from kratos.files import write_parquet
from kratos.job import job
from kratos.seeds import derive_seed


def main(cells: str, embeddings: list[str], silhouette_cells: int, identity: dict[str, Any], output: str) -> None:
    """Measure the embeddings, each named by the folder that it is in; `identity` has dataset and seed."""
    adata = open_cells(cells)
    seed = derive_seed(identity["dataset"], "silhouette", identity["seed"])
    labels, split = (adata.obs[key].astype(str).to_numpy() for key in ("cell_type", "split"))
    frames = []
    for path in embeddings:
        with np.load(path, allow_pickle=False) as stored:
            rows = clustering_metrics(
                stored["latent"], stored["group"], labels, split, silhouette_cells=silhouette_cells, seed=seed
            )
        frames.append(rows.assign(model=Path(path).parent.name))
    write_parquet(output, pd.concat(frames, ignore_index=True).assign(**identity))


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        main(
            smk.input.cells,
            list(smk.input.embeddings),
            smk.params.silhouette_cells,
            {"dataset": smk.wildcards.dataset, "seed": int(smk.wildcards.seed)},
            smk.output[0],
        )
