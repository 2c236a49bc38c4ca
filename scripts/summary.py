"""The end of a run: the tables as text, and where everything is."""

from pathlib import Path

import pandas as pd

from kratos.files import atomic_path
from kratos.job import job


def main(tables: list[str], figures: list[str], output: str) -> None:
    """Write the summary that the workflow prints when it is done."""
    parts = []
    for table in tables:
        rows = pd.read_csv(table)
        shown = rows.head(20).to_string(index=False, float_format=lambda v: f"{v:.4f}", na_rep="")
        more = f"\n… {len(rows) - 20} more rows" if len(rows) > 20 else ""
        parts.append(f"{Path(table).stem} ({table})\n{shown}{more}")
    folders = sorted({str(Path(figure).parent) for figure in figures})
    names = sorted({Path(figure).stem for figure in figures})
    parts.append(f"Figures: {', '.join(names)} (pdf, png, svg and the plotted numbers as csv) in {', '.join(folders)}/")
    parts.append("Logs: logs/   Time and memory of every job: benchmarks/")
    with atomic_path(output) as part:
        part.write_text("\n" + "\n\n".join(parts) + "\n", encoding="utf-8")


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        main(list(smk.input.tables), list(smk.input.figures), smk.output[0])
