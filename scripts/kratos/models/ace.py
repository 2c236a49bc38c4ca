"""ACE (Lu et al. 2021): an autoencoder, k-means in its embedding, and that k-means as layers of the network."""

import logging
import time
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from anndata import AnnData
from sklearn.cluster import KMeans
from torch import Tensor

from kratos.errors import KratosError
from kratos.models.autoencoder import Layers, train_autoencoder
from kratos.models.base import CellModel, pick_device, to_dense
from kratos.models.concrete import ConcreteSelector
from kratos.models.kmeans import match_clusters, neuralised_scores
from kratos.threads import one_thread

log = logging.getLogger(__name__)


class Model(CellModel):
    """Encoder to a low-dimensional embedding, and one score per k-means cluster (Kauffmann et al. 2019).

    The largest score is the nearest centroid's for every ``beta``, see `kratos.models.kmeans.neuralised_scores`.
    """

    kind = "ace"

    def __init__(
        self,
        genes: list[str],
        cell_types: list[str],
        *,
        encoder: list[int],
        n_selected: int,
        scaling: str,
        beta: float,
    ) -> None:
        super().__init__(genes, cell_types, encoder=list(encoder), n_selected=n_selected, scaling=scaling, beta=beta)
        n_inputs = n_selected or len(genes)
        self.encoder = Layers([n_inputs, *encoder])
        self.register_buffer("centroids", torch.zeros(len(cell_types), encoder[-1]))
        if n_selected:
            self.register_buffer("selected", torch.zeros(n_selected, dtype=torch.long))
        if scaling != "none":
            self.register_buffer("shift", torch.zeros(len(genes)))
            self.register_buffer("span", torch.ones(len(genes)))

    def fit_scaler(self, x: np.ndarray) -> None:
        """Learn each gene's minimum and range (minmax), or mean and standard deviation (zscore), from cells (n, p)."""
        if self.settings["scaling"] == "none":
            return
        if self.settings["scaling"] == "minmax":
            shift, span = x.min(axis=0), np.ptp(x, axis=0)
        else:
            shift, span = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
        # A gene that never varies keeps its distance from the shift, rather than a division by zero.
        self.shift = torch.from_numpy(shift.astype(np.float32))
        self.span = torch.from_numpy(np.where(span > 0, span, 1.0).astype(np.float32))

    def prepare(self, x: Tensor) -> Tensor:
        """Apply the fitted scaler (n, p)."""
        return x if self.settings["scaling"] == "none" else (x - self.shift) / self.span

    def embed(self, x: Tensor) -> Tensor:
        """The encoder's linear last layer (n, 2)."""
        return self.encoder(x[:, self.selected] if self.settings["n_selected"] else x)

    def scores(self, x: Tensor) -> Tensor:
        """Neuralised k-means scores (n, K)."""
        return self._cluster(self.embed(x))

    def first_layer(self) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
        """The encoder's first layer over all genes (zero weight where a gene is not selected), and the rest."""
        first = self.encoder.layers[0]
        weight = first.weight
        if self.settings["n_selected"]:
            # Adds up, because several units may pass on the same gene.
            weight = weight.new_zeros(len(weight), len(self.genes)).index_add(1, self.selected, weight)
        return weight, first.bias, lambda h: self._cluster(self.encoder.after_first(h))

    def _cluster(self, z: Tensor) -> Tensor:
        return neuralised_scores(z, self.centroids, self.settings["beta"])


