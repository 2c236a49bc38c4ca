"""Explain every cell type of a data set, and put genes in order."""

import logging
import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from anndata import AnnData

from kratos.explain.scoring import Explanation, failed
from kratos.matrices import to_dense
from kratos.models.base import CellModel
from kratos.plugins import plugin
from kratos.rank.order import ranking_rows
from kratos.seeds import derive_seed

log = logging.getLogger(__name__)


def explain_types(
    model: CellModel,
    adata: AnnData,
    explainer: str,
    parameters: Mapping[str, Any],
    *,
    seed: int,
    explained_input: Literal["prepared", "unprepared"] = "prepared",
    pairs: Iterable[tuple[str, str]] | None = None,
) -> pd.DataFrame:
    """Rank genes for each cell type by an explainer, on the cells that the model classifies correctly.

    Parameters
    ----------
    model
        The fitted model.
    adata
        Cells to explain, with ``obs["cell_type"]``; X (n, p).
    explainer, parameters
        Name of the explainer and its keyword parameters.
    seed
        Seed from which each type's own is derived.
    explained_input
        ``unprepared`` gives the network expression that its scaler has not seen, as the released code does.
    pairs
        One-vs-one: (type, target type) pairs instead of one-vs-rest for every type.

    Returns
    -------
    pandas.DataFrame
        See `kratos.rank.order.ranking_rows`. A type with nothing to explain has NaN scores, no ranks, and a note.
    """
    model.check_genes(list(adata.var_names))
    model = model.double()
    explain = plugin("explain", explainer).explain
    labels = adata.obs["cell_type"].astype(str).to_numpy()
    wanted = [(t, None) for t in model.cell_types] if pairs is None else [tuple(map(str, p)) for p in pairs]
    frames = []
    for cell_type, target in wanted:
        rows = np.flatnonzero(labels == cell_type)
        x = torch.from_numpy(to_dense(adata.X[rows])).double()
        x = model.prepare(x) if explained_input == "prepared" else x
        extra = {} if target is None else {"target": model.columns_of(target)}
        explanation = _explain_type(model, x, cell_type, explain, {**parameters, **extra}, derive_seed(cell_type, seed))
        name = cell_type if target is None else f"{cell_type} to {target}"
        if explanation.note:
            log.warning("%s, %s: %s", explainer, name, explanation.note)
        else:
            log.info("%s, %s: %s", explainer, name, explanation.log)
        frames.append(
            ranking_rows(
                adata.var_names,
                cell_type,
                explanation.score,
                effect=explanation.effect,
                target=target or "",
                n_cells=int(explanation.log.get("cells", 0)),
                note=explanation.note,
            )
        )
    return pd.concat(frames, ignore_index=True)


def _explain_type(
    model: CellModel, x: torch.Tensor, cell_type: str, explain: Any, parameters: dict[str, Any], seed: int
) -> Explanation:
    columns = model.columns_of(cell_type)
    if not columns:
        return failed(x.shape[1], "no group of the model stands for this type")
    if parameters.get("target") == []:
        return failed(x.shape[1], "no group of the model stands for the target type")
    for tensor in model.parameters():
        tensor.requires_grad_(False)
    with torch.no_grad():
        assigned = model.scores(x).argmax(dim=1) if len(x) else torch.zeros(0, dtype=torch.long)
    correct = torch.isin(assigned, torch.tensor(columns))
    if not correct.any():
        return failed(x.shape[1], f"none of its {len(x)} cells is assigned to it")
    explanation = explain(model, x[correct], columns, seed=seed, **parameters)
    broken = [name for name, value in explanation.log.items() if isinstance(value, float) and not math.isfinite(value)]
    if broken:
        log.warning("%s: non-finite %s", cell_type, ", ".join(broken))
    return explanation
