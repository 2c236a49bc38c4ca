"""Cell populations and the extrinsic variability factors (EVFs) of their cells; the genes' response to them."""

from collections.abc import Sequence

import numpy as np

from kratos.errors import KratosError

FIVE_TIPS = (
    (1.0, 0.0, 0.0, 0.0, 0.0),
    (0.0, 1.0, 2 / 3, 7 / 18, 7 / 18),
    (0.0, 2 / 3, 1.0, 7 / 18, 7 / 18),
    (0.0, 7 / 18, 7 / 18, 1.0, 10 / 11),
    (0.0, 7 / 18, 7 / 18, 10 / 11, 1.0),
)
"""Correlation of population means on SymSim's five-tip tree: the share of the way from the root that two tips share."""

EVF_CENTRE = 1.0
"""Mean of every EVF over the populations (SymSim's default)."""


def split_cells(n_cells: int, n_populations: int) -> list[int]:
    """Sizes of populations that differ by at most one cell, the first ones larger."""
    share, rest = divmod(n_cells, n_populations)
    return [share + (i < rest) for i in range(n_populations)]


def correlation_root(correlation: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """Symmetric square root (K, K) of a correlation matrix, which may be singular.

    Raises
    ------
    KratosError
        When it is no correlation matrix.
    """
    matrix = np.asarray(correlation, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] < 1:
        raise KratosError(f"correlation has the shape {matrix.shape}; give a square matrix, one row per population")
    if not np.allclose(matrix, matrix.T) or not np.allclose(np.diag(matrix), 1):
        raise KratosError("correlation is not a correlation matrix; it must be symmetric with ones on the diagonal")
    values, vectors = np.linalg.eigh(matrix)
    if values[0] < -1e-8:
        raise KratosError(
            f"correlation has the negative eigenvalue {values[0]:.3g}; no tree has such a matrix, correct its entries"
        )
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T


def population_means(n_factors: int, root: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Means of `n_factors` differing EVFs in K populations, multivariate normal around `EVF_CENTRE`.

    Parameters
    ----------
    n_factors
        Number of independent EVFs.
    root
        Symmetric square root (K, K) of the populations' correlation matrix.
    rng
        Source of the draws.

    Returns
    -------
    numpy.ndarray
        (n_factors, K).
    """
    return EVF_CENTRE + rng.standard_normal((n_factors, len(root))) @ root


def cell_factors(
    population: np.ndarray, n_evf: int, n_differing: int, root: np.ndarray, sigma: float, rng: np.random.Generator
) -> np.ndarray:
    """EVFs of every cell for one kinetic parameter; the last `n_differing` differ between populations.

    Parameters
    ----------
    population
        Index of each cell's population, (n_cells,).
    n_evf, n_differing
        Number of EVFs, and of those that differ.
    root
        Symmetric square root (K, K) of the populations' correlation matrix.
    sigma
        Standard deviation within a population.
    rng
        Source of the draws.

    Returns
    -------
    numpy.ndarray
        (n_cells, n_evf).
    """
    factors = np.full((len(population), n_evf), EVF_CENTRE)
    if n_differing:
        factors[:, n_evf - n_differing :] = population_means(n_differing, root, rng)[:, population].T
    factors += sigma * rng.standard_normal(factors.shape)
    return factors


def gene_effects(n_genes: int, n_evf: int, probability: float, sd: float, rng: np.random.Generator) -> np.ndarray:
    """Effects (n_genes, n_evf) of EVFs on a kinetic parameter: non-zero with `probability`, then N(0, sd²)."""
    effects = sd * rng.standard_normal((n_genes, n_evf))
    effects[rng.random((n_genes, n_evf)) >= probability] = 0
    return effects


def max_abs_log2_fold_change(population_mean: np.ndarray) -> np.ndarray:
    """Largest |log2 fold change| between any two populations, from (n_genes, K) positive means to (n_genes,).

    Over all pairs that is the highest over the lowest mean.
    """
    return np.log2(population_mean.max(axis=1) / population_mean.min(axis=1))
