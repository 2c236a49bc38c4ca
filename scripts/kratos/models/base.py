"""What every model offers, and how it is kept on disk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kratos.errors import KratosError
from kratos.files import atomic_path
from kratos.matrices import to_dense
from kratos.plugins import plugin, suggest
from kratos.threads import one_thread

FORMAT = 1


class CellModel(nn.Module):
    """A differentiable map from cells to an embedding and to one score per group.

    Subclasses define `embed_prepared` and `scores_prepared`, and list in `settings` what their constructor needs, in
    plain numbers, strings and lists.

    Attributes
    ----------
    genes
        The p gene names, in the order of the input's columns.
    cell_types
        The K cell types, sorted.
    settings
        Keyword arguments that rebuild the model (without its weights).
    group_type
        For each score column, the index in `cell_types` of the type that the group stands for. A classifier has one
        group per type; clusters are matched to types, so a type may have several groups or none.
    """

    kind: str

    def __init__(self, genes: list[str], cell_types: list[str], **settings: Any) -> None:
        super().__init__()
        self.genes = list(genes)
        self.cell_types = list(cell_types)
        self.settings = settings
        self.group_type: list[int] = list(range(len(cell_types)))

    def prepare(self, x: Tensor) -> Tensor:
        """Bring log-normalised expression (n, p) to the network's input, for example by its fitted scaler."""
        return x

    def absent_values(self) -> np.ndarray:
        """What stands for a gene (p,) that new cells lack: 0, or where the input is scaled its shift.

        The shift is the lowest value of the training cells (min-max) or their mean (z score): 0 after scaling.
        """
        shift = getattr(self, "shift", None)
        return np.zeros(len(self.genes), np.float32) if shift is None else shift.cpu().numpy().astype(np.float32)

    def embed(self, x: Tensor) -> Tensor:
        """Latent coordinates (n, d) of prepared input (n, p)."""
        raise NotImplementedError

    def scores(self, x: Tensor) -> Tensor:
        """Scores (n, G), one per group, of prepared input (n, p); the largest is the assigned group."""
        raise NotImplementedError

    def first_layer(self) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]] | None:
        """Split ``scores`` into an affine first layer and the rest, where it has one.

        Returns
        -------
        tuple or None
            Weight (h, p), bias (h,), and the map from that layer's pre-activations (n, h) to scores. Explainers use it
            to avoid products over all genes when a perturbation is shared by many cells.
        """
        return None

    def columns_of(self, cell_type: str) -> list[int]:
        """Score columns of the groups that stand for a cell type; empty when no group does."""
        if cell_type not in self.cell_types:
            raise KratosError(f"unknown cell type '{cell_type}'{suggest(cell_type, self.cell_types)}")
        index = self.cell_types.index(cell_type)
        return [g for g, t in enumerate(self.group_type) if t == index]

    def check_genes(self, genes: list[str]) -> None:
        """Raise a `KratosError` when `genes` are not this model's genes in this model's order."""
        if list(genes) == self.genes:
            return
        shared = set(genes) & set(self.genes)
        detail = (
            f"{len(shared)} of its {len(self.genes)} genes are among the {len(genes)} given"
            if set(genes) != set(self.genes)
            else "the genes are the same, in another order"
        )
        raise KratosError(
            f"the model was trained on other genes: {detail}; select adata[:, model.genes] or train again"
        )


def pick_device(device: str = "auto") -> torch.device:
    """``auto`` is CUDA when there is one, else the CPU."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise KratosError(f"device '{device}' was asked for and this machine has no CUDA device: use 'auto' or 'cpu'")
    return torch.device(device)


def save_model(model: CellModel, path: str | Path) -> None:
    """Keep weights, scaler, gene names and cell types together in one file, atomically."""
    content = {
        "format": FORMAT,
        "kind": model.kind,
        "genes": model.genes,
        "cell_types": model.cell_types,
        "group_type": list(model.group_type),
        "settings": model.settings,
        "state": {name: value.cpu() for name, value in model.state_dict().items()},
    }
    with atomic_path(path) as part:
        torch.save(content, part)


def load_model(path: str | Path, genes: list[str] | None = None) -> CellModel:
    """Read a model; nothing in the file is unpickled beyond tensors and plain values.

    Parameters
    ----------
    path
        File written by `save_model`.
    genes
        The genes of the cells that it will be used on; other genes are an error.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        kind, saved_format = content["kind"], content["format"]
        if saved_format != FORMAT:
            raise KratosError(f"{path} has model format {saved_format}, this version reads {FORMAT}: train it again")
        model = plugin("models", kind).Model(content["genes"], content["cell_types"], **content["settings"])
        model.load_state_dict(content["state"])
        model.group_type = content["group_type"]
    except KratosError:
        raise
    except Exception as error:
        raise KratosError(
            f"{path} is not a model file of this workflow ({type(error).__name__}): delete it and run again"
        ) from error
    if genes is not None:
        model.check_genes(genes)
    return model.eval()


@one_thread()
@torch.no_grad()
def apply_in_batches(function: Callable[[Tensor], Tensor], model: CellModel, x: Any, batch: int = 4096) -> np.ndarray:
    """Apply ``function(model.prepare(.))`` to cells (n, p), in memory or on disk, a batch at a time.

    Returns
    -------
    numpy.ndarray
        (n, ...) of the function's own type: float32 for an embedding.
    """
    parameter = next(model.parameters(), torch.zeros(()))
    result = np.empty(0)
    for start in range(0, x.shape[0], batch):
        cells = torch.from_numpy(to_dense(x[start : start + batch])).to(parameter.device, parameter.dtype)
        part = function(model.prepare(cells)).cpu().numpy()
        if not start:
            result = np.empty((x.shape[0], *part.shape[1:]), dtype=part.dtype)
        result[start : start + batch] = part
    return result
