"""The simulated gene panel of the Kratos paper (Sec. 6.1): causal, dependent and noise genes."""

import anndata as ad
import numpy as np
import pandas as pd

from kratos.errors import KratosError
from kratos.simulate.population import max_abs_log2_fold_change

ROLES = ("causal", "dependent", "noise")
LEAST_WEIGHT, LARGEST_WEIGHT = 0.01, 0.8
"""Range of the weights of a dependent gene's causal genes."""


def panel(
    adata: ad.AnnData,
    n_causal: int = 20,
    n_dependent: int = 20,
    n_noise: int = 100,
    max_noise_log2fc: float = 1.0,
    seed: int = 0,
    max_causes: int = 10,
) -> ad.AnnData:
    """Choose causal and noise genes of simulated cells, and add dependent genes.

    A gene may be causal when a differing EVF has an effect on it; the genes with the largest fold change between any
    two populations are. A dependent gene is the sum of 1 to `max_causes` random causal genes' counts, with weights
    U(0.01, 0.8), plus N(0, 1), rounded to a whole number and at least 0.

    Parameters
    ----------
    adata
        What `kratos.simulate.simulate` returns.
    n_causal, n_dependent, n_noise
        Genes of each kind.
    max_noise_log2fc
        Noise genes are drawn from those without an effect of a differing EVF, or with at most this |log2 fold change|
        of the expected expression between any two populations. 0: only from those without an effect, 4 % of the
        genes with the default settings. The default 1 (twofold) fits the noise genes of the authors' published file.
    seed
        Seed of all random numbers.
    max_causes
        Largest number of causal genes of a dependent gene (Sec. 6.1: 10).

    Returns
    -------
    anndata.AnnData
        The same cells x (causal, dependent, noise genes, in this order), ``X`` (float32) and ``layers["counts"]``
        (int32) with counts. ``var``: role, n_de_effects (0 for a dependent gene: it has none of its own),
        max_abs_log2fc. ``varm``: expected (genes, K), in which a dependent gene has the weighted sum of its causal
        genes; causal_weight (genes, n_causal), in the order of the causal genes, 0 where there is no dependence.

    Raises
    ------
    KratosError
        When there are not enough genes of a kind, or a parameter is out of range.

    References
    ----------
    Kratos paper, Sec. 6.1.
    """
    limits = {"n_causal": (n_causal, 1), "n_dependent": (n_dependent, 0), "n_noise": (n_noise, 0)}
    for name, (value, least) in {**limits, "max_causes": (max_causes, 1)}.items():
        if value < least:
            raise KratosError(f"{name} is {value}; it must be at least {least}")
    if max_noise_log2fc < 0:
        raise KratosError(f"max_noise_log2fc is {max_noise_log2fc}; it must be at least 0")
    rng = np.random.default_rng(seed)
    change = adata.var["max_abs_log2fc"].to_numpy()
    affected = (adata.var["n_de_effects"].to_numpy() > 0) & (change > 0)
    candidates = np.flatnonzero(affected)
    if len(candidates) < n_causal:
        raise KratosError(
            f"{len(candidates)} genes have an effect of a differing EVF, for n_causal {n_causal}; simulate more genes, "
            "or raise n_de_evf or gene_effect_probability"
        )
    causal = candidates[np.argsort(-change[candidates], kind="stable")[:n_causal]]
    quiet = np.setdiff1d(np.flatnonzero(~affected | (change <= max_noise_log2fc)), causal)
    if len(quiet) < n_noise:
        raise KratosError(
            f"{len(quiet)} genes can be noise genes, for n_noise {n_noise}; simulate more genes, or raise "
            f"max_noise_log2fc above {max_noise_log2fc}"
        )
    noise = rng.choice(quiet, n_noise, replace=False)

    weights = np.zeros((n_dependent, n_causal))
    for row in weights:
        causes = rng.choice(n_causal, rng.integers(1, min(max_causes, n_causal) + 1), replace=False)
        row[causes] = rng.uniform(LEAST_WEIGHT, LARGEST_WEIGHT, len(causes))
    counts = np.asarray(adata.layers["counts"])
    sums = counts[:, causal] @ weights.T + rng.standard_normal((adata.n_obs, n_dependent))
    dependent = np.rint(sums).clip(min=0).astype(np.int32)
    counts = np.concatenate([counts[:, causal], dependent, counts[:, noise]], axis=1)

    expected = adata.varm["expected"]
    expected = np.concatenate([expected[causal], weights @ expected[causal], expected[noise]])
    roles = np.repeat(ROLES, (n_causal, n_dependent, n_noise))
    var = pd.DataFrame(
        {
            "role": pd.Categorical(roles, categories=list(ROLES)),
            "n_de_effects": np.zeros(len(roles), dtype=np.int64),
            "max_abs_log2fc": max_abs_log2_fold_change(expected),
        },
        index=[
            *adata.var_names[causal],
            *(f"dependent {i + 1}" for i in range(n_dependent)),
            *adata.var_names[noise],
        ],
    )
    var.loc[roles != "dependent", "n_de_effects"] = adata.var["n_de_effects"].to_numpy()[[*causal, *noise]]
    causal_weight = np.zeros((len(roles), n_causal))
    causal_weight[roles == "dependent"] = weights
    return ad.AnnData(
        X=counts.astype(np.float32),
        obs=adata.obs.copy(),
        var=var,
        varm={"expected": expected, "causal_weight": causal_weight},
        uns={**adata.uns, "panel": {"max_noise_log2fc": float(max_noise_log2fc), "seed": seed}},
        layers={"counts": counts},
    )
