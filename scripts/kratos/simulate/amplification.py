"""How many copies of one captured molecule reach the sequencer: the exact law, and the chance to be sequenced."""

from functools import lru_cache

import numpy as np
from scipy.interpolate import CubicSpline

RATE_STEP = 0.02
"""Spacing of amplification rates at which the law is computed; a cubic spline between them errs by below 1e-5."""


LOST_MASS = 1e-9
"""Probability beyond the largest number of copies that is kept: the support of 2**16 would be mostly empty."""


@lru_cache(maxsize=256)
def copies_law(rate: float, cycles: int) -> np.ndarray:
    """Distribution of the number of copies of a molecule after `cycles` of pre-amplification.

    The first cycle copies the molecule with probability `rate`. In each later one, x copies gain x·U·rate more, with
    an efficiency U uniform on [0, 1] that all copies of a molecule share, rounded up or down at random without bias.
    So given x the gain is uniform on 0 … L = x·rate but for its ends, and a cycle is a sum over ranges.

    Parameters
    ----------
    rate
        Amplification rate per cycle, in (0, 1].
    cycles
        Number of cycles, at least 1.

    Returns
    -------
    numpy.ndarray
        Probabilities of 0, 1, … copies, up to where all but `LOST_MASS` is covered; read-only.
    """
    law = np.array([0.0, 1 - rate, rate])
    for _ in range(cycles - 1):
        copies = np.arange(1, len(law))
        limit = copies * rate
        whole = np.floor(limit).astype(np.int64)
        part = limit - whole
        weight = law[1:] / limit
        # Uniform weight on x … x + whole, as the start and the end of a range; `top` never repeats.
        step, ends = np.zeros(2 * len(law) + 1), np.zeros(2 * len(law) + 1)
        top = copies + whole
        step[copies] += weight
        step[top + 1] -= weight
        ends[copies] -= weight / 2
        ends[top] -= weight * (0.5 - part + part**2 / 2)
        ends[top + 1] += weight * part**2 / 2
        law = (np.cumsum(step) + ends)[: 2 * len(law) - 1].clip(0)
    law = law[: int(np.searchsorted(np.cumsum(law), 1 - LOST_MASS)) + 1]
    law.flags.writeable = False
    return law


def mean_copies(rate: np.ndarray, cycles: int) -> np.ndarray:
    """Mean of `copies_law`: (1 + rate) (1 + rate / 2)^(cycles - 1)."""
    return (1 + rate) * (1 + rate / 2) ** (cycles - 1)


def unseen_probability(
    reads: np.ndarray, rate: np.ndarray, kept: np.ndarray, cycles: int, library_rate: float
) -> np.ndarray:
    """Probability that none of a captured molecule's fragments is sequenced.

    Its copies are fragmented (each stays with probability `kept`), the fragments amplified, two cycles at random and
    the others by their mean, and sequenced independently. Every step composes generating functions.

    Parameters
    ----------
    reads
        (r,) sequenced share of a fragment and all its later copies: mean number of reads per fragment that two cycles
        leave. May be infinite (everything is sequenced).
    rate, kept
        (n_genes,) pre-amplification rate, and probability to keep a fragment.
    cycles
        Cycles of pre-amplification.
    library_rate
        Rate of the amplification of fragments.

    Returns
    -------
    numpy.ndarray
        (n_genes, r).
    """
    # Rates at multiples of the step, so that the laws can be used again; the spline needs a few of them.
    first, last = np.floor(rate.min() / RATE_STEP), np.ceil(rate.max() / RATE_STEP)
    first = max(1, min(first, last - 5))
    rates = np.arange(first, max(last, first + 5) + 1) * RATE_STEP
    laws = [copies_law(round(float(r), 9), cycles) for r in rates]
    support = max(map(len, laws))
    laws = np.stack([np.pad(law, (0, support - len(law))) for law in laws])
    unseen = np.empty((len(rate), len(reads)))
    for value in np.unique(kept):
        survival = np.exp(-reads)
        for _ in range(2):
            survival = survival * (1 - library_rate + library_rate * survival)
        survival = 1 - value + value * survival
        powers = np.exp(np.outer(np.arange(support), np.log(survival)))
        unseen[kept == value] = CubicSpline(rates, laws @ powers)(rate[kept == value])
    return unseen.clip(0, 1)
