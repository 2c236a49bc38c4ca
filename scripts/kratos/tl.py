"""Tools on AnnData in scanpy's manner: train a classifier, rank marker genes by it, label new cells with it."""

import copy as copying
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from kratos.cells import assign_split, check_cells
from kratos.errors import KratosError
from kratos.expression import Values, labelled_cells, log_normalised
from kratos.markers.methods import method_named, model_named
from kratos.markers.scanpy_format import rank_genes_groups
from kratos.models.base import CellModel, load_model
from kratos.models.prediction import AlignedCells, type_probabilities
from kratos.plugins import plugin
from kratos.sample import for_fitting, in_memory
from kratos.seeds import derive_seed

log = logging.getLogger(__name__)


def train(
    adata: AnnData,
    groupby: str,
    *,
    model: str = "kratos",
    layer: str | None = None,
    values: Values = "auto",
    seed: int = 0,
    device: str = "auto",
    params: Mapping[str, Any] | None = None,
) -> CellModel:
    """Train a model on labelled cells.

    Parameters
    ----------
    adata
        Cells × genes (n, p) with counts or log-normalised values.
    groupby
        Column of ``obs`` with the cell types; cells without one are left out.
    model
        ``kratos`` (the classifier of Sec. 4.2), ``ace``, or ``autoencoder``.
    layer
        Layer to use in the place of ``X``.
    values
        ``counts`` (scaled to 10,000 per cell, then log(1 + x)), ``lognorm`` (taken as they are), or ``auto``: counts
        where all values are whole numbers.
    seed
        Initial weights and the order of batches.
    device
        ``auto``, ``cpu`` or ``cuda``.
    params
        Parameters of the model (see config/README.md), for example ``{"epochs": 20}``.

    Returns
    -------
    CellModel
        Trained on a stratified 63 % of the cells (30 % are kept for tests, 7 % for validation, as in the paper).
        `kratos.models.base.save_model` writes it to a file.

    Raises
    ------
    KratosError
        For a missing column, unusable values (naming cell and gene), fewer than two types, and too few cells.

    Examples
    --------
    >>> import kratos, scanpy as sc
    >>> adata = sc.datasets.pbmc68k_reduced().raw.to_adata()
    >>> model = kratos.tl.train(adata, "bulk_labels", params={"epochs": 5})
    >>> len(model.genes), len(model.cell_types)
    (765, 10)
    """
    spec = model_named(model, dict(params or {}))
    return _fit(_cells(adata, groupby, layer, values), model, spec, seed, device)


def rank_genes(
    adata: AnnData,
    groupby: str,
    *,
    method: str = "kratos_ig",
    groups: Sequence[str] | None = None,
    layer: str | None = None,
    values: Values = "auto",
    n_genes: int | None = None,
    seed: int = 0,
    model: CellModel | str | Path | None = None,
    params: Mapping[str, Any] | None = None,
    model_params: Mapping[str, Any] | None = None,
    key_added: str = "rank_genes_groups",
    copy: bool = False,
) -> AnnData | None:
    """Rank genes for every cell type, as ``scanpy.tl.rank_genes_groups`` does it, by Kratos or another method.

    Parameters
    ----------
    adata
        Cells × genes (n, p) with counts or log-normalised values. Of a backed AnnData the classifier reads all cells in
        batches, and genes are ranked on at most 1,000 of each type, drawn at random.
    groupby
        Column of ``obs`` with the cell types (K); cells without one are left out.
    method
        ``kratos_cw``, ``kratos_sg``, ``kratos_ig``, ``ace_cw``, ``ace_sg``, ``ace_ig``, ``gce``, ``wilcoxon``,
        ``wilcoxon_abs``, ``ttest``, ``ttest_abs``, ``logreg``, ``logreg_abs``, ``cosg``, ``nsforest``,
        ``l1_logistic`` or ``random``.
    groups
        Types whose ranking is written; all when None. They are compared with all other cells in any case.
    layer, values, seed
        As in `train`.
    n_genes
        Genes per type that are written, of p; all when None.
    model
        A trained model, or the path of one (a run's ``model.pt``), to explain; one is trained when None.
    params
        Parameters of the explainer or ranker (see config/README.md).
    model_params
        Parameters of the model that is trained.
    key_added
        Key of ``uns``.
    copy
        Return a copy instead of changing `adata`.

    Returns
    -------
    AnnData or None
        The copy, or None. ``uns[key_added]`` has structured arrays with one field per type, best gene first:
        ``names`` (n_genes,), ``scores`` (n_genes,), ``logfoldchanges`` (n_genes,; of means, no part of the ranking),
        ``pvals`` and ``pvals_adj`` (n_genes,; NaN, as no test is made), and ``params``. A gene without a rank comes
        last with score NaN; a type that cannot be ranked (its only cell is never classified correctly, for example)
        has no field and is named in the log.

    Raises
    ------
    KratosError
        As `train`; for an unknown method or parameter; and when no type can be ranked.

    Examples
    --------
    >>> import kratos, scanpy as sc
    >>> adata = sc.datasets.pbmc68k_reduced().raw.to_adata()
    >>> kratos.tl.rank_genes(adata, "bulk_labels", method="kratos_ig", model_params={"epochs": 20})
    >>> table = sc.get.rank_genes_groups_df(adata, "CD19+ B")
    >>> "CD79A" in set(table["names"][:5])
    True
    >>> plot = sc.pl.rank_genes_groups_dotplot(adata, n_genes=3, dendrogram=False, show=False)
    """
    _check_copy(adata, copy)
    spec = method_named(method, dict(params or {}))
    cells = _cells(adata, groupby, layer, values)
    step_seed = derive_seed("tl", method, seed)
    if "ranker" in spec:
        if model is not None:
            raise KratosError(f"method '{method}' explains no model; leave out `model`")
        cells = _ranked(cells, seed)
        ranking = plugin("rank", spec["ranker"]).rank(cells, seed=step_seed, **spec["params"])
    else:
        from kratos.explain.ranking import explain_types

        if model is None:
            fitted = _fit(cells, spec["model"], model_named(spec["model"], dict(model_params or {})), seed, "auto")
        else:
            # The explanation changes the model's precision.
            fitted = load_model(model) if isinstance(model, str | Path) else copying.deepcopy(model)
            fitted.check_genes(list(cells.var_names))
        cells = _ranked(cells, seed)
        ranking = explain_types(fitted, cells, spec["explainer"], spec["params"], seed=step_seed)
    column = adata.obs[groupby]
    present = set(cells.obs["cell_type"].astype(str))
    order = list(column.cat.categories.astype(str)) if hasattr(column, "cat") else sorted(present)
    unknown = [str(g) for g in groups or [] if str(g) not in present]
    if unknown:
        raise KratosError(f"groups: no cell has {groupby} '{unknown[0]}'; choose among {', '.join(sorted(present))}")
    target = adata.copy() if copy else adata
    target.uns[key_added] = rank_genes_groups(
        ranking,
        cells,
        labels="cell_type",
        groupby=groupby,
        method=method,
        groups=order if groups is None else [str(g) for g in groups],
        n_genes=n_genes,
    )
    if layer is not None:
        target.uns[key_added]["params"]["layer"] = layer
    return target if copy else None