@one_thread()
def fit(
    adata: AnnData,
    *,
    seed: int,
    device: str = "auto",
    cells: Literal["all", "train"] = "all",
    scaling: Literal["none", "minmax", "zscore"] = "none",
    encoder: list[int] = (512, 256, 128, 2),
    epochs: int = 100,
    batch_size: int = 256,
    learning_rate: float = 0.001,
    concrete: bool = True,
    n_selected: int = 256,
    selection_learning_rate: float = 0.001,
    start_temperature: float = 10.0,
    end_temperature: float = 0.1,
    beta: float = 0.01,
    matching: Literal["majority", "hungarian"] = "majority",
) -> tuple[Model, dict[str, Any]]:
    """Train the autoencoder, cluster its embedding, and match the clusters to the cell types.

    Parameters
    ----------
    adata
        Cells with ``obs["cell_type"]`` and ``obs["split"]``; X (n, p) log-normalised. Labels decide the number of
        clusters and their matching, nothing else.
    seed
        Initial weights, order of batches, noise of the selection and starts of k-means.
    device
        ``auto``, ``cpu`` or ``cuda``.
    cells
        Cells that scaler, autoencoder, k-means and matching see: ``all``, as usual for unsupervised methods, or
        ``train``.
    scaling
        Per gene: ``none``, ``minmax`` to [0, 1], or ``zscore``.
    encoder
        Units of the encoder's layers; the last is the embedding. The decoder mirrors them.
    epochs, batch_size, learning_rate
        Adam's settings for the mean squared error of the reconstruction.
    concrete
        Put a concrete selection of ``n_selected`` genes in front of the encoder, trained along with it. Data with no
        more genes than that go without.
    n_selected, selection_learning_rate, start_temperature, end_temperature
        Units of the selection, Adam's learning rate for its logits, and its temperature, which falls by a constant
        factor per step. With the learning rate of the other weights the selection does not settle in 100 epochs (see
        ``selection_certainty``); with 0.05 it does, and the embedding is much better.
    beta
        Sharpness of the soft minimum of the scores.
    matching
        ``majority`` or ``hungarian``, see `kratos.models.kmeans.match_clusters`.

    Returns
    -------
    model
        On the CPU, in evaluation mode.
    record
        ``loss`` per epoch (mean squared error), ``inertia`` of k-means, ``clusters`` (size, type and its share for
        each), ``accuracy`` per split (share of cells in a cluster of their type), ``seconds`` and ``seconds_by_part``,
        ``notes`` on the matching, ``device``, ``n_parameters``; with a selection also ``temperature`` per epoch,
        ``selected_genes`` and ``selection_certainty`` (mean over units of the favourite gene's probability).
    """
    cell_types, target = np.unique(adata.obs["cell_type"].astype(str).to_numpy(dtype=object), return_inverse=True)
    split = adata.obs["split"].astype(str).to_numpy()
    _check(list(cell_types), concrete, n_selected, beta, epochs, int((split == "train").sum()))
    notes = []
    if concrete and adata.n_vars <= n_selected:
        concrete = False
        notes.append(f"no selection: there are {adata.n_vars} genes and n_selected is {n_selected}")
    place, generator = pick_device(device), torch.Generator().manual_seed(seed)
    x = to_dense(adata.X)
    seen = np.flatnonzero(split == "train") if cells == "train" else np.arange(len(x))
    model = Model(
        list(adata.var_names),
        [str(name) for name in cell_types],
        encoder=list(encoder),
        n_selected=n_selected if concrete else 0,
        scaling=scaling,
        beta=beta,
    )
    start = time.perf_counter()
    model.fit_scaler(x[seen])
    decoder = Layers([*reversed(encoder), adata.n_vars])
    for part in (model.encoder, decoder):
        part.initialise(generator)
    selector = ConcreteSelector(adata.n_vars, n_selected, generator).to(place) if concrete else None
    model.to(place)
    with torch.no_grad():
        inputs = model.prepare(torch.from_numpy(x).to(place))
    training = train_autoencoder(
        model.encoder,
        decoder.to(place),
        inputs[torch.from_numpy(seen).to(place)],
        generator=generator,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        selector=selector,
        selection_learning_rate=selection_learning_rate,
        start_temperature=start_temperature,
        end_temperature=end_temperature,
    )
    trained = time.perf_counter()
    record: dict[str, Any] = {"loss": training.loss, "device": str(place)}
    record["n_parameters"] = sum(p.numel() for part in (model.encoder, decoder) for p in part.parameters())
    if selector is not None:
        model.selected = selector.selected()
        record |= _selection(selector, training.temperature, adata)
    model = model.cpu().eval()
    with torch.no_grad():
        z = model.embed(inputs.cpu())
        kmeans = KMeans(len(cell_types), n_init=10, random_state=seed).fit(z[seen].double().numpy())
        model.centroids = torch.from_numpy(kmeans.cluster_centers_).float()
        assigned = model._cluster(z).argmax(dim=1).numpy()
    match = match_clusters(assigned[seen], target[seen], kmeans.cluster_centers_, model.cell_types, matching)
    model.group_type = match.group_type
    differing = int((assigned[seen] != kmeans.labels_).sum())
    notes += match.notes
    if differing:
        notes.append(f"{differing} cell(s) lie so near a boundary that rounding puts them into another cluster")
    for note in notes:
        log.warning("%s", note)
    right = np.asarray(match.group_type)[assigned] == target
    record |= {
        "inertia": float(kmeans.inertia_),
        "clusters": _clusters(assigned[seen], target[seen], model),
        "accuracy": {name: float(right[split == name].mean()) for name in np.unique(split)},
        "notes": notes,
        "seconds": time.perf_counter() - start,
        "seconds_by_part": {"autoencoder": trained - start, "clustering": time.perf_counter() - trained},
    }
    return model, record


def _check(cell_types: list[str], concrete: bool, n_selected: int, beta: float, epochs: int, n_train: int) -> None:
    if len(cell_types) < 2:
        raise KratosError(f"ACE needs cells of at least 2 types, not of {len(cell_types)}: check obs['cell_type']")
    if n_train < len(cell_types):
        raise KratosError(f"ACE makes {len(cell_types)} clusters of {n_train} training cells: use more cells")
    if concrete and n_selected < 1:
        raise KratosError(f"n_selected is {n_selected}: it must be at least 1, or set concrete to false")
    if not beta > 0:
        raise KratosError(f"beta is {beta}: it must be above 0, for example 0.01")
    if epochs < 1:
        raise KratosError(f"epochs is {epochs}: it must be at least 1")


def _selection(selector: ConcreteSelector, temperature: list[float], adata: AnnData) -> dict[str, Any]:
    genes = adata.var_names[np.unique(selector.selected().cpu().numpy())]
    return {
        "temperature": temperature,
        "selected_genes": list(genes),
        "selection_certainty": float(selector.certainty().mean()),
    }


def _clusters(assigned: np.ndarray, target: np.ndarray, model: Model) -> list[dict[str, Any]]:
    rows = []
    for c, t in enumerate(model.group_type):
        members = target[assigned == c]
        share = float((members == t).mean()) if len(members) else 0.0
        rows.append({"cells": len(members), "cell_type": model.cell_types[t], "share": share})
    return rows
