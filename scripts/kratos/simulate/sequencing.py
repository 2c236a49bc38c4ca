"""Observed counts: capture, amplification, fragmentation and sequencing of the transcripts, and batch effects."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import truncnorm

from kratos.errors import KratosError
from kratos.simulate.amplification import mean_copies, unseen_probability
from kratos.simulate.kinetics import chunks

# 0, 5, …, 95 and 99, 100 % quantiles of SymSim's 59,371 human transcript lengths (gene_len_pool.RData), in bases. Only
# the order of the lengths and the side of LONG on which they lie matter.
LENGTH_PROBABILITIES = np.append(np.arange(0, 1, 0.05), [0.99, 1])
LENGTH_QUANTILES = np.array(
    [
        101,
        116,
        218,
        302,
        377,
        451,
        520,
        584,
        691,
        817,
        960,
        1176,
        1478,
        1806,
        2141,
        2538,
        3056,
        3733,
        4652,
        6172,
        10512,
        267372,
    ]
)

LENGTH_BINS = 20
LENGTH_SLOPE = 0.02
MAX_BIAS = 0.2
"""Amplification bias: change per length bin (longer is lower), and the limit of the whole bias."""

LONG = 1000
KEPT_LONG, KEPT_SHORT, SHORTEST = 0.7, 0.78, 100
"""Probability that a fragment is kept, for genes from `LONG` bases on, and for shorter ones down to `SHORTEST`."""

MIN_CAPTURE, MIN_DEPTH = 0.0005, 200
"""Lower limits of a cell's capture rate and depth."""

LIBRARY_CYCLES, RANDOM_LIBRARY_CYCLES = 10, 2
"""PCR cycles after fragmentation. SymSim draws two and multiplies by (1 + rate)^9 for the others."""

READS_KNOTS = 100
"""Sequenced shares, evenly on a log scale over the cells', between which the chance of being seen is linear."""


