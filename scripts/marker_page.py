"""Show a data set's markers on one self-contained HTML page."""

from typing import Any

import pandas as pd

from kratos.cells import read_cells
from kratos.files import atomic_path
from kratos.job import job
from kratos.markers.page import marker_page


def main(markers: str, files: dict[str, list[str]], titles: dict[str, Any], dataset: str, output: str) -> None:
    """Write the page of `dataset` from markers.h5ad and the evaluation `files` auroc, redundancy and clustering."""
    rows = {
        name: pd.concat([pd.read_parquet(file) for file in own], ignore_index=True) if own else pd.DataFrame()
        for name, own in files.items()
    }
    page = marker_page(read_cells(markers), rows, titles, dataset)
    with atomic_path(output) as part:
        part.write_text(page, encoding="utf-8")


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        main(
            smk.input.markers,
            {name: list(smk.input.get(name, [])) for name in ("auroc", "redundancy", "clustering")},
            smk.params.titles,
            smk.wildcards.dataset,
            smk.output[0],
        )
