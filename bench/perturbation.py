"""Time the class-level adversarial perturbation against a plain autograd loop over all cells and genes.

Usage: ``OMP_NUM_THREADS=1 python bench/perturbation.py results/pbmc/cells.h5ad results/pbmc/0/kratos/model.pt``
"""

import argparse
import time

import numpy as np
import torch

from kratos.cells import read_cells
from kratos.explain.adversarial import explain
from kratos.matrices import to_dense
from kratos.models.base import CellModel, load_model


def plain_loop(model: CellModel, x: torch.Tensor, column: int, iterations: int) -> torch.Tensor:
    """Algorithm 1 as one would first write it: λ 100, learning rate 0.001, margin 0, logits, one-vs-rest."""
    delta = torch.full((x.shape[1],), 0.001, dtype=x.dtype)
    others = [k for k in range(len(model.cell_types)) if k != column]
    for _ in range(iterations):
        delta.requires_grad_(True)
        scores = model.scores(x + delta)
        hinge = torch.clamp(scores[:, column] - scores[:, others].amax(dim=1), min=0).mean()
        (gradient,) = torch.autograd.grad(hinge, delta)
        delta = (delta - 0.001 * (torch.sign(delta) + 100 * gradient)).detach()
    return delta


def main() -> None:
    """Print both times and the largest difference of δ, per cell type and in sum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cells")
    parser.add_argument("model")
    parser.add_argument("--iterations", type=int, default=500)
    options = parser.parse_args()
    torch.set_num_threads(1)
    adata = read_cells(options.cells)
    model = load_model(options.model, list(adata.var_names)).double()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    sums = np.zeros(2)
    for column, cell_type in enumerate(model.cell_types):
        cells = np.flatnonzero(adata.obs["cell_type"] == cell_type)
        x = model.prepare(torch.from_numpy(to_dense(adata.X[cells])).double())
        x = x[model.scores(x).argmax(dim=1) == column]
        start = time.process_time()
        plain = plain_loop(model, x, column, options.iterations)
        middle = time.process_time()
        fast = explain(model, x, [column], seed=0, iterations=options.iterations)
        times = np.array([middle - start, time.process_time() - middle])
        sums += times
        gap = np.abs(fast.effect - plain.numpy()).max()
        print(f"{cell_type}: plain {times[0]:.2f} s, ours {times[1]:.2f} s, {times[0] / times[1]:.1f} times, {gap:.1e}")
    print(f"sum: plain {sums[0]:.1f} s, ours {sums[1]:.1f} s, {sums[0] / sums[1]:.1f} times")


if __name__ == "__main__":
    main()
