"""Receipts of a run: a row per result file, a table of package versions, and an RO-Crate of the whole."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kratos.crate import copy_workflow, write_crate
from kratos.files import atomic_path
from kratos.job import job
from kratos.provenance import PROJECT, commit
from kratos.receipts import cells_source, receipt_rows


def main(
    jobs: Sequence[Mapping[str, str]],
    made: Sequence[Mapping[str, str]],
    cells: Sequence[str],
    config: Mapping[str, Any],
    outputs: Mapping[str, str],
) -> None:
    """Write the receipts; `jobs` made result files, `made` names tables and figures with rule and caption."""
    sources = {Path(path).parent.name: cells_source(path) for path in cells}
    receipts, versions = receipt_rows(jobs, {name: source["fingerprint"] for name, source in sources.items()})
    for frame, key in ((receipts, "receipts"), (versions, "versions")):
        with atomic_path(outputs[key]) as part:
            frame.to_csv(part, index=False, float_format="%.6g")
    published = config.get("resources", {})
    inputs = {
        name: {"sha256": digest} | ({"url": published[name]["url"]} if name in published else {})
        for source in sources.values()
        for name, digest in source["files"].items()
    }
    write_crate(
        outputs["crate"],
        workflow=copy_workflow(PROJECT, config, outputs["workflow"]),
        inputs=inputs,
        outputs=made,
        software=sorted({*versions[["package", "version"]].itertuples(index=False, name=None)}),
        commit=commit()[0],
    )


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        main(smk.params.jobs, smk.params.made, list(smk.input.cells), smk.params.config, dict(smk.output.items()))
