"""SAUCIE's autoencoder (Amodio et al. 2019): the embedding that ACE clusters."""

import itertools
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import trange

from kratos.errors import KratosError
from kratos.models.concrete import ConcreteSelector

# Slope of the leaky ReLU below zero.
SLOPE = 0.2


class Layers(nn.Module):
    """Fully connected layers with a leaky ReLU between them and a linear last one.

    Parameters
    ----------
    widths
        Units of the input, of the hidden layers and of the output.
    """

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))

    def initialise(self, generator: torch.Generator) -> None:
        """Glorot uniform weights and zero biases."""
        for layer in self.layers:
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)

    def after_first(self, h: Tensor) -> Tensor:
        """Output from the first layer's pre-activations (n, h)."""
        for layer in self.layers[1:]:
            h = layer(nn.functional.leaky_relu(h, SLOPE))
        return h

    def forward(self, x: Tensor) -> Tensor:
        """Output of the last layer for input (n, p)."""
        return self.after_first(self.layers[0](x))


@dataclass
class Training:
    """How an autoencoder was trained: mean squared error per epoch and, with a selection, its temperature."""

    loss: list[float] = field(default_factory=list)
    temperature: list[float] = field(default_factory=list)


def train_autoencoder(
    encoder: Layers,
    decoder: Layers,
    x: Tensor,
    *,
    generator: torch.Generator,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    selector: ConcreteSelector | None = None,
    selection_learning_rate: float = 0.0,
    start_temperature: float = 10.0,
    end_temperature: float = 0.1,
) -> Training:
    """Minimise the mean squared error of the reconstruction with Adam.

    Parameters
    ----------
    encoder, decoder
        Trained in place. The encoder reads the genes (p) or, with a selector, its selection; the decoder gives p.
    x
        Prepared cells (n, p), on the device of the networks.
    generator
        Order of the cells and noise of the selection.
    epochs, batch_size, learning_rate
        Adam's settings.
    selector
        Concrete selection in front of the encoder, trained along with it.
    selection_learning_rate
        Adam's learning rate for the selector's logits.
    start_temperature, end_temperature
        The selector's temperature falls from one to the other by a constant factor per step.

    Raises
    ------
    KratosError
        When the loss stops being finite.
    """
    parameters = [{"params": [*encoder.parameters(), *decoder.parameters()], "lr": learning_rate}]
    if selector is not None:
        parameters.append({"params": [*selector.parameters()], "lr": selection_learning_rate})
    optimiser = torch.optim.Adam(parameters, fused=True)
    steps = epochs * -(-len(x) // batch_size)
    temperatures = start_temperature * (end_temperature / start_temperature) ** np.linspace(0, 1, steps)
    training, step = Training(), 0
    for epoch in trange(epochs, desc="autoencoder", mininterval=2):
        total = 0.0
        for cells in torch.randperm(len(x), generator=generator).split(batch_size):
            batch = x[cells.to(x.device)]
            seen = batch if selector is None else selector(batch, float(temperatures[step]), generator)
            optimiser.zero_grad()
            loss = nn.functional.mse_loss(decoder(encoder(seen)), batch)
            loss.backward()
            optimiser.step()
            total += float(loss.detach()) * len(cells)
            step += 1
        training.loss.append(total / len(x))
        if not np.isfinite(training.loss[-1]):
            raise KratosError(f"the autoencoder diverged in epoch {epoch + 1}: lower learning_rate")
        if selector is not None:
            training.temperature.append(float(temperatures[step - 1]))
    return training
