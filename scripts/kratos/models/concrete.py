"""Concrete selection of input genes (Abid, Balin and Zou 2019)."""

import torch
from torch import Tensor, nn


class ConcreteSelector(nn.Module):
    """A layer of k units, each of which learns to pass on one gene.

    In training a unit passes on a weighted sum of all genes, the weights drawn from a concrete (Gumbel-softmax)
    distribution; as the temperature falls, the weights become one-hot. Afterwards each unit passes on the gene of its
    largest logit, so that two units may pass on the same one.
    """

    def __init__(self, n_genes: int, n_selected: int, generator: torch.Generator) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.empty(n_selected, n_genes))
        nn.init.xavier_normal_(self.logits, generator=generator)

    def forward(self, x: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
        """Pass on a draw of the selection (n, k) from cells (n, p).

        Parameters
        ----------
        x
            Cells (n, p).
        temperature
            Above 0; the lower, the nearer a draw is to one gene per unit.
        generator
            Source of the noise, on the CPU.
        """
        return x @ self.draw(temperature, generator).T

    def draw(self, temperature: float, generator: torch.Generator) -> Tensor:
        """Draw weights (k, p), non-negative with sum 1 in each row."""
        # Minus the logarithm of an exponential variable is a Gumbel variable.
        exponential = torch.empty(self.logits.shape, dtype=self.logits.dtype).exponential_(generator=generator)
        gumbel = -torch.log(exponential.clamp_min(torch.finfo(exponential.dtype).tiny)).to(self.logits.device)
        return torch.softmax((self.logits + gumbel) / temperature, dim=1)

    @torch.no_grad()
    def selected(self) -> Tensor:
        """Index (k,) of the gene that each unit passes on after training."""
        return self.logits.argmax(dim=1)

    @torch.no_grad()
    def certainty(self) -> Tensor:
        """Probability (k,) with which each unit draws its favourite gene; near 1 when it has made up its mind."""
        return torch.softmax(self.logits, dim=1).amax(dim=1)
