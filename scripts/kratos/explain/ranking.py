"""Explain every cell type of a data set, and put genes in order."""

import logging
import math
from collections.abc import Callable, Iterable, Mapping
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
from kratos.threads import one_thread

log = logging.getLogger(__name__)


@one_thread()
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
    for tensor in model.parameters():
        tensor.requires_grad_(False)
    module = plugin("explain", explainer)
    labels = adata.obs["cell_type"].astype(str).to_numpy()

    def cells_of(cell_type: str) -> torch.Tensor:
        x = torch.from_numpy(to_dense(adata.X[np.flatnonzero(labels == cell_type)])).double()
        return model.prepare(x) if explained_input == "prepared" else x

    if getattr(module, "SCOPE", "type") == "model":
        explanations = _explain_together(model, cells_of, module.explain, parameters, seed)
    else:
        wanted = [(t, "") for t in model.cell_types] if pairs is None else [tuple(map(str, p)) for p in pairs]
        explanations = {
            (cell_type, target): _explain_type(
                model, cells_of(cell_type), cell_type, target, module.explain, parameters, derive_seed(cell_type, seed)
            )
            for cell_type, target in wanted
        }
    frames = []
    for (cell_type, target), explanation in explanations.items():
        name = f"{cell_type} to {target}" if target else cell_type
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
                target=target,
                n_cells=int(explanation.log.get("cells", 0)),
                note=explanation.note,
            )
        )
    return pd.concat(frames, ignore_index=True)


@torch.no_grad()
def _correct(model: CellModel, x: torch.Tensor, columns: list[int]) -> torch.Tensor:
    """Mask of the cells (n, p) that the model assigns to one of `columns` (Algorithm 1, step 2)."""
    assigned = model.scores(x).argmax(dim=1) if len(x) else torch.zeros(0, dtype=torch.long)
    return torch.isin(assigned, torch.tensor(columns, dtype=torch.long))


def _explain_together(
    model: CellModel, cells_of: Callable[[str], torch.Tensor], explain: Any, parameters: Mapping[str, Any], seed: int
) -> dict[tuple[str, str], Explanation]:
    """Explain all types at once, for explainers that compare the groups with one another."""
    x_by_type, explanations = {}, {}
    for cell_type in model.cell_types:
        x = cells_of(cell_type)
        correct = _correct(model, x, model.columns_of(cell_type))
        if correct.any():
            x_by_type[cell_type] = x[correct]
        else:
            note = f"none of its {len(x)} cells is assigned to it"
            explanations[cell_type, ""] = failed(len(model.genes), note)
    found = explain(model, x_by_type, seed=seed, **parameters)
    return {**explanations, **{(cell_type, ""): explanation for cell_type, explanation in found.items()}}


def _explain_type(
    model: CellModel,
    x: torch.Tensor,
    cell_type: str,
    target: str,
    explain: Any,
    parameters: Mapping[str, Any],
    seed: int,
) -> Explanation:
    columns = model.columns_of(cell_type)
    if not columns:
        return failed(x.shape[1], "no group of the model stands for this type")
    extra = {"target": model.columns_of(target)} if target else {}
    if target and not extra["target"]:
        return failed(x.shape[1], f"no group of the model stands for the target type {target}")
    correct = _correct(model, x, columns)
    if not correct.any():
        return failed(x.shape[1], f"none of its {len(x)} cells is assigned to it")
    explanation = explain(model, x[correct], columns, seed=seed, **parameters, **extra)
    broken = [name for name, value in explanation.log.items() if isinstance(value, float) and not math.isfinite(value)]
    if broken:
        log.warning("%s: non-finite %s", cell_type, ", ".join(broken))
    return explanation
