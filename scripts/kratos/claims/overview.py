"""The ledger as a short table for the README: one line per group of claims."""

import pandas as pd

from kratos.claims.verdict import VERDICTS


def overview(ledger: pd.DataFrame) -> str:
    """Markdown: the counts of verdicts, then per group what is published, what we measure, and the verdict.

    Parameters
    ----------
    ledger
        From `kratos.claims.ledger.make_ledger`, or read from its CSV.
    """
    counts = ledger["verdict"].value_counts()
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if verdict in counts)
    lines = [f"{len(ledger)} claims: {told}.", "", "| claim | paper | ours | verdict |", "|---|---|---|---|"]
    groups = ledger["group"].fillna("")
    for title, own in ledger.groupby(groups.where(groups != "", ledger["statement"]), sort=False):
        units = own["unit"].fillna("").unique()
        unit = f" {units[0]}" if len(units) == 1 and units[0] else ""
        cells = (
            title,
            ", ".join(_published(line) for line in own.itertuples()) + unit,
            _ours(own),
            _verdict(own["verdict"]),
        )
        lines.append("| {} | {} | {} | {} |".format(*(cell.replace("|", "\\|") for cell in cells)))
    return "\n".join(lines) + "\n"


def number(value: float, digits: int = 3) -> str:
    """Significant digits, without losing those of whole numbers: 0.855, 3.31, 14878."""
    return f"{value:.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.{digits}g}"


def _published(line: tuple) -> str:
    if pd.notna(line.published):
        return number(line.published, 4)
    side = line.tolerance if isinstance(line.tolerance, str) else ""
    return side.replace("above ", "> ").replace("below ", "< ") or "—"


def _ours(own: pd.DataFrame) -> str:
    """Our numbers; a single one with its interval."""
    shown = [number(line.ours) if pd.notna(line.ours) else "—" for line in own.itertuples()]
    if len(own) == 1 and pd.notna(own["low"].iloc[0]):
        shown[0] += f" [{number(own['low'].iloc[0])}, {number(own['high'].iloc[0])}]"
    return ", ".join(shown)


def _verdict(verdicts: pd.Series) -> str:
    """The verdict of all, or how many have which."""
    counts = verdicts.value_counts()
    if len(counts) == 1:
        return str(counts.index[0])
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if verdict in counts)
