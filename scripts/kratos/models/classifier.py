"""Kratos's classifier (Sec. 4.2): 256-64-K, ReLU, softmax; the 64-unit layer is the embedding."""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from anndata import AnnData
from torch import Tensor, nn
from tqdm import tqdm

from kratos.errors import KratosError
from kratos.models.base import CellModel, pick_device
from kratos.models.batches import training_cells
from kratos.threads import one_thread

# Reads cells that stay on disk batch by batch; see kratos.models.batches.
STREAMS = True


class Model(CellModel):
    """Three fully connected layers; ``scores`` are the logits of the last one (Eq. 10 before the softmax)."""

    kind = "classifier"

    def __init__(
        self, genes: list[str], cell_types: list[str], *, hidden: list[int], scaling: str, scaled: str = "always"
    ) -> None:
        super().__init__(genes, cell_types, hidden=list(hidden), scaling=scaling, scaled=scaled)
        widths = [len(genes), *hidden]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.output = nn.Linear(widths[-1], len(cell_types))
        if scaling == "minmax":
            self.register_buffer("shift", torch.zeros(len(genes)))
            self.register_buffer("span", torch.ones(len(genes)))

    def set_range(self, low: np.ndarray, high: np.ndarray) -> None:
        """Scale genes by their minimum and maximum (p,) from now on."""
        self.shift = torch.from_numpy(low)
        # A gene that never varies keeps its distance from the minimum, rather than a division by zero.
        self.span = torch.from_numpy(np.where(high > low, high - low, 1.0).astype(np.float32))

    def prepare(self, x: Tensor) -> Tensor:
        """Apply the fitted scaler (n, p), unless it serves training alone."""
        return self.scale(x) if self.settings["scaled"] == "always" else x

    def scale(self, x: Tensor) -> Tensor:
        """Apply the fitted scaler (n, p): what the network is trained on."""
        return (x - self.shift) / self.span if self.settings["scaling"] == "minmax" else x

    def embed(self, x: Tensor) -> Tensor:
        """The last hidden layer after its ReLU (n, 64)."""
        return self._hidden(torch.relu(self.layers[0](x)))

    def scores(self, x: Tensor) -> Tensor:
        """Logits (n, K)."""
        return self.output(self.embed(x))

    def first_layer(self) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
        """The 256-unit layer, and the map from its pre-activations to logits."""
        first = self.layers[0]
        return first.weight, first.bias, lambda h: self.output(self._hidden(torch.relu(h)))

    def _hidden(self, h: Tensor) -> Tensor:
        for layer in self.layers[1:]:
            h = torch.relu(layer(h))
        return h


@one_thread()
def fit(
    adata: AnnData,
    *,
    seed: int,
    device: str = "auto",
    hidden: list[int] = (256, 64),
    epochs: int = 100,
    batch_size: int = 64,
    learning_rate: float = 0.001,
    scaling: Literal["none", "minmax"] = "none",
    scaler_cells: Literal["train", "all"] = "train",
    scaled: Literal["always", "training"] = "always",
    initialisation: Literal["glorot", "torch"] = "glorot",
) -> tuple[Model, dict[str, Any]]:
    """Train the classifier on the training cells.

    Parameters
    ----------
    adata
        Cells with ``obs["cell_type"]`` and ``obs["split"]``; X (n, p) log-normalised, in memory or on disk
        (`kratos.cells.open_cells`), where batches are drawn as `kratos.models.batches` says.
    seed
        Initial weights and the order of batches.
    device
        ``auto``, ``cpu`` or ``cuda``.
    hidden
        Units of the hidden layers; the last is the embedding.
    epochs, batch_size, learning_rate
        Adam's settings; the paper gives 100 epochs and 0.001 (Sec. 4.2), the released code batches of 64.
    scaling
        ``none`` trains on the log-normalised matrix (Sec. 5.1); ``minmax`` brings every gene to [0, 1] first.
    scaler_cells
        Cells that the scaler is fitted on; ``all`` (released code) lets test cells in.
    scaled
        ``training``: the scaler serves training alone, and embeddings, groups and explanations are computed on unscaled
        expression (released code).
    initialisation
        ``glorot``: Glorot uniform weights and zero biases (Keras's default); ``torch``: PyTorch's default.

    Returns
    -------
    model
        On the CPU, in evaluation mode.
    record
        ``loss`` and ``validation_loss`` per epoch (Eq. 11, mean over cells and outputs), ``accuracy`` per split,
        ``seconds`` of the training loop, ``device``, ``n_parameters``, ``validation_cells`` behind a validation loss
        (of data on disk a sample).
    """
    place = pick_device(device)
    split = adata.obs["split"].to_numpy()
    cell_types = sorted(adata.obs["cell_type"].unique())
    target = np.searchsorted(cell_types, adata.obs["cell_type"].astype(str).to_numpy())
    train, validation = (np.flatnonzero(split == name) for name in ("train", "validation"))
    generator = torch.Generator().manual_seed(seed)
    model = Model(list(adata.var_names), cell_types, hidden=list(hidden), scaling=scaling, scaled=scaled)
    _initialise(model, initialisation, generator)
    cells = training_cells(adata.X, place)
    if scaling == "minmax":
        model.set_range(*cells.value_range(train if scaler_cells == "train" else np.arange(adata.n_obs)))
    model.to(place)
    cells.prepare(model.scale)

    def loss_of(rows: np.ndarray, x: Tensor) -> Tensor:
        probabilities = torch.softmax(model.scores(x), dim=1)
        if not torch.isfinite(probabilities).all():
            raise KratosError(f"training diverged in epoch {len(losses) + 1} (loss is not finite): lower learning_rate")
        onehot = nn.functional.one_hot(torch.from_numpy(target[rows]), len(cell_types)).float()
        return nn.functional.binary_cross_entropy(probabilities, onehot.to(place))

    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    held = cells.held(validation, seed)
    losses, validation_losses, start = [], [], time.perf_counter()
    for _ in tqdm(range(epochs), desc="epochs", mininterval=2):
        total = 0.0
        for rows, x in cells.shuffled(train, batch_size, generator):
            optimiser.zero_grad()
            loss = loss_of(rows, x)
            loss.backward()
            optimiser.step()
            total += float(loss.detach()) * len(rows)
        losses.append(total / len(train))
        with torch.no_grad():
            validation_losses.append(float(loss_of(*held)) if len(validation) else None)
    seconds = time.perf_counter() - start
    with torch.no_grad():
        assigned = np.concatenate([model.scores(x).argmax(dim=1).cpu().numpy() for _, x in cells.in_order()])
    accuracy = {name: float((assigned == target)[split == name].mean()) for name in np.unique(split)}
    record = {
        "loss": losses,
        "validation_loss": validation_losses,
        "accuracy": accuracy,
        "seconds": seconds,
        "device": str(place),
        "validation_cells": len(held[0]),
        "n_parameters": sum(p.numel() for p in model.parameters()),
    }
    return model.cpu().eval(), record


def _initialise(model: Model, initialisation: str, generator: torch.Generator) -> None:
    for layer in [*model.layers, model.output]:
        if initialisation == "glorot":
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)
        else:
            bound = layer.in_features**-0.5
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
