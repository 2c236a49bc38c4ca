"""Fit one model on the training cells; keep its weights, the embedding of all cells and a training record."""

import logging
from typing import Any

import numpy as np

from kratos.cells import open_cells
from kratos.files import atomic_path, write_json
from kratos.job import job
from kratos.models.base import apply_in_batches, save_model
from kratos.plugins import plugin
from kratos.sample import for_fitting
from kratos.seeds import derive_seed

log = logging.getLogger(__name__)


def main(cells: str, spec: dict[str, Any], seed: int, outputs: dict[str, str]) -> None:
    """Fit the model that `spec` describes; `outputs` has the paths model, embedding and training."""
    adata = open_cells(cells)
    sample = for_fitting(adata, spec["kind"], seed=seed)
    model, record = plugin("models", spec["kind"]).fit(sample.adata, seed=seed, device=spec["device"], **spec["params"])
    record |= sample.sizes
    log.info("trained in %.2f s; accuracy %s", record["seconds"], record.get("accuracy"))
    save_model(model, outputs["model"])
    latent = apply_in_batches(model.embed, model, adata.X)
    group = apply_in_batches(lambda x: model.scores(x).argmax(dim=1), model, adata.X)
    with atomic_path(outputs["embedding"]) as part, part.open("wb") as handle:
        np.savez_compressed(handle, latent=latent, group=group, group_type=np.array(model.group_type))
    write_json(outputs["training"], {**record, "seed": seed, "kind": spec["kind"], "hyperparameters": spec["params"]})


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        wildcards = smk.wildcards
        main(
            smk.input.cells,
            smk.params.spec,
            derive_seed(smk.params.spec.get("seeded_as", wildcards.dataset), wildcards.model, int(wildcards.seed)),
            {key: smk.output[key] for key in ("model", "embedding", "training")},
        )
