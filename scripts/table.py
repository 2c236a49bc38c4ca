"""One table of the paper (or of ours) from evaluation rows."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from kratos.files import atomic_path
from kratos.job import job
from kratos.partial import partial_note, sampled_note
from kratos.plugins import constant, parameters, plugin


def main(files: list[str], entry: dict[str, Any], output: str, cells: Sequence[str] = ()) -> None:
    """Write the table that `entry` (spec and titles) describes, from the rows of `files`; `cells` may be partial."""
    spec, titles = entry["spec"], entry["titles"]
    rows = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
    own = {key: spec[key] for key in parameters("tables", spec["kind"]) if key in spec}
    needed = constant("tables", spec["kind"], "NEEDS")
    if needed == "clustering" and "models" in spec:
        rows = rows[rows["model"].isin(spec["models"])]
    table = plugin("tables", spec["kind"]).tabulate(rows, titles, **own)
    if note := partial_note(cells, titles["datasets"]):
        table.insert(0, "partial", note)
    if note := sampled_note(rows, titles["datasets"]):
        table["sampled"] = note
    with atomic_path(output) as part:
        table.to_csv(part, index=False, float_format="%.6g")


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        main(list(smk.input.rows), smk.params.entry, smk.output[0], list(smk.input.cells))
