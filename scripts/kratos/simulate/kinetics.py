"""Kinetic parameters of transcription: densities measured on real cells, and their assignment to cells and genes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d

from kratos.errors import KratosError

PARAMETERS = ("kon", "koff", "s")
"""Gene switching on, switching off (both per mRNA lifetime), and transcripts per mRNA lifetime while on."""

DEFAULT_QUANTILES = Path(__file__).with_name("zeisel_quantiles.csv")
"""Table of quantiles that `simulate` uses when no other densities are given."""

CUT = 3
"""Bandwidths by which a density extends beyond its data, as in R's ``density``."""

CHUNK = 2_000_000
"""Entries (cells times genes) that are handled at a time; results do not depend on it."""

MAX_ENTRIES = 2**32
SCORE_STEPS = 2**22
"""Limits of the integer that holds a score (|score| < 512, in steps of 2**-22) and its position."""


@dataclass(frozen=True)
class Kinetics:
    """Distributions of log10 k_on, log10 k_off and log10 s.

    Parameters
    ----------
    cumulative
        For each of `PARAMETERS` the cumulative probabilities (m,), rising from 0 to 1.
    values
        For each of `PARAMETERS` the log10 values (m,) at these probabilities.
    """

    cumulative: Mapping[str, np.ndarray]
    values: Mapping[str, np.ndarray]

    def ordered(self, n: int, parameter: str, rng: np.random.Generator) -> np.ndarray:
        """Draw `n` log10 values of a parameter in ascending order, (n,).

        The order statistics of uniform numbers are partial sums of exponential ones, so nothing is sorted.
        """
        partial = rng.standard_exponential(n + 1)
        np.cumsum(partial, out=partial)
        partial /= partial[-1]
        return np.interp(partial[:n], self.cumulative[parameter], self.values[parameter])


def read_kinetics(path: str | Path | None = None) -> Kinetics:
    """Read kinetic densities: SymSim's RData file, or a table of quantiles.

    Parameters
    ----------
    path
        ``param_realdata.zeisel.imputed.RData`` (78,120 rows of k_on, k_off, s from Zeisel et al. 2015; the density is
        a Gaussian kernel estimate of the log10 values with R's default bandwidth), or a CSV file with the columns
        quantile, log10_kon, log10_koff, log10_s. None: the table that comes with the package.

    Raises
    ------
    KratosError
        For a missing file, another kind of file, or one without the expected content.
    """
    path = Path(path) if path else DEFAULT_QUANTILES
    if not path.is_file():
        raise KratosError(f"{path} does not exist; download it, or leave it out to use the built-in quantiles")
    if path.suffix.lower() == ".csv":
        return _from_quantiles(path)
    if path.suffix.lower() == ".rdata":
        return _from_samples(_read_rdata(path, "match_params", 2), path)
    raise KratosError(f"{path}: kinetic densities come as .RData or .csv, not {path.suffix or 'a file without suffix'}")


def read_gene_lengths(path: str | Path) -> np.ndarray:
    """Read SymSim's pool of transcript lengths (``gene_len_pool.RData``), in bases, int64 (n,).

    Raises
    ------
    KratosError
        For a missing file or one without the expected content.
    """
    lengths = _read_rdata(Path(path), "gene_len_pool", 1)
    if lengths.min() <= 0:
        raise KratosError(f"{path}: a gene length of {lengths.min():g} bases; lengths must be positive")
    return lengths.astype(np.int64)


