"""The end of a run: the tables as text, and where everything is."""

from pathlib import Path

import pandas as pd

from kratos.files import atomic_path
from kratos.job import job

ROWS, WIDEST = 12, 30


def main(tables: list[str], figures: list[str], output: str, page: str = "") -> None:
    """Write the summary that the workflow prints when it is done; `page` is the report, where there is one."""
    parts = [f"{Path(table).stem} ({table})\n{shown(pd.read_csv(table))}" for table in tables]
    folders = sorted({str(Path(figure).parent) for figure in figures})
    partial = {Path(f).stem for f in figures if f.endswith(".csv") and "partial" in pd.read_csv(f, nrows=0).columns}
    stems = sorted({Path(figure).stem for figure in figures})
    names = [f"{stem} (partial data)" if stem in partial else stem for stem in stems]
    parts.append(f"Figures: {', '.join(names)} (pdf, png, svg and the plotted numbers as csv) in {', '.join(folders)}/")
    if page:
        parts.append(f"Everything on one page: {page}   Receipts of every number: results/receipts/")
    parts.append("Logs: logs/   Time and memory of every job: benchmarks/")
    with atomic_path(output) as part:
        part.write_text("\n" + "\n\n".join(parts) + "\n", encoding="utf-8")


def shown(table: pd.DataFrame) -> str:
    """First rows of a table; long texts, which would make it too wide for a terminal, stand once each below it."""
    text = table.select_dtypes("object")
    wide = [column for column in text if text[column].dropna().map(len).max() > WIDEST]
    narrow = table.drop(columns=[*wide, *(c for c in table if table[c].isna().all())])
    lines = [narrow.head(ROWS).to_string(index=False, float_format=lambda v: f"{v:.4f}", na_rep="")]
    if len(table) > ROWS:
        lines.append(f"… {len(table) - ROWS} more rows")
    for column in wide:
        notes = dict.fromkeys(note for value in table[column].dropna() for note in value.split("; "))
        lines.append(f"{column}: {'; '.join(notes)}")
    return "\n".join(lines)


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        main(list(smk.input.tables), list(smk.input.figures), smk.output[0], page=smk.input.page)
