"""One number with its interval for a claim: selections, reduced, compared pair by pair, averaged over repeats."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from kratos.claims.definitions import listed, selections, shown_files, sources
from kratos.claims.selection import select_rows
from kratos.errors import KratosError
from kratos.tables.statistics import interval

COMPARE = {
    "difference": lambda a, b: a - b,
    "ratio": lambda a, b: a / b,
    "percent_gain": lambda a, b: 100 * (a / b - 1),
    "percent_reduction": lambda a, b: 100 * (1 - a / b),
}
"""How ``of`` is compared with ``against``."""

ACROSS = {
    "mean": lambda groups: groups.mean(),
    "share_positive": lambda groups: groups.agg(lambda values: (values > 0).mean()),
}
"""How the values of ``each`` are put together."""


@dataclass(frozen=True)
class Measurement:
    """A measured number; the interval is NaN where nothing was repeated, and `seeds` None where no seed is involved."""

    value: float
    low: float = np.nan
    high: float = np.nan
    seeds: int | None = None
    remark: str = ""


def evaluate(measure: Mapping[str, Any], folder: Path, claim: str) -> Measurement:
    """Compute a claim's number.

    Parameters
    ----------
    measure
        ``of`` and ``against``: one selection, or several that are joined by ``join`` (``against_join``);
        ``compare``: a key of `COMPARE`; ``over``: the column of independent repeats, over which mean and interval are
        taken; ``each``: columns by which both sides are paired within a repeat; ``across``: a key of `ACROSS`;
        ``unpaired``: "drop" leaves out what only one side has; ``scale``: a factor. Without ``over``, an interval
        comes from the selections' own columns (``interval``).
    folder
        Where file names start.
    claim
        Name of the claim, for messages.

    Raises
    ------
    KratosError
        Naming claim, file and selection, when a number that the measure needs is not there.
    """
    keys = [*([measure["over"]] if "over" in measure else []), *measure.get("each", [])]
    remarks = _partial(measure, folder, claim)
    if not keys:
        return _single(measure, folder, claim, remarks)
    values = _side(measure, "of", keys, folder, claim)
    if "against" in measure:
        other = _side(measure, "against", keys, folder, claim)
        shared = values.index.intersection(other.index)
        lost = len(values.index.union(other.index)) - len(shared)
        if lost and (measure.get("unpaired") != "drop" or shared.empty):
            odd = values.index.symmetric_difference(other.index)[0]
            raise KratosError(
                f"claim '{claim}': {sources(measure)}: {' and '.join(keys)} {odd} is on one side of the comparison only"
            )
        if lost:
            remarks.append(f"{lost} of {lost + len(shared)} pairs lack a value on one side and are left out")
        values = COMPARE[measure["compare"]](values[shared], other[shared])
    if "each" in measure:
        across = ACROSS[measure["across"]]
        if "over" not in measure:
            whole = across(values.groupby(np.zeros(len(values)))).iloc[0]
            return Measurement(float(measure.get("scale", 1) * whole), seeds=1, remark="; ".join(remarks))
        values = across(values.groupby(level=0, sort=True))
    values = measure.get("scale", 1) * values.to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        raise KratosError(f"claim '{claim}': {sources(measure)}: the comparison gives no finite number for each repeat")
    mean, low, high = interval(values)
    if measure["over"] == "seed":
        return Measurement(mean, low, high, len(values), "; ".join(remarks))
    remarks.insert(0, f"interval over {len(values)} {measure['over'].replace('_', ' ')}s")
    return Measurement(mean, low, high, 1, "; ".join(remarks))


def _single(measure: Mapping[str, Any], folder: Path, claim: str, remarks: list[str]) -> Measurement:
    """A number that is not repeated in the rows; its interval may stand in the table that it comes from."""
    a = _whole(measure, "of", folder, claim)
    b = _whole(measure, "against", folder, claim) if "against" in measure else None
    scale = measure.get("scale", 1)
    if b is None:
        return Measurement(scale * a.value, scale * a.low, scale * a.high, a.seeds, "; ".join(remarks))
    with np.errstate(divide="ignore", invalid="ignore"):
        value = COMPARE[measure["compare"]](np.float64(a.value), np.float64(b.value))
    if not np.isfinite(value):
        raise KratosError(f"claim '{claim}': {sources(measure)}: the comparison gives no finite number")
    low = high = np.nan
    if measure["compare"] == "difference" and np.isfinite([a.low, b.low]).any():
        # Not paired, so both intervals count: wider than a paired one. A side without an interval is a constant.
        a_low, a_high = (a.low, a.high) if np.isfinite(a.low) else (a.value, a.value)
        b_low, b_high = (b.low, b.high) if np.isfinite(b.low) else (b.value, b.value)
        low, high = a_low - b_high, a_high - b_low
    return Measurement(float(scale * value), scale * low, scale * high, a.seeds, "; ".join(remarks))


def _whole(measure: Mapping[str, Any], side: str, folder: Path, claim: str) -> Measurement:
    parts = []
    for selection in listed(measure[side]):
        rows = select_rows(selection, folder, claim)
        reduced = float(rows[selection["column"]].agg(selection.get("reduce", "mean")))
        columns = selection.get("interval", {})
        if columns and len(rows) != 1:
            raise KratosError(
                f"claim '{claim}': {shown_files(selection)}: an interval needs one row, not {len(rows)}: narrow 'where'"
            )
        of_cells = selection["file"].endswith(".h5ad")
        if not columns:
            parts.append(Measurement(reduced, seeds=None if of_cells else 1))
            continue
        line = rows.iloc[0]
        seeds = int(line[columns["seeds"]]) if "seeds" in columns else 1
        if "sd" in columns:
            half = float(stats.t.ppf(0.975, seeds - 1) * line[columns["sd"]] / np.sqrt(seeds))
            parts.append(Measurement(reduced, reduced - half, reduced + half, seeds))
        else:
            parts.append(Measurement(reduced, float(line[columns["low"]]), float(line[columns["high"]]), seeds))
    if len(parts) == 1:
        return parts[0]
    joined = pd.Series([part.value for part in parts]).agg(_join(measure, side))
    return Measurement(float(joined), seeds=parts[0].seeds)


def _side(measure: Mapping[str, Any], side: str, keys: list[str], folder: Path, claim: str) -> pd.Series:
    """Values of one side by repeat and pair."""
    parts = []
    for selection in listed(measure[side]):
        rows = select_rows(selection, folder, claim)
        for key in keys:
            if key not in rows:
                raise KratosError(f"claim '{claim}': {shown_files(selection)} has no column '{key}' to pair by")
        parts.append(rows.groupby(keys, sort=True)[selection["column"]].agg(selection.get("reduce", "mean")))
    if len(parts) == 1:
        return parts[0]
    joined = pd.concat(parts, axis=1, join="inner").agg(_join(measure, side), axis=1)
    if len(joined) < max(map(len, parts)) and measure.get("unpaired") != "drop":
        raise KratosError(
            f"claim '{claim}': {sources(measure)}: the selections of '{side}' differ in {', '.join(keys)}"
        )
    return joined


def _join(measure: Mapping[str, Any], side: str) -> str:
    return measure.get("join" if side == "of" else "against_join", "mean")


def _partial(measure: Mapping[str, Any], folder: Path, claim: str) -> list[str]:
    """What tables and figures say about runs on a part of the data."""
    notes: dict[str, None] = {}
    for selection in selections(measure):
        rows = select_rows(selection, folder, claim)
        if "partial" in rows:
            notes.update(dict.fromkeys(f"partial data: {note}" for note in rows["partial"].dropna().unique()))
    return list(notes)
