"""Tables as the page shows them: rounded numbers with their intervals, long repeated texts once, below the table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pandas as pd

LONG = 30
"""Characters from which a text that stands in every row is shown once, below the table."""
FOOTNOTES = 6
"""Up to so many different sentences of a column become footnotes, so that they do not make every row tall."""


@dataclass(frozen=True)
class Column:
    """A column's heading; ``num`` (numbers), ``long`` (sentences) or ``short`` (words that stay on a line)."""

    name: str
    look: str


@dataclass(frozen=True)
class Cell:
    """What a cell shows, what it is sorted by (empty: last), and an interval."""

    text: str
    sort: str
    interval: str = ""


@dataclass(frozen=True)
class View:
    """A table for the template.

    Attributes
    ----------
    columns
        A `Column` each.
    rows
        A `Cell` for every column.
    notes
        What stood in every row, and footnotes.
    """

    columns: list[Column]
    rows: list[list[Cell]]
    notes: list[str] = field(default_factory=list)


def number(value: float) -> str:
    """A number with four significant digits; whole numbers with thousands separators."""
    if pd.isna(value):
        return ""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.4g}"


def interval_columns(columns: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Columns with the ends of their intervals.

    ``x_low`` and ``x_high`` are those of ``x``, or of ``x_gain`` just before them; ``low`` and ``high`` those of the
    column before.
    """
    columns = list(columns)
    found = {}
    for place, column in enumerate(columns):
        if column == "low" and place:
            found[columns[place - 1]] = ("low", "high")
        elif column.endswith("_low") and column[:-4] in columns:
            found[column[:-4]] = (column, f"{column[:-4]}_high")
        elif column.endswith("_low") and place and columns[place - 1].startswith(column[:-3]):
            found[columns[place - 1]] = (column, f"{column[:-4]}_high")
    return {column: ends for column, ends in found.items() if set(ends) <= set(columns)}


def view(table: pd.DataFrame) -> View:
    """Arrange any table; columns named as `interval_columns` says are put together."""
    table = table.copy()
    intervals = interval_columns(table.columns)
    ends = {end for pair in intervals.values() for end in pair}
    notes, shown = [], []
    for column in table.columns.difference([*ends], sort=False):
        values = table[column]
        if values.isna().all() or (values.astype(str) == "").all():
            continue
        if len(table) > 1 and not _is_number(values) and len(set(values.astype(str))) == 1:
            text = str(values.iloc[0])
            if column in ("dataset", "partial") or len(text) > LONG:
                notes.append(f"{_words(column)}: {text}")
                continue
        if _longest(values) > 2 * LONG and len(set(values.dropna())) <= min(FOOTNOTES, len(table) / 2):
            table[column], footnotes = _footnotes(values)
            notes += [f"{_words(column)} {footnote}" for footnote in footnotes]
        shown.append(column)
    columns = [Column(_words(column), _look(table[column])) for column in shown]
    rows = [
        [_cell(row[column], [row[end] for end in intervals.get(column, ())]) for column in shown]
        for row in table.to_dict("records")
    ]
    return View(columns, rows, notes)


def _cell(value: object, ends: Sequence[float]) -> Cell:
    if pd.isna(value):
        return Cell("", "")
    if isinstance(value, int | float) and not isinstance(value, bool):
        known = [number(end) for end in ends if not pd.isna(end)]
        return Cell(number(value), repr(float(value)), f"{known[0]} to {known[1]}" if len(known) == 2 else "")
    return Cell(str(value), str(value).lower())


def _footnotes(values: pd.Series) -> tuple[pd.Series, list[str]]:
    """Letters instead of sentences, and the sentences by letter."""
    letters = {text: chr(ord("a") + place) for place, text in enumerate(dict.fromkeys(values.dropna()))}
    return values.map(letters), [f"({letter}): {text}" for text, letter in letters.items()]


def _look(values: pd.Series) -> str:
    if _is_number(values):
        return "num"
    return "short" if _longest(values) <= LONG else "long" if _longest(values) > 2 * LONG else ""


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _longest(values: pd.Series) -> int:
    return 0 if _is_number(values) else max((len(str(value)) for value in values.dropna()), default=0)


def _words(column: str) -> str:
    return column.replace("_", " ")
