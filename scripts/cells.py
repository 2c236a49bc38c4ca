"""Read a data set with its loader, check what is in it, split it, and write cells.h5ad."""

import logging
from hashlib import file_digest
from pathlib import Path
from typing import Any

from kratos.cells import check_cells, check_contents, fingerprint, write_cells
from kratos.datasets import load
from kratos.job import job
from kratos.split import split_cells

log = logging.getLogger(__name__)


def main(dataset: str, spec: dict[str, Any], files: list[str], output: str) -> None:
    """Write the cells of `dataset` to `output`."""
    paths = {Path(file).name: Path(file) for file in files}
    adata = load(spec["loader"], paths, spec["params"])
    check_contents(adata, spec["expect"], dataset)
    split_cells(adata, **spec["split"])
    check_cells(adata, name=dataset)
    adata.uns["source"] = {
        "dataset": dataset,
        "loader": spec["loader"],
        "fingerprint": fingerprint(adata),
        "files": {name: digest(path) for name, path in paths.items()},
    }
    log.info("%s: %d cells, %d genes, fingerprint %s", dataset, *adata.shape, adata.uns["source"]["fingerprint"])
    log.info("cell types: %s", adata.obs["cell_type"].value_counts().to_dict())
    log.info("split: %s", adata.obs["split"].value_counts().to_dict())
    write_cells(adata, output)


def digest(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as handle:
        return file_digest(handle, "sha256").hexdigest()


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        main(smk.wildcards.dataset, smk.params.spec, list(smk.input), smk.output[0])
