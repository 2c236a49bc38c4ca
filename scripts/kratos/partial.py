"""Runs on a part of a data set (one donor of two) say so in every table and figure."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import h5py


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
