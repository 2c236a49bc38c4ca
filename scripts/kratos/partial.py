"""Results from a part of a data set, one donor of two or a random sample of cells, say so in every table and figure."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import h5py
import pandas as pd


def partial_note(cells: Iterable[str | Path], titles: Mapping[str, str]) -> str:
    """What is missing from the data sets of a table or figure; empty when nothing is.

    Parameters
    ----------
    cells
        Files ``<data set>/cells.h5ad``; a loader that was given only a part has written what into
        ``uns["partial"]``. Only that is read, since the matrices may be large.
    titles
        Names to show, by data set.

    Returns
    -------
    str
        For example ``"Baron: donor mouse1 only (the paper's cells include mouse2)"``.
    """
    notes = []
    for path in map(Path, cells):
        with h5py.File(path, "r") as file:
            note = file["uns/partial"].asstr()[()] if "uns/partial" in file else ""
        if note:
            notes.append(f"{titles[path.parent.name]}: {note}")
    return "; ".join(notes)


def sampled_note(rows: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """How many cells a result comes from, where these are not all; empty where they are.

    Parameters
    ----------
    rows
        Columns dataset, cells_used and cells_available; without the last two nothing was sampled.
    titles
        Names to show, by data set.

    Returns
    -------
    str
        For example ``"Atlas: 1,500 of 1,000,000 cells, drawn at random"``.
    """
    if "cells_used" not in rows:
        return ""
    drawn = rows[rows["cells_used"] < rows["cells_available"]].sort_values("cells_available", ascending=False)
    return "; ".join(
        f"{titles[row.dataset]}: {int(row.cells_used):,} of {int(row.cells_available):,} cells, drawn at random"
        for row in drawn.drop_duplicates("dataset").itertuples()
    )
