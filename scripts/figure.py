"""One figure of the paper (or of ours) from evaluation rows, with the numbers that it shows."""

from typing import Any

import pandas as pd

from kratos.figures.style import paper_style, save_figure
from kratos.files import atomic_path
from kratos.job import job
from kratos.plugins import parameters, plugin


def main(files: list[str], entry: dict[str, Any], outputs: list[str]) -> None:
    """Draw the figure that `entry` (spec and titles) describes; the CSV among `outputs` gets the plotted numbers."""
    spec, titles = entry["spec"], entry["titles"]
    rows = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
    own = {key: spec[key] for key in parameters("figures", spec["kind"]) if key in spec}
    with paper_style():
        figure, plotted = plugin("figures", spec["kind"]).draw(rows, titles, **own)
        for output in outputs:
            if output.endswith(".csv"):
                with atomic_path(output) as part:
                    plotted.to_csv(part, index=False, float_format="%.6g")
            else:
                save_figure(figure, output)


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        main(list(smk.input), smk.params.entry, list(smk.output))
