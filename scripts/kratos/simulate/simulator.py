"""The simulator as one function."""

from collections.abc import Sequence
from typing import Literal

import anndata as ad
import numpy as np
import pandas as pd

from kratos.errors import KratosError
from kratos.simulate import population as populations
from kratos.simulate import sequencing
from kratos.simulate.kinetics import MAX_ENTRIES, PARAMETERS, Kinetics, read_kinetics
from kratos.simulate.transcription import kinetic_parameters, population_expression, raise_expression, true_counts


def simulate(
    n_cells: int = 500,
    n_genes: int = 2000,
    population_sizes: Sequence[int] | None = None,
    correlation: Sequence[Sequence[float]] | np.ndarray = populations.FIVE_TIPS,
    sigma: float = 0.4,
    n_evf: int = 10,
    n_de_evf: int = 9,
    vary: Sequence[str] = ("s",),
    gene_effect_probability: float = 0.3,
    gene_effect_sd: float = 1.0,
    bimodality: float = 0.0,
    high_expression_fraction: float = 0.015,
    high_expression_log2_factor: float = 5.0,
    protocol: Literal["true", "umi"] = "true",
    capture_rate: float = 0.05,
    capture_rate_sd: float = 0.02,
    depth: float = 50_000,
    depth_sd: float = 3_000,
    gene_lengths: Sequence[int] | np.ndarray | None = None,
    pcr_cycles: int = 16,
    pcr_rate: float = 0.8,
    n_batches: int = 1,
    batch_effect_size: float = 1.0,
    kinetics: Kinetics | None = None,
    seed: int = 0,
) -> ad.AnnData:
    """Simulate transcript counts of cells from discrete populations (SymSim's model).

    Parameters
    ----------
    n_cells, n_genes
        Size of the data.
    population_sizes
        Cells per population, in the place of `n_cells`; None: equal sizes that add up to `n_cells`.
    correlation
        Correlation (K, K) of the K populations' mean EVFs; for a tree, the share of the root-to-tip way in common.
    sigma
        Standard deviation of an EVF among the cells of a population (EVFs have no unit; their mean is 1).
    n_evf, n_de_evf
        Extrinsic variability factors per kinetic parameter, and how many of those differ between populations in
        the parameters that vary.
    vary
        Kinetic parameters that differ between populations: any of "kon", "koff", "s".
    gene_effect_probability, gene_effect_sd
        Probability that an EVF has an effect on a gene, and the standard deviation of effects.
    bimodality
        By how much log10 of k_on and k_off is lowered in the first half of the genes (0 to 1).
    high_expression_fraction, high_expression_log2_factor
        Share of very highly expressed genes, and the largest log2 factor on their s.
    protocol
        "true": the transcripts in the cell. "umi": unique molecular identifiers after capture, amplification,
        fragmentation and sequencing.
    capture_rate, capture_rate_sd
        Mean and standard deviation over cells of the probability that a transcript is captured (normal, within
        0.0005 to 1).
    depth, depth_sd
        Mean and standard deviation over cells of the reads per cell (normal, at least 200).
    gene_lengths
        Transcript lengths in bases to draw the genes' lengths from; None: built-in quantiles of SymSim's pool.
    pcr_cycles, pcr_rate
        Cycles before fragmentation (1 to 18) and amplification rate per cycle; the bias of a gene within ± 0.2 is
        added to the rate, so it must lie in (0.2, 0.8].
    n_batches
        Batches, to which cells are assigned at random; with 1 there is no batch effect.
    batch_effect_size
        Half the range of a gene's log2 shift over batches.
    kinetics
        Densities of k_on, k_off and s (`kinetics.read_kinetics`); None: built-in quantiles from Zeisel et al. 2015.
    seed
        Seed of all random numbers.

    Returns
    -------
    anndata.AnnData
        Cells x genes. ``X`` (float32) and ``layers["counts"]`` (int32) hold the counts; `obs`: cell_type
        ("population 1" …), batch (with batches), capture_rate and depth (UMI); `var`: n_de_effects (non-zero effects
        of differing EVFs), max_abs_log2fc (of the expected expression, any two populations), highly_expressed,
        gene_length in bases and amplification_rate (UMI); ``varm["expected"]`` (n_genes, K): expected true count, the
        mean of s k_on / (k_on + k_off) over a population's cells (of s for highly expressed genes);
        ``uns["simulation"]``: the scalar parameters.

    Raises
    ------
    KratosError
        For a parameter out of range.

    References
    ----------
    Zhang, Xu and Yosef: Simulating multiple faceted variability in single cell RNA sequencing, Nature Communications
    10:2611 (2019).
    """
    settings = {key: value for key, value in locals().items() if isinstance(value, int | float | str)}
    _check(settings, tuple(vary))
    root = populations.correlation_root(correlation)
    sizes = _sizes(population_sizes, n_cells, len(root))
    if sum(sizes) * n_genes >= MAX_ENTRIES:
        raise KratosError(f"{sum(sizes)} cells x {n_genes} genes are 2**32 entries or more; simulate fewer")
    population = np.repeat(np.arange(len(sizes)), sizes)
    # One stream per step, so that a setting of a later step leaves the earlier ones as they are.
    parameter_rng, high_rng, count_rng, length_rng, cell_rng, umi_rng, batch_rng = np.random.default_rng(seed).spawn(7)

    model = kinetic_parameters(
        population,
        n_genes,
        root,
        kinetics or read_kinetics(),
        parameter_rng,
        sigma=sigma,
        n_evf=n_evf,
        n_de_evf=n_de_evf,
        vary=tuple(vary),
        effect_probability=gene_effect_probability,
        effect_sd=gene_effect_sd,
        bimodality=bimodality,
    )
    raise_expression(model, high_expression_fraction, high_expression_log2_factor, high_rng)
    expected = population_expression(model, population, len(sizes))
    counts = true_counts(model, count_rng)

    obs = pd.DataFrame(
        {"cell_type": pd.Categorical([f"population {i + 1}" for i in population])},
        index=[f"cell {i + 1}" for i in range(len(population))],
    )
    var = pd.DataFrame(
        {
            "n_de_effects": model.n_de_effects,
            "max_abs_log2fc": populations.max_abs_log2_fold_change(expected),
            "highly_expressed": model.constant,
        },
        index=[f"gene {i + 1}" for i in range(n_genes)],
    )
    del model
    if protocol == "umi":
        var["gene_length"] = sequencing.draw_gene_lengths(n_genes, gene_lengths, length_rng)
        var["amplification_rate"] = pcr_rate + sequencing.amplification_bias(var["gene_length"].to_numpy(), length_rng)
        obs["capture_rate"] = sequencing.truncated_normal(
            len(obs), capture_rate, capture_rate_sd, sequencing.MIN_CAPTURE, 1, cell_rng
        )
        obs["depth"] = sequencing.truncated_normal(len(obs), depth, depth_sd, sequencing.MIN_DEPTH, np.inf, cell_rng)
        counts = sequencing.umi_counts(
            counts,
            obs["capture_rate"].to_numpy(),
            obs["depth"].to_numpy(),
            var["amplification_rate"].to_numpy(),
            sequencing.fragment_kept(var["gene_length"].to_numpy()),
            pcr_rate,
            pcr_cycles,
            umi_rng,
        )
    if n_batches > 1:
        batch = batch_rng.integers(n_batches, size=len(obs))
        obs["batch"] = pd.Categorical([f"batch {i + 1}" for i in batch])
        shifts = sequencing.batch_shifts(n_genes, n_batches, batch_effect_size, batch_rng)
        counts = sequencing.add_batches(counts, batch, shifts, batch_rng)
    return ad.AnnData(
        X=counts.astype(np.float32),
        obs=obs,
        var=var,
        varm={"expected": expected},
        uns={"simulation": {**settings, "vary": ",".join(vary)}},
        layers={"counts": counts},
    )


