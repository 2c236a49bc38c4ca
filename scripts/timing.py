"""Train every model of a data set several times, in turn, in one job, so that their times can be compared."""

import logging
from typing import Any

import pandas as pd

from kratos.cells import open_cells
from kratos.files import write_parquet
from kratos.job import job
from kratos.plugins import plugin
from kratos.sample import for_fitting
from kratos.seeds import derive_seed

log = logging.getLogger(__name__)
COLUMNS = ["dataset", "model", "repeat", "seconds", "device", "cells_used", "cells_available"]


def main(cells: str, models: dict[str, Any], repeats: int, dataset: str, output: str) -> None:
    """Time the training of `models` (specs by name); models alternate, so that a busy machine slows all alike."""
    adata = open_cells(cells)
    rows = []
    for repeat in range(repeats):
        for name, spec in models.items():
            seed = derive_seed(dataset, name, "timing", repeat)
            sample = for_fitting(adata, spec["kind"], seed=seed)
            fit = plugin("models", spec["kind"]).fit
            _, record = fit(sample.adata, seed=seed, device=spec["device"], **spec["params"])
            rows.append((dataset, name, repeat, record["seconds"], record["device"], *sample.sizes.values()))
            log.info("%s, repeat %d: %.2f s on %s", name, repeat, record["seconds"], record["device"])
    write_parquet(output, pd.DataFrame(rows, columns=COLUMNS))


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        main(smk.input.cells, smk.params.models, smk.params.repeats, smk.wildcards.dataset, smk.output[0])
