"""True transcript counts: kinetic parameters of every cell and gene, and counts from the Beta-Poisson model."""

from dataclasses import dataclass

import numpy as np

from kratos.simulate.kinetics import CHUNK, PARAMETERS, Kinetics, assign_parameter, chunks
from kratos.simulate.population import cell_factors, gene_effects


@dataclass
class Transcription:
    """What determines the true counts.

    Attributes
    ----------
    kon, koff, s
        Cells x genes, float32: per mRNA lifetime.
    n_de_effects
        Number of non-zero effects of differing EVFs on each gene, (n_genes,).
    constant
        Genes (mask) that are always on: their counts are Poisson(s).
    """

    kon: np.ndarray
    koff: np.ndarray
    s: np.ndarray
    n_de_effects: np.ndarray
    constant: np.ndarray


def kinetic_parameters(
    population: np.ndarray,
    n_genes: int,
    root: np.ndarray,
    kinetics: Kinetics,
    rng: np.random.Generator,
    *,
    sigma: float,
    n_evf: int,
    n_de_evf: int,
    vary: tuple[str, ...],
    effect_probability: float,
    effect_sd: float,
    bimodality: float,
) -> Transcription:
    """Draw EVFs and gene effects, and map their products onto the measured kinetic densities.

    Parameters are those of `kratos.simulate.simulate`; `population` is the index of each cell's population.
    """
    values, n_de_effects = {}, np.zeros(n_genes, dtype=np.int64)
    for parameter, stream in zip(PARAMETERS, rng.spawn(len(PARAMETERS)), strict=True):
        n_differing = n_de_evf if parameter in vary else 0
        factors = cell_factors(population, n_evf, n_differing, root, sigma, stream)
        effects = gene_effects(n_genes, n_evf, effect_probability, effect_sd, stream)
        n_de_effects += np.count_nonzero(effects[:, n_evf - n_differing :], axis=1)
        values[parameter] = assign_parameter(factors, effects, parameter, kinetics, stream)
        if parameter != "s":
            values[parameter][:, : n_genes // 2] *= np.float32(10**-bimodality)
    return Transcription(**values, n_de_effects=n_de_effects, constant=np.zeros(n_genes, dtype=bool))


def raise_expression(model: Transcription, fraction: float, log2_factor: float, rng: np.random.Generator) -> None:
    """Make a random `fraction` of the genes very highly expressed, in place.

    Their s is multiplied by 2^(log2_factor - (1 - rank / n)), where rank orders the n genes by total s, and they stay
    on: their counts become Poisson(s).
    """
    n = int(np.ceil(fraction * model.s.shape[1]))
    if n == 0:
        return
    genes = rng.choice(model.s.shape[1], n, replace=False)
    rank = 1 + np.argsort(np.argsort(model.s[:, genes].sum(axis=0, dtype=np.float64)))
    model.s[:, genes] *= np.exp2(log2_factor - (1 - rank / n)).astype(np.float32)
    model.constant[genes] = True


def population_expression(model: Transcription, population: np.ndarray, n_populations: int) -> np.ndarray:
    """Expected true count, averaged over each population's cells, (n_genes, K): s k_on / (k_on + k_off), or s."""
    total = np.zeros((n_populations, model.s.shape[1]))
    for rows in chunks(*model.s.shape):
        on, off, s = model.kon[rows], model.koff[rows], model.s[rows]
        membership = np.equal.outer(np.arange(n_populations), population[rows]).astype(np.float64)
        share_on = on / (on + off)
        share_on[:, model.constant] = 1
        total += membership @ (s * share_on).astype(np.float64)
    return (total / np.bincount(population, minlength=n_populations)[:, None]).T


def true_counts(model: Transcription, rng: np.random.Generator, chunk: int = CHUNK) -> np.ndarray:
    """Draw Poisson(s · Beta(k_on, k_off)) for every cell and gene; Poisson(s) for genes that stay on.

    Parameters
    ----------
    model
        Kinetic parameters, cells x genes.
    rng
        Source of the draws.
    chunk
        Entries per step: bounds the working memory (about 40 bytes an entry), without effect on the result.

    Returns
    -------
    numpy.ndarray
        Cells x genes, int32.
    """
    counts = np.empty(model.s.shape, dtype=np.int32)
    # One stream per kind of draw: each is then used in the order of the cells, whatever the size of the chunks.
    open_stream, count_stream = rng.spawn(2)
    for rows in chunks(*counts.shape, chunk):
        share_open = open_stream.beta(model.kon[rows], model.koff[rows])
        share_open[:, model.constant] = 1
        share_open *= model.s[rows]
        counts[rows] = count_stream.poisson(share_open)
    return counts
