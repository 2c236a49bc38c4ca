"""Selecting rows of result files in a small declared vocabulary: no code in the claims file."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kratos.claims.definitions import selection_files, shown_files
from kratos.claims.sources import read_rows
from kratos.errors import KratosError

NEAREST_WITHIN = 0.1
"""A panel size counts as the one asked for when it is at most this share of it away (rounding to whole genes)."""


def select_rows(selection: Mapping[str, Any], folder: Path, claim: str) -> pd.DataFrame:
    """Rows that a selection names, in the order of the files.

    Parameters
    ----------
    selection
        ``file`` (with ``{seed}``: one per entry of ``seeds``), ``where`` (conditions by column), ``column`` (the
        number), ``largest`` (keep the row with the k-th largest number), ``interval`` (columns that must exist).
    folder
        Where file names start.
    claim
        Name of the claim, for messages.

    Raises
    ------
    KratosError
        Naming claim, file and selection: a file or column that is not there, a value of `where` that does not occur,
        no row left, or a number that is missing.
    """
    names = selection_files(selection)
    rows = pd.concat([_read(folder / name, claim) for name in names], ignore_index=True)
    place = f"claim '{claim}': {shown_files(selection)}"
    interval = [c for c in selection.get("interval", {}).values()]
    for column in [selection["column"], *selection.get("where", {}), *interval]:
        if column not in rows:
            raise KratosError(f"{place} has no column '{column}' (it has {', '.join(map(str, rows.columns))})")
    ranges = {}
    for column, condition in selection.get("where", {}).items():
        if isinstance(condition, Mapping):
            ranges[column] = condition
        else:
            rows = _equal(rows, column, condition, place)
    for column, condition in ranges.items():
        rows = _within(rows, column, condition, place)
    if rows.empty and selection.get("reduce") != "count":
        raise KratosError(f"{place} has no row where {shown_where(selection)}: correct 'where', or make the file again")
    # A selection that counts rows may count texts; numbers must be there.
    wanted = [] if selection.get("reduce") == "count" else [selection["column"]]
    for column in [*wanted, *interval]:
        if not pd.api.types.is_numeric_dtype(rows[column]):
            raise KratosError(f"{place}: column '{column}' is text, not numbers: choose another column")
        missing = ~np.isfinite(rows[column].to_numpy(dtype=np.float64))
        if missing.any():
            raise KratosError(
                f"{place}: {int(missing.sum())} of {len(rows)} values of '{column}' are missing where "
                f"{shown_where(selection)}: make the file again, or declare the claim 'not_testable' with its reason"
            )
    if "largest" in selection:
        rows = _kth_largest(rows, selection, place)
    return rows


def shown_where(selection: Mapping[str, Any]) -> str:
    """Conditions for a message: ``model = Kratos, fraction nearest 0.01``."""
    parts = []
    for column, condition in selection.get("where", {}).items():
        if isinstance(condition, Mapping):
            parts += [f"{column} {word} {value}" for word, value in condition.items()]
        else:
            parts.append(f"{column} = {condition!r}" if condition == "" else f"{column} = {condition}")
    return ", ".join(parts) or "anything"


@lru_cache(maxsize=256)
def _cached(path: str, modified: int) -> pd.DataFrame:
    return read_rows(Path(path))


def _read(path: Path, claim: str) -> pd.DataFrame:
    try:
        return _cached(str(path), path.stat().st_mtime_ns)
    except FileNotFoundError as error:
        raise KratosError(f"claim '{claim}': {path} is not there: make it with Snakemake") from error
    except (OSError, ValueError, KeyError) as error:
        raise KratosError(f"claim '{claim}': {path} cannot be read ({error}): delete it and make it again") from error


def _equal(rows: pd.DataFrame, column: str, condition: Any, place: str) -> pd.DataFrame:
    """Rows whose column has one of the values; every value must occur, so that a typo selects nothing silently."""
    values = condition if isinstance(condition, list) else [condition]
    for value in values:
        if not (rows[column] == value).any():
            known = ", ".join(map(str, rows[column].drop_duplicates().head(20))) or "no row left"
            raise KratosError(f"{place} has no row where {column} = {value!r} ({column} is one of: {known})")
    return rows[rows[column].isin(values)]


def _within(rows: pd.DataFrame, column: str, condition: Mapping[str, Any], place: str) -> pd.DataFrame:
    """Rows whose column meets ``minimum``, ``maximum``, ``not`` and ``nearest``."""
    if "not" in condition:
        rows = rows[rows[column] != condition["not"]]
    if "minimum" in condition:
        rows = rows[rows[column] >= condition["minimum"]]
    if "maximum" in condition:
        rows = rows[rows[column] <= condition["maximum"]]
    if "nearest" in condition and len(rows):
        wanted = condition["nearest"]
        distance = (rows[column] - wanted).abs()
        if not distance.min() <= NEAREST_WITHIN * abs(wanted):
            raise KratosError(f"{place} has no {column} near {wanted}: add it to the grid in the config")
        rows = rows[distance <= distance.min() + 1e-12]
    return rows


def _kth_largest(rows: pd.DataFrame, selection: Mapping[str, Any], place: str) -> pd.DataFrame:
    position = selection["largest"]
    if position > len(rows):
        raise KratosError(f"{place} has {len(rows)} rows where {shown_where(selection)}, not {position}")
    return rows.sort_values(selection["column"], ascending=False, kind="stable").iloc[[position - 1]]
