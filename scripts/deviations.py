"""The deviation ledger: what every point where paper and released code differ does to the numbers."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from kratos.deviations import SHOWN
from kratos.files import atomic_path
from kratos.job import job
from kratos.partial import partial_note
from kratos.tables.deviations import ledger, measured


def main(files: Mapping[str, list[str]], plan: dict[str, Any], cells: list[str], output: str) -> None:
    """Write the ledger of `plan` from the rows of `files`, by what is shown; `cells` may be partial."""
    rows = {shown: pd.concat(map(pd.read_parquet, own), ignore_index=True) for shown, own in files.items() if own}
    table = ledger(measured(rows, **plan["panel"]), plan["lines"])
    titles = {dataset: line["dataset"] for line in plan["lines"] for dataset in line["sides"]}
    if note := partial_note(cells, titles):
        table.insert(0, "partial", note)
    with atomic_path(output) as part:
        table.to_csv(part, index=False, float_format="%.6g")


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        files = {shown: list(smk.input.get(shown, [])) for shown in SHOWN}
        main(files, smk.params.plan, list(smk.input.cells), smk.output[0])
