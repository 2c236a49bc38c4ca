"""Sec. 6.4's statements about Fig. 7, measured: where the pixels to add or to remove lie."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from kratos.errors import KratosError
from kratos.evaluate.pixels import (
    REGIONS,
    chance_shares,
    keep_extremes,
    mass_share,
    pair_rankings,
    pixels_in_use,
    position,
)
from kratos.plugins import suggest
from kratos.seeds import derive_seed

NEEDS = "rankings"
SIGNS = {"added": 1.0, "removed": -1.0}


def tabulate(
    rows: pd.DataFrame,
    titles: Mapping[str, Mapping[str, str]],
    *,
    claims: list[list[str]],
    top: int = 25,
    permutations: int = 10000,
) -> pd.DataFrame:
    """One row per method, seed and claim: the share of the kept pixels' mass in a region, and the share by chance.

    Parameters
    ----------
    rows
        Ranking rows of one-vs-one methods on images; protocol ``crossval`` is shown.
    titles
        Names to show, by section and name.
    claims
        Each is digit, target digit, ``added`` or ``removed``, region (left, right, upper, lower, centre: the middle
        third of rows and columns).
    top
        Pixels kept at either end (Sec. 6.4: 25).
    permutations
        Random placements of the kept values among the pixels that some digit uses.

    Returns
    -------
    pandas.DataFrame
        ``share``; ``chance`` with ``chance_low`` and ``chance_high``, the central 95 % of the placements; ``p``, the
        share of placements with at least as much mass in the region.
    """
    for claim in claims:
        _check_claim(claim)
    rankings = pair_rankings(rows, "table 'digit_claims'")
    lines = []
    for (dataset, method, seed), own in rankings.groupby(["dataset", "method", "seed"], sort=False):
        in_use = pixels_in_use(own)
        for digit, target, sign, region in claims:
            pair = own[(own["cell_type"] == digit) & (own["target"] == target)]
            if pair.empty:
                known = ", ".join(f"{a} to {b}" for a, b in dict.fromkeys(zip(own["cell_type"], own["target"])))  # noqa: B905
                raise KratosError(
                    f"table 'digit_claims': method '{method}' has no ranking of {digit} to {target} ({known}): "
                    "add the pair to the method's 'pairs'"
                )
            mass = np.maximum(SIGNS[sign] * keep_extremes(pair["effect"].to_numpy(), top), 0)
            inside = REGIONS[region](*position(pair))
            used = pair["gene"].isin(in_use).to_numpy()
            chance = chance_shares(
                mass, inside[used], permutations=permutations, seed=derive_seed("chance", digit, target, int(seed))
            )
            share = mass_share(mass, inside)
            lines.append(
                {
                    "dataset": titles["datasets"][dataset],
                    "method": titles["methods"][method],
                    "seed": seed,
                    "digit": digit,
                    "target": target,
                    "pixels": sign,
                    "region": region,
                    "share": share,
                    "chance": np.nanmean(chance) if np.isfinite(share) else np.nan,
                    "chance_low": np.quantile(chance, 0.025),
                    "chance_high": np.quantile(chance, 0.975),
                    "p": (1 + (chance >= share).sum()) / (1 + permutations) if np.isfinite(share) else np.nan,
                }
            )
    return pd.DataFrame(lines)


def _check_claim(claim: list[str]) -> None:
    if len(claim) != 4:
        raise KratosError(f"table 'digit_claims': the claim {claim} must be [digit, target, added or removed, region]")
    for value, choices in ((claim[2], SIGNS), (claim[3], REGIONS)):
        if value not in choices:
            raise KratosError(
                f"table 'digit_claims': unknown '{value}' in the claim {claim}{suggest(value, [*choices])}"
            )
