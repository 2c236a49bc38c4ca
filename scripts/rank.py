"""Rank every cell type's genes by one method, on all cells and on the training cells."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from kratos.files import write_parquet
from kratos.job import job
from kratos.plugins import plugin
from kratos.sample import read_sample
from kratos.seeds import derive_seed

log = logging.getLogger(__name__)
GENE_COLUMNS = ("role", "row", "col")


def main(cells: str, model: str | None, spec: dict[str, Any], identity: dict[str, Any], output: str) -> None:
    """Write the ranking of the method that `spec` describes; `identity` has dataset, method and seed."""
    origin = spec.get("seeded_as", identity["dataset"])
    # The same cells for every method, so that methods are compared on equal terms.
    drawn = derive_seed(origin, "sample", identity["seed"])
    sample = read_sample(cells, spec["maximum_cells_per_type"], seed=drawn)
    adata = sample.adata
    seed = derive_seed(origin, identity["method"], identity["seed"])
    frames = []
    for protocol in spec["protocols"]:
        log.info("protocol %s", protocol)
        # crossval ranks on the cells that it is evaluated on, as the paper does; heldout never sees test cells.
        subset = adata if protocol == "crossval" else adata[(adata.obs["split"] != "test").to_numpy()].copy()
        frames.append(describe_genes(rank_once(subset, model, spec, seed), subset).assign(protocol=protocol))
    write_parquet(output, pd.concat(frames, ignore_index=True).assign(**sample.sizes, **identity))


def describe_genes(ranking: pd.DataFrame, adata: Any) -> pd.DataFrame:
    """Add each gene's mean in the ranked type, and what the data set knows of it (a role, a pixel's place)."""
    labels = adata.obs["cell_type"].astype(str).to_numpy()
    types = ranking["cell_type"].unique()
    means = pd.DataFrame(
        {t: np.asarray(adata.X[labels == t].mean(axis=0)).ravel() for t in types if (labels == t).any()},
        index=adata.var_names,
    )
    long = means.rename_axis("gene").reset_index().melt("gene", var_name="cell_type", value_name="mean")
    ranking = ranking.merge(long, on=["cell_type", "gene"], how="left", validate="many_to_one")
    known = adata.var[[column for column in GENE_COLUMNS if column in adata.var]]
    return ranking.join(known, on="gene")


def rank_once(adata: Any, model: str | None, spec: dict[str, Any], seed: int) -> pd.DataFrame:
    """Rank genes on `adata` by a model with an explainer, or by a ranker."""
    method = spec["method"]
    if model is None:
        return plugin("rank", method["ranker"]).rank(adata, seed=seed, **method["params"])
    from kratos.explain.ranking import explain_types
    from kratos.models.base import load_model

    explainer = spec["explainer"]
    return explain_types(
        load_model(model, list(adata.var_names)),
        adata,
        explainer["kind"],
        explainer["params"],
        seed=seed,
        explained_input=method["explained_input"],
        pairs=method.get("pairs"),
    )


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        wildcards = smk.wildcards
        main(
            smk.input.cells,
            smk.input.get("model") or None,
            smk.params.spec,
            {"dataset": wildcards.dataset, "method": wildcards.method, "seed": int(wildcards.seed)},
            smk.output[0],
        )
