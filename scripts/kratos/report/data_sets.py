"""The data sets as the page shows them: sizes, cell types, split, and where the files come from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anndata as ad
import pandas as pd

from kratos.receipts import cells_source


def describe(cells: str | Path, spec: Mapping[str, Any], resources: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Facts about one data set.

    Parameters
    ----------
    cells
        ``results/<data set>/cells.h5ad``; its matrices are not read.
    spec
        The data set's entry of the configuration.
    resources
        Upstream files of the configuration.
    """
    name, source = Path(cells).parent.name, cells_source(cells)
    adata = ad.read_h5ad(cells, backed="r")
    types, split = adata.obs["cell_type"].value_counts(), adata.obs["split"].value_counts()
    sizes = {"n_cells": adata.n_obs, "n_genes": adata.n_vars, "partial": adata.uns.get("partial", "")}
    adata.file.close()
    return {
        "name": name,
        "title": spec.get("title") or name,
        "loader": spec["loader"],
        "params": ", ".join(f"{key} = {value}" for key, value in spec.get("params", {}).items()),
        "cell_types": [(str(key), int(count)) for key, count in types.items()],
        "split": [(str(key), int(count)) for key, count in split.items()],
        "files": [(file, resources.get(file, {}).get("url", ""), digest) for file, digest in source["files"].items()],
        "fingerprint": source["fingerprint"],
        **sizes,
    }


def overview(described: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per data set."""
    columns = {"title": "data set", "n_cells": "cells", "n_genes": "genes"}
    return pd.DataFrame(
        [
            {new: facts[old] for old, new in columns.items()}
            | {"cell types": len(facts["cell_types"])}
            | {f"{part} cells": dict(facts["split"]).get(part, 0) for part in ("train", "validation", "test")}
            | {"fingerprint": facts["fingerprint"][:12]}
            for facts in described
        ]
    )
