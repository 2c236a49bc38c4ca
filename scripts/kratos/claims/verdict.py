"""The verdict on a claim from its measured number: pure, with its reason in words."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kratos.claims.measure import Measurement

REPRODUCED = "reproduced"
DIRECTION_ONLY = "direction only"
NOT_REPRODUCED = "not reproduced"
NOT_TESTABLE = "not testable"
VERDICTS = (REPRODUCED, DIRECTION_ONLY, NOT_REPRODUCED, NOT_TESTABLE)


def judge(claim: Mapping[str, Any], measured: Measurement | None) -> tuple[str, str]:
    """Verdict and reason.

    Parameters
    ----------
    claim
        Either ``not_testable`` (why), or ``published`` with ``tolerance``, ``holds`` (the side of a statement:
        ``above`` or ``below`` a number), or a number with its ``direction`` (a side as well).
    measured
        Our number; None only for a claim that is not testable.

    Returns
    -------
    verdict, reason
        ``reproduced``: within the tolerance, and on the claimed side with the whole interval. ``direction only``: on
        the claimed side, but outside the tolerance or with an interval that reaches across. ``not reproduced``:
        neither. A number without ``direction`` is reproduced or not. ``not testable``: as declared.
    """
    if "not_testable" in claim:
        return NOT_TESTABLE, claim["not_testable"]
    side = claim.get("holds") or claim.get("direction")
    near, words = True, []
    if "tolerance" in claim:
        distance = abs(measured.value - claim["published"])
        # Numbers in tables have six digits: a distance that equals the tolerance is inside.
        near = distance <= claim["tolerance"] + 1e-9
        words.append(f"{distance:.3g} from the published value, {'within' if near else 'outside'} the tolerance")
    if side is None:
        return (REPRODUCED if near else NOT_REPRODUCED), "; ".join(words)
    on_side, certain = _on_side(side, measured.value), _certain(side, measured)
    (word, bound), *_ = side.items()
    words.append(f"{measured.value:.3g} is {'' if on_side else 'not '}{word} {bound:g}")
    if np.isfinite(measured.low):
        words.append(f"the 95 % interval {'does not reach' if certain else 'reaches'} across")
    if near and certain:
        return REPRODUCED, "; ".join(words)
    return (DIRECTION_ONLY if on_side else NOT_REPRODUCED), "; ".join(words)


def _on_side(side: Mapping[str, float], value: float) -> bool:
    return value > side["above"] if "above" in side else value < side["below"]


def _certain(side: Mapping[str, float], measured: Measurement) -> bool:
    """Whether the value and, where there is one, its whole interval lie on the side."""
    end = measured.low if "above" in side else measured.high
    return _on_side(side, measured.value) and (not np.isfinite(end) or _on_side(side, end))
