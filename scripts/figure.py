"""One figure of the paper (or of ours) from evaluation rows, with the numbers that it shows."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from kratos.figures.style import paper_style, save_figure
from kratos.files import atomic_path
from kratos.job import job
from kratos.partial import partial_note, sampled_note
from kratos.plugins import parameters, plugin


def main(files: list[str], entry: dict[str, Any], outputs: list[str], cells: Sequence[str] = ()) -> None:
    """Draw the figure that `entry` (spec and titles) describes; the CSV among `outputs` gets the plotted numbers.

    Where `cells` are partial, the figure and its CSV say so.
    """
    spec, titles = entry["spec"], entry["titles"]
    rows = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
    own = {key: spec[key] for key in parameters("figures", spec["kind"]) if key in spec}
    with paper_style():
        figure, plotted = plugin("figures", spec["kind"]).draw(rows, titles, **own)
        if note := partial_note(cells, titles["datasets"]):
            figure.suptitle(f"Partial data. {note}", fontsize=7, color="#B2182B", wrap=True)
            plotted = plotted.assign(partial=note)
        if note := sampled_note(rows, titles["datasets"]):
            figure.supxlabel(note, fontsize=6)
            plotted = plotted.assign(sampled=note)
        for output in outputs:
            if output.endswith(".csv"):
                with atomic_path(output) as part:
                    plotted.to_csv(part, index=False, float_format="%.6g")
            else:
                save_figure(figure, output)


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        main(list(smk.input.rows), smk.params.entry, list(smk.output), list(smk.input.cells))