def _sizes(given: Sequence[int] | None, n_cells: int, n_populations: int) -> list[int]:
    if given is None:
        if n_cells < n_populations:
            raise KratosError(f"n_cells is {n_cells} for {n_populations} populations; give at least one cell to each")
        return populations.split_cells(n_cells, n_populations)
    sizes = list(given)
    if len(sizes) != n_populations:
        raise KratosError(
            f"population_sizes has {len(sizes)} entries, correlation {n_populations} rows; give one size per population"
        )
    if min(sizes) < 1:
        raise KratosError(f"population_sizes has the entry {min(sizes)}; every population needs at least one cell")
    return sizes


def _check(settings: dict[str, int | float | str], vary: tuple[str, ...]) -> None:
    unlimited = np.inf
    limits = {
        "n_genes": (1, unlimited),
        "sigma": (0, unlimited),
        "n_evf": (1, unlimited),
        "n_de_evf": (0, settings["n_evf"]),
        "gene_effect_probability": (0, 1),
        "gene_effect_sd": (0, unlimited),
        "bimodality": (0, 1),
        "high_expression_fraction": (0, 1),
        "high_expression_log2_factor": (1, 10),
        "capture_rate": (sequencing.MIN_CAPTURE, 1),
        "capture_rate_sd": (0, unlimited),
        "depth": (sequencing.MIN_DEPTH, unlimited),
        "depth_sd": (0, unlimited),
        "pcr_cycles": (1, 18),
        "pcr_rate": (sequencing.MAX_BIAS + 0.01, 1 - sequencing.MAX_BIAS),
        "n_batches": (1, unlimited),
        "batch_effect_size": (0, unlimited),
        "seed": (0, unlimited),
    }
    for name, (low, high) in limits.items():
        if not low <= settings[name] <= high:
            allowed = f"at least {low}" if high == unlimited else f"between {low} and {high}"
            raise KratosError(f"{name} is {settings[name]}; it must be {allowed}")
    unknown = [name for name in vary if name not in PARAMETERS]
    if unknown:
        raise KratosError(f"vary has the entry {unknown[0]!r}; the kinetic parameters are {', '.join(PARAMETERS)}")
    if settings["protocol"] not in ("true", "umi"):
        raise KratosError(f"protocol is {settings['protocol']!r}; it must be 'true' or 'umi'")
