"""Simulated cells (SymSim's model, `kratos.simulate`), reduced to the gene panel of the paper's Sec. 6.1."""

import re
from pathlib import Path
from typing import Literal

import anndata as ad
import numpy as np
from scipy import sparse

from kratos.datasets._counts import log_normalize
from kratos.errors import KratosError

NORMALIZE = ("none", "log1p", "log_normalize")


def load(
    files: dict[str, Path] | None = None,
    *,
    n_cells: int = 500,
    n_genes: int = 2000,
    n_causal: int = 20,
    n_dependent: int = 20,
    n_noise: int = 100,
    max_noise_log2fc: float = 1.0,
    max_causes: int = 10,
    sigma: float = 0.4,
    n_evf: int = 10,
    n_de_evf: int = 9,
    vary: list[str] | None = None,
    gene_effect_probability: float = 0.3,
    bimodality: float = 0.0,
    high_expression_fraction: float = 0.015,
    protocol: Literal["true", "umi"] = "true",
    capture_rate: float = 0.05,
    capture_rate_sd: float = 0.02,
    depth: float = 50000.0,
    depth_sd: float = 3000.0,
    n_batches: int = 1,
    batch_effect_size: float = 1.0,
    normalize: Literal["none", "log1p", "log_normalize"] = "log_normalize",
    seed: int = 0,
) -> ad.AnnData:
    """Simulate five populations of cells and choose the panel of causal, dependent and noise genes.

    Parameters
    ----------
    files
        None needed. SymSim's ``param_realdata.zeisel.imputed.RData``, or a CSV table of quantiles, takes the place of
        the built-in kinetic densities; a file with ``len`` or ``lengths`` as a word of its key or name
        (``gene_len_pool.RData``) that of the built-in gene lengths.
    n_cells, n_genes
        Cells, and genes from which the panel is chosen.
    n_causal, n_dependent, n_noise, max_noise_log2fc, max_causes
        The panel; see `kratos.simulate.panel`.
    sigma, n_evf, n_de_evf, vary, gene_effect_probability, bimodality, high_expression_fraction, protocol, \
capture_rate, capture_rate_sd, depth, depth_sd, n_batches, batch_effect_size
        The model; see `kratos.simulate.simulate` for meanings and units. `vary` None: only s.
    normalize
        ``none``: ``X`` is the counts; ``log1p``: log(1 + counts); ``log_normalize``: each cell scaled to 10,000 counts
        over the panel first.
    seed
        Seed of the cells and of the panel.

    Returns
    -------
    anndata.AnnData
        Cells x panel genes, CSR float32, with ``layers["counts"]``, ``obs["cell_type"]``, ``obs["total_counts"]`` over
        the panel, ``var["role"]`` and what else `kratos.simulate.panel` gives.

    Raises
    ------
    KratosError
        For a parameter out of range or an unreadable file.
    """
    from kratos.simulate.genes import panel
    from kratos.simulate.kinetics import read_gene_lengths, read_kinetics
    from kratos.simulate.simulator import simulate

    if normalize not in NORMALIZE:
        raise KratosError(f"symsim: normalize is {normalize!r}; choose one of {', '.join(NORMALIZE)}")
    kinetics, lengths = _by_role(files or {})
    adata = simulate(
        n_cells=n_cells,
        n_genes=n_genes,
        sigma=sigma,
        n_evf=n_evf,
        n_de_evf=n_de_evf,
        vary=("s",) if vary is None else vary,
        gene_effect_probability=gene_effect_probability,
        bimodality=bimodality,
        high_expression_fraction=high_expression_fraction,
        protocol=protocol,
        capture_rate=capture_rate,
        capture_rate_sd=capture_rate_sd,
        depth=depth,
        depth_sd=depth_sd,
        gene_lengths=read_gene_lengths(lengths) if lengths else None,
        n_batches=n_batches,
        batch_effect_size=batch_effect_size,
        kinetics=read_kinetics(kinetics),
        seed=seed,
    )
    adata = panel(adata, n_causal, n_dependent, n_noise, max_noise_log2fc, seed, max_causes)
    counts = sparse.csr_matrix(adata.layers["counts"], dtype=np.float32)
    adata.layers["counts"] = counts
    adata.obs["total_counts"] = adata.X.sum(axis=1, dtype=np.float64).astype(np.int64)
    adata.X = {"none": counts.copy, "log1p": counts.log1p, "log_normalize": lambda: log_normalize(counts)}[normalize]()
    return adata


def _by_role(files: dict[str, Path]) -> tuple[Path | None, Path | None]:
    """The file of kinetic densities and that of gene lengths."""
    lengths = {
        key for key, path in files.items() if {"len", "lengths"} & set(re.split(r"[\W_]+", f"{key} {Path(path).name}"))
    }
    kinetics = files.keys() - lengths
    if len(lengths) > 1 or len(kinetics) > 1:
        given = ", ".join(f"{key}: {path}" for key, path in files.items())
        raise KratosError(
            f"symsim: give at most one file of kinetic densities and one of gene lengths (given: {given})"
        )
    return next((files[key] for key in kinetics), None), next((files[key] for key in lengths), None)
