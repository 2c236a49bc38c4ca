"""The report: one self-contained page with every table, figure and claim, and how each was computed."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kratos.files import atomic_path
from kratos.job import job
from kratos.report.page import page

log = logging.getLogger(__name__)


def main(
    entries: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
    inputs: Mapping[str, Any],
    output: str,
) -> None:
    """Write the page; `entries` are the tables and figures to show, `inputs` the files of the rule's input."""
    results = Path(output).parent.parent
    html = page(
        entries,
        config,
        results=results,
        cells=inputs["cells"],
        claims=inputs["claims"] or None,
        deviations=inputs["deviations"] or None,
        receipts=inputs["receipts"],
        versions=inputs["versions"],
    )
    with atomic_path(output) as part:
        part.write_text(html, encoding="utf-8")
    log.info("%s: %.1f MB", output, len(html.encode()) / 1e6)


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        names = ("cells", "claims", "deviations", "receipts", "versions")
        main(smk.params.entries, smk.params.config, {name: smk.input.get(name) for name in names}, smk.output[0])
