"""The ledger: one line per claim, with our number and the verdict."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kratos.claims.definitions import sources
from kratos.claims.measure import Measurement, evaluate
from kratos.claims.verdict import judge

COLUMNS = [
    "id",
    "place",
    "statement",
    "quote",
    "published",
    "ours",
    "low",
    "high",
    "n_seeds",
    "unit",
    "tolerance",
    "tolerance_reason",
    "verdict",
    "reason",
    "metric",
    "dataset",
    "methods",
    "protocol",
    "source",
    "figure_or_table",
    "group",
]


def make_ledger(claims: Mapping[str, Mapping[str, Any]], folder: str | Path = ".") -> pd.DataFrame:
    """Measure and judge every claim.

    Parameters
    ----------
    claims
        From `kratos.claims.definitions.read_claims`.
    folder
        Where the claims' file names start: the folder that holds ``results/``.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`, one row per claim.

    Raises
    ------
    KratosError
        For the first claim with a number that is not there.
    """
    return pd.DataFrame([_line(name, claim, Path(folder)) for name, claim in claims.items()], columns=COLUMNS)


def _line(name: str, claim: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    measured = evaluate(claim["measure"], folder, name) if "measure" in claim else None
    verdict, reason = judge(claim, measured)
    shown = measured or Measurement(np.nan)
    copied = {key: claim.get(key, "") for key in ("place", "statement", "quote", "unit", "metric", "protocol", "group")}
    side = claim.get("holds") or claim.get("direction") or {}
    sides = [f"{word} {bound:g}" for word, bound in side.items()]
    return {
        **copied,
        "id": name,
        "published": claim.get("published", np.nan),
        "ours": shown.value,
        "low": shown.low,
        "high": shown.high,
        "n_seeds": shown.seeds,
        "tolerance": " and ".join([f"{claim['tolerance']:g}", *sides] if "tolerance" in claim else sides),
        "tolerance_reason": claim.get("tolerance_reason", ""),
        "verdict": verdict,
        "reason": "; ".join(part for part in (reason, shown.remark, claim.get("note", "")) if part),
        "dataset": claim.get("dataset", ""),
        "methods": "; ".join(claim.get("methods", [])),
        "source": sources(claim["measure"]) if "measure" in claim else "",
        "figure_or_table": claim.get("figure_or_table", ""),
    }