def assign_parameter(
    factors: np.ndarray, effects: np.ndarray, parameter: str, kinetics: Kinetics, rng: np.random.Generator
) -> np.ndarray:
    """Kinetic parameter of every cell and gene: the score with rank r gets the r-th smallest of as many draws.

    Parameters
    ----------
    factors
        Extrinsic variability factors, (n_cells, n_evf).
    effects
        Gene effects, (n_genes, n_evf). A gene without any has the score 0 in every cell; such scores share the draw
        at the mean of their ranks.
    parameter
        One of `PARAMETERS`.
    kinetics
        The densities.
    rng
        Source of the draws.

    Returns
    -------
    numpy.ndarray
        (n_cells, n_genes), per mRNA lifetime, float32.
    """
    n_cells, n_genes = len(factors), len(effects)
    keys = np.empty((n_cells, n_genes), dtype=np.int64)
    n_below = 0
    for rows in chunks(n_cells, n_genes):
        # Rounded, so that the last bits of a matrix product, which differ between machines, do not change the order.
        keys[rows] = np.rint(factors[rows] @ effects.T * SCORE_STEPS)
        n_below += int((keys[rows] < 0).sum())
    # Score and position in one integer: sorting those is faster than an argsort, and equal scores keep their order.
    order = keys.reshape(-1)
    order <<= 32
    order |= np.arange(order.size)
    order.sort()
    order &= 0xFFFFFFFF
    draws = np.power(10, kinetics.ordered(order.size, parameter, rng)).astype(np.float32)
    values = np.empty((n_cells, n_genes), dtype=np.float32)
    values.reshape(-1)[order] = draws
    without = ~effects.any(axis=1)
    if without.any():
        values[:, without] = draws[n_below + (int(without.sum()) * n_cells - 1) // 2]
    return values


def chunks(n_cells: int, n_genes: int, chunk: int = CHUNK) -> list[slice]:
    """Consecutive rows of a cells x genes matrix, about `chunk` entries each."""
    step = max(1, chunk // n_genes)
    return [slice(start, min(start + step, n_cells)) for start in range(0, n_cells, step)]


def _read_rdata(path: Path, name: str, n_dimensions: int) -> np.ndarray:
    import rdata  # only this format needs it

    if not path.is_file():
        raise KratosError(f"{path} does not exist; download it from the SymSim repository")
    try:
        content = rdata.read_rda(path)
    except Exception as error:  # the parser raises many kinds for a damaged file
        raise KratosError(f"{path} is not a readable RData file ({error}); download it again") from error
    if name not in content:
        raise KratosError(f"{path} holds {', '.join(content) or 'nothing'}, not '{name}'; download the file again")
    array = np.asarray(content[name], dtype=np.float64)
    if array.ndim != n_dimensions or (n_dimensions == 2 and array.shape[1] != len(PARAMETERS)) or not array.size:
        raise KratosError(f"{path}: '{name}' has the shape {array.shape}; download the file again")
    if not np.isfinite(array).all():
        raise KratosError(f"{path}: '{name}' has values that are not finite; download the file again")
    return array


def _from_samples(samples: np.ndarray, path: Path) -> Kinetics:
    if samples.min() <= 0:
        raise KratosError(f"{path}: a kinetic parameter of {samples.min():g}; all of them must be positive")
    cumulative, values = {}, {}
    for parameter, column in zip(PARAMETERS, np.log10(samples).T, strict=True):
        spread = min(column.std(ddof=1), np.subtract(*np.quantile(column, [0.75, 0.25])) / 1.34)
        bandwidth = 0.9 * spread * len(column) ** -0.2
        low, high = column.min() - CUT * bandwidth, column.max() + CUT * bandwidth
        n_bins = int(np.ceil((high - low) / (bandwidth / 40)))
        counts, edges = np.histogram(column, bins=n_bins, range=(low, high))
        density = gaussian_filter1d(counts.astype(float), bandwidth / (edges[1] - edges[0]), mode="constant")
        cumulative[parameter] = np.concatenate([[0.0], np.cumsum(density) / density.sum()])
        values[parameter] = edges
    return Kinetics(cumulative, values)


def _from_quantiles(path: Path) -> Kinetics:
    columns = ["quantile", *(f"log10_{parameter}" for parameter in PARAMETERS)]
    try:
        table = pd.read_csv(path)[columns].to_numpy(dtype=np.float64)
    except (KeyError, ValueError) as error:
        raise KratosError(f"{path}: {error}; the table needs the numeric columns {', '.join(columns)}") from error
    probabilities = table[:, 0]
    rising = (np.diff(table, axis=0) > 0).all() and len(table) > 2
    if not rising or probabilities[0] != 0 or probabilities[-1] != 1:
        raise KratosError(f"{path}: 'quantile' must rise from 0 to 1, and the values with it")
    return Kinetics(dict.fromkeys(PARAMETERS, probabilities), dict(zip(PARAMETERS, table[:, 1:].T, strict=True)))