def draw_gene_lengths(n_genes: int, pool: Sequence[int] | np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Lengths of the genes' transcripts, in bases, (n_genes,).

    Parameters
    ----------
    n_genes
        Number of genes.
    pool
        Lengths to draw from without replacement (SymSim's ``gene_len_pool``); None: from that pool's quantiles.
    rng
        Source of the draws.

    Raises
    ------
    KratosError
        For a pool that is too small, or that has lengths which are not positive.
    """
    if pool is None:
        log_length = np.interp(rng.random(n_genes), LENGTH_PROBABILITIES, np.log(LENGTH_QUANTILES))
        return np.exp(log_length).round().astype(np.int64)
    pool = np.asarray(pool)
    if pool.ndim != 1 or len(pool) < n_genes:
        raise KratosError(f"gene_lengths has {pool.size} lengths for {n_genes} genes; give at least one per gene")
    if pool.min() <= 0:
        raise KratosError(f"gene_lengths has the length {pool.min()}; lengths in bases must be positive")
    return rng.choice(pool, n_genes, replace=False)


def amplification_bias(lengths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Deviation of each gene's amplification rate, (n_genes,), within ± `MAX_BIAS`.

    Genes are put into `LENGTH_BINS` bins of equal size by length; each bin lowers the rate by `LENGTH_SLOPE`, around
    0 in the middle. To this comes a normal part, limited so that the sum stays in range.
    """
    n_genes = len(lengths)
    position = np.empty(n_genes, dtype=np.int64)
    position[np.argsort(lengths, kind="stable")] = np.arange(n_genes)
    bins = np.minimum(position // max(1, n_genes // LENGTH_BINS), LENGTH_BINS - 1)
    by_length = LENGTH_SLOPE * ((LENGTH_BINS - 1) / 2 - bins)
    limit = MAX_BIAS - LENGTH_SLOPE * (LENGTH_BINS - 1) / 2
    return by_length + (limit * rng.standard_normal(n_genes)).clip(-limit, limit)


def fragment_kept(lengths: np.ndarray) -> np.ndarray:
    """Probability that a fragment of each gene is long enough but not too long to be kept, (n_genes,)."""
    return np.select([lengths >= LONG, lengths >= SHORTEST], [KEPT_LONG, KEPT_SHORT], 0.0)


def truncated_normal(n: int, mean: float, sd: float, low: float, high: float, rng: np.random.Generator) -> np.ndarray:
    """Draw `n` normal values conditioned on [low, high]; with sd 0 the mean itself."""
    if sd == 0:
        return np.full(n, float(np.clip(mean, low, high)))
    return truncnorm.rvs((low - mean) / sd, (high - mean) / sd, loc=mean, scale=sd, size=n, random_state=rng)


def umi_counts(
    true: np.ndarray,
    capture: np.ndarray,
    depth: np.ndarray,
    rate: np.ndarray,
    kept: np.ndarray,
    library_rate: float,
    cycles: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Count the captured molecules of which at least one copy is sequenced.

    The law of one molecule's copies is used as it is (`amplification.copies_law`), and molecules of a gene in a cell
    are alike, so the number of those that are seen is binomial. One thing is approximated: the sequenced share is the
    depth over the *expected* number of fragments, given the cell's captured molecules, instead of the number that
    amplification happens to give. Measured against a simulation of every molecule, the mean UMI count is low by about
    0.25 / n, where n is the number of the cell's captured molecules: 0.1 % for 200, while thousands are usual.

    Parameters
    ----------
    true
        True counts, cells x genes.
    capture
        Probability that a molecule is captured, per cell.
    depth
        Reads per cell.
    rate, kept
        Pre-amplification rate per cycle, and probability that a fragment is kept, per gene.
    library_rate
        Rate of the amplification of fragments.
    cycles
        Cycles of pre-amplification.
    rng
        Source of the draws.

    Returns
    -------
    numpy.ndarray
        Cells x genes, int32, nowhere more than `true`.
    """
    counts = np.empty(true.shape, dtype=np.int32)
    capture_stream, sequencing_stream = rng.spawn(2)
    fragments = mean_copies(rate, cycles) * kept * (1 + library_rate) ** RANDOM_LIBRARY_CYCLES
    expected = np.empty(len(true))
    for rows in chunks(*true.shape):
        counts[rows] = capture_stream.binomial(true[rows], capture[rows, None])
        expected[rows] = counts[rows] @ fragments
    # The sequenced share of all copies; a library smaller than the depth is read completely.
    later = (1 + library_rate) ** (LIBRARY_CYCLES - 1)
    with np.errstate(divide="ignore"):
        reads = -later * np.log1p(-np.minimum(depth / np.maximum(expected * later, 1), 1))
    finite = reads[np.isfinite(reads)]
    lowest, highest = (finite.min(), finite.max()) if len(finite) else (1.0, 1.0)
    knots = np.linspace(np.log(lowest), np.log(highest) + 1e-9, READS_KNOTS)
    unseen = unseen_probability(np.append(np.exp(knots), np.inf), rate, kept, cycles, library_rate).T
    place = (np.log(np.where(np.isfinite(reads), reads, 1)) - knots[0]) / (knots[1] - knots[0])
    below = np.clip(place.astype(np.int64), 0, len(knots) - 2)
    share = place - below
    for rows in chunks(*true.shape):
        between = share[rows, None]
        missed = (1 - between) * unseen[below[rows]] + between * unseen[below[rows] + 1]
        missed[np.isinf(reads[rows])] = unseen[-1]
        counts[rows] = sequencing_stream.binomial(counts[rows], 1 - missed.clip(0, 1))
    return counts


def batch_shifts(n_genes: int, n_batches: int, effect_size: float, rng: np.random.Generator) -> np.ndarray:
    """Log2 shift of every gene in every batch, (n_genes, n_batches): uniform within ± `effect_size` of a N(0, 1)."""
    centre = rng.standard_normal((n_genes, 1))
    return centre + rng.uniform(-effect_size, effect_size, (n_genes, n_batches))


def add_batches(
    counts: np.ndarray, batch: np.ndarray, shifts: np.ndarray, rng: np.random.Generator, cell_sd: float = 0.01
) -> np.ndarray:
    """Multiply counts (cells x genes) by 2^(shift of gene and batch + N(0, cell_sd²)) and round; int32."""
    shifted = np.empty_like(counts)
    for rows in chunks(*counts.shape):
        log2 = shifts.T[batch[rows]] + cell_sd * rng.standard_normal(counts[rows].shape)
        shifted[rows] = np.rint(counts[rows] * np.exp2(log2))
    return shifted
