"""Does a perturbation found on training cells move test cells, for its own network and for another one (Sec. 6.4)?"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from anndata import AnnData

from kratos.errors import KratosError
from kratos.evaluate.pixels import keep_extremes
from kratos.matrices import to_dense
from kratos.models.base import CellModel

PERMUTATIONS = 20
TRANSFER_COLUMNS = ["cell_type", "target", "model", "change", "clipped", "n_cells", "own", "read_as_target"]


def transfer_rows(
    adata: AnnData,
    ranking: pd.DataFrame,
    models: Mapping[str, CellModel],
    *,
    fraction: float,
    seed: int,
) -> pd.DataFrame:
    """Share of perturbed test cells that each model assigns to the target type, for every one-vs-one pair.

    Parameters
    ----------
    adata
        Cells with ``obs["cell_type"]`` and ``obs["split"]``; X (n, p).
    ranking
        Rows of a one-vs-one method (Eq. 13) whose effect is a perturbation δ of the model's input; those of protocol
        ``heldout``, found without test cells, are used.
    models
        Models by name: the one that was explained, and others.
    fraction
        Share of the genes that is kept at either end of δ for the change ``extremes`` (25 of 784 pixels: 0.032).
    seed
        Seed of the permuted control.

    Returns
    -------
    pandas.DataFrame
        Columns `TRANSFER_COLUMNS`. ``change``: ``none``, ``all`` of δ, its ``extremes``, or δ's values ``permuted``
        over the genes (mean over `PERMUTATIONS`); ``clipped``: values were brought back into the range of X, so that
        no ink is less than none; ``own`` and ``read_as_target``: shares of the ``n_cells`` test cells of the type.

    Raises
    ------
    KratosError
        When the ranking has no pairs or no protocol ``heldout``.
    """
    ranking = ranking[ranking["protocol"] == "heldout"]
    if ranking.empty:
        raise KratosError("transfer needs rankings that have not seen the test cells: add heldout to auroc.protocols")
    if (ranking["target"] == "").any():
        raise KratosError("transfer needs one-vs-one rankings (Eq. 13): give the method 'pairs' of cell types")
    test = (adata.obs["split"] == "test").to_numpy()
    labels = adata.obs["cell_type"].astype(str).to_numpy()
    low, high = float(min(0.0, adata.X.min())), float(adata.X.max())
    rng = np.random.default_rng(seed)
    top = max(1, round(fraction * adata.n_vars))
    rows: list[tuple[Any, ...]] = []
    for (cell_type, target), own in ranking.groupby(["cell_type", "target"], sort=False):
        delta = own.set_index("gene")["effect"].reindex(adata.var_names).to_numpy(dtype=np.float64)
        if not np.isfinite(delta).all():
            continue
        x = to_dense(adata.X[np.flatnonzero(test & (labels == cell_type))]).astype(np.float64)
        changes = {
            "none": [np.zeros_like(delta)],
            "all": [delta],
            "extremes": [keep_extremes(delta, top)],
            "permuted": [rng.permutation(delta) for _ in range(PERMUTATIONS)],
        }
        for name, model in models.items():
            for change, deltas in changes.items():
                for clipped in (False, True):
                    moved = [np.clip(x + d, low, high) if clipped else x + d for d in deltas]
                    shares = np.mean([_shares(model, m, cell_type, target) for m in moved], axis=0)
                    rows.append((cell_type, target, name, change, clipped, len(x), *shares))
    return pd.DataFrame(rows, columns=TRANSFER_COLUMNS)


@torch.no_grad()
def _shares(model: CellModel, x: np.ndarray, cell_type: str, target: str) -> tuple[float, float]:
    """Shares of cells (n, p) that a model assigns to either type; NaN without cells."""
    if not len(x):
        return np.nan, np.nan
    parameter = next(model.parameters())
    assigned = model.scores(model.prepare(torch.from_numpy(x).to(parameter.dtype))).argmax(dim=1)
    return tuple(float(sum((assigned == g).sum() for g in model.columns_of(t))) / len(x) for t in (cell_type, target))