def predict(
    adata: AnnData,
    model: CellModel | str | Path,
    *,
    layer: str | None = None,
    values: Values = "auto",
    key_added: str = "kratos_cell_type",
    copy: bool = False,
) -> AnnData | None:
    """Label cells by a trained model.

    Parameters
    ----------
    adata
        Cells × genes (n, q) with counts or log-normalised values. Genes are found by name: those that the model does
        not know are left out; those that the cells lack are taken as not expressed, with a warning.
    model
        A model, or the path of one (``results/DATASET/SEED/kratos/model.pt`` of a run).
    layer, values
        As in `train`.
    key_added
        Column of ``obs``, and the beginning of other keys.
    copy
        Return a copy instead of changing `adata`.

    Returns
    -------
    AnnData or None
        The copy, or None. ``obs[key_added]`` (n,) is the most probable type, a categorical with the model's K types;
        ``obsm[key_added + "_probabilities"]`` (n, K) their probabilities, in the order of the categories.

    Raises
    ------
    KratosError
        When more than half of the model's genes are missing (with numbers), for unusable values, and for a file that
        is no model. Nothing in a model file is executed.

    Examples
    --------
    >>> import kratos, scanpy as sc
    >>> adata = sc.datasets.pbmc68k_reduced().raw.to_adata()
    >>> model = kratos.tl.train(adata, "bulk_labels", params={"epochs": 20})
    >>> kratos.tl.predict(adata, model)
    >>> adata.obsm["kratos_cell_type_probabilities"].shape
    (700, 10)
    >>> bool((adata.obs["kratos_cell_type"].astype(str) == adata.obs["bulk_labels"].astype(str)).mean() > 0.7)
    True
    """
    from kratos.cells import check_names

    _check_copy(adata, copy)
    fitted = load_model(model) if isinstance(model, str | Path) else model
    check_names(adata, "adata")
    expression = log_normalised(adata, _matrix(adata, layer), values, "adata")
    log.info("adata holds %s", expression.said)
    probabilities = type_probabilities(fitted, AlignedCells(expression.x, adata.var_names, fitted))
    target = adata.copy() if copy else adata
    target.obs[key_added] = pd.Categorical.from_codes(probabilities.argmax(axis=1), categories=fitted.cell_types)
    target.obsm[f"{key_added}_probabilities"] = probabilities
    return target if copy else None


def _check_copy(adata: AnnData, copy: bool) -> None:
    if copy and adata.isbacked:
        raise KratosError("adata is backed by a file and is not copied in memory: leave out `copy`")


def _matrix(adata: AnnData, layer: str | None) -> Any:
    if layer is None:
        if adata.X is None:
            raise KratosError("adata: X is empty; set `layer`")
        # Of a matrix that is stored by genes no block of cells can be read.
        return adata.X.to_memory() if getattr(adata.X, "format", "") == "csc" and adata.isbacked else adata.X
    if layer not in adata.layers:
        raise KratosError(f"adata: no layer {layer!r} (layers: {', '.join(adata.layers) or 'none'})")
    return adata.layers[layer]


def _cells(adata: AnnData, groupby: str, layer: str | None, values: Values) -> AnnData:
    cells = labelled_cells(adata, groupby, values, "adata", _matrix(adata, layer))
    log.info("adata holds %s", cells.uns["values"])
    check_cells(cells, "adata", split=False)
    return cells


def _ranked(cells: AnnData, seed: int) -> AnnData:
    """Cells that genes are ranked on: all, or a sample of each type where they are on disk."""
    return in_memory(cells, 0, seed=derive_seed("tl", "sample", seed)).adata


def _fit(cells: AnnData, name: str, spec: Mapping[str, Any], seed: int, device: str) -> CellModel:
    assign_split(cells)
    fit = plugin("models", spec["kind"]).fit
    fitted = for_fitting(cells, spec["kind"], seed=derive_seed("tl", "sample", seed)).adata
    model, record = fit(fitted, seed=derive_seed("tl", name, seed), device=device, **spec["params"])
    accuracy = record.get("accuracy", {})
    log.info("trained in %.1f s; accuracy on test cells %.3f", record["seconds"], accuracy.get("test", np.nan))
    return model
