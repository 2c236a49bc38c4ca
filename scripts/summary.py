"""The end of a run: the tables as text, and where everything is."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import pandas as pd

from kratos.files import atomic_path
from kratos.job import job

ROWS, WIDEST = 12, 30


def main(
    tables: list[str],
    figures: list[str],
    output: str,
    *,
    claims: str = "",
    markers: Sequence[str] = (),
    page: str = "",
) -> None:
    """Write the summary that the workflow prints when it is done.

    `claims` is the ledger and `page` the report, where there are some; `markers` are files markers.h5ad.
    """
    parts = [f"{Path(table).stem} ({table})\n{shown(pd.read_csv(table))}" for table in tables]
    folders = sorted({str(Path(figure).parent) for figure in figures})
    partial = {Path(f).stem for f in figures if f.endswith(".csv") and "partial" in pd.read_csv(f, nrows=0).columns}
    stems = sorted({Path(figure).stem for figure in figures})
    names = [f"{stem} (partial data)" if stem in partial else stem for stem in stems]
    parts += [described(file) for file in markers]
    if names:
        kinds = "pdf, png, svg and the plotted numbers as csv"
        parts.append(f"Figures: {', '.join(names)} ({kinds}) in {', '.join(folders)}/")
    if claims:
        counts = pd.read_csv(claims)["verdict"].value_counts()
        parts.append(f"Claims: {', '.join(f'{n} {verdict}' for verdict, n in counts.items())} ({claims})")
    if page:
        parts.append(f"Everything on one page: {page}   Receipts of every number: results/receipts/")
    parts.append("Logs: logs/   Time and memory of every job: benchmarks/")
    with atomic_path(output) as part:
        part.write_text("\n" + "\n\n".join(parts) + "\n", encoding="utf-8")


def described(markers: str) -> str:
    """What markers.h5ad says of its cells, and where the page is."""
    with h5py.File(markers, "r") as file:
        lines = list(file["uns/kratos/about"].asstr()[:])
    page = Path(markers).with_suffix(".html")
    return "\n".join([f"Markers: {page} (in a browser), {markers} (for scanpy)", *(f"  {line}" for line in lines)])


def shown(table: pd.DataFrame) -> str:
    """First rows of a table; their long texts, too wide for a terminal, stand once each below it."""
    text = table.select_dtypes("object")
    wide = [column for column in text if text[column].dropna().map(len).max() > WIDEST]
    narrow = table.drop(columns=[*wide, *(c for c in table if table[c].isna().all())])
    lines = [narrow.head(ROWS).to_string(index=False, float_format=lambda v: f"{v:.4f}", na_rep="")]
    if len(table) > ROWS:
        lines.append(f"… {len(table) - ROWS} more rows")
    for column in wide:
        notes = dict.fromkeys(note for value in table[column].head(ROWS).dropna() for note in value.split("; "))
        lines.append(f"{column}: {'; '.join(notes)}")
    return "\n".join(lines)


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        main(
            list(smk.input.tables),
            list(smk.input.figures),
            smk.output[0],
            claims=str(smk.input.claims),
            markers=list(smk.input.markers),
            page=str(smk.input.page),
        )
