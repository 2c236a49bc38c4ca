"""Cells as a training loop takes them: from one dense matrix in memory, or from a file in blocks.

The order of stochastic gradient descent should be a random permutation of the training cells. In memory it is. On disk
a random cell costs a read of its own, so blocks of neighbouring rows are read in random order into a buffer, and the
buffer is shuffled: every training cell comes exactly once per epoch, but a batch draws on the `BUFFER` blocks held
just then, and two neighbours of the file are more likely than others to meet in a batch. Where a file is sorted by cell
type, a buffer holds `BUFFER` independent draws of a place in the file, not as many as it has cells. Data that fit into
one buffer are shuffled exactly as in memory.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from kratos.matrices import on_disk, row_blocks, to_dense

Scale = Callable[[Tensor], Tensor]
# Rows read at once, and blocks held at once: 16,384 cells.
BLOCK, BUFFER = 256, 64
# Validation cells that are kept in memory of data on disk, so that they are not read again in every epoch.
VALIDATION = 8192


class MemoryCells:
    """Cells (n, p) as one dense matrix on the training device."""

    def __init__(self, x: Any, place: torch.device) -> None:
        self._x, self._place = to_dense(x), place

    def value_range(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each gene's minimum and maximum over some cells."""
        x = self._x[rows]
        return x.min(axis=0), x.max(axis=0)

    @torch.no_grad()
    def prepare(self, scale: Scale) -> None:
        """Scale all cells once."""
        self._inputs = scale(torch.from_numpy(self._x).to(self._place))

    def shuffled(self, rows: np.ndarray, size: int, generator: torch.Generator) -> Iterator[tuple[np.ndarray, Tensor]]:
        """One epoch: batches of rows and their prepared cells."""
        for cells in torch.randperm(len(rows), generator=generator).split(size):
            chosen = rows[cells.numpy()]
            yield chosen, self._inputs[torch.from_numpy(chosen)]

    def held(self, rows: np.ndarray, seed: int) -> tuple[np.ndarray, Tensor]:
        """Some cells, prepared, in one tensor."""
        return rows, self._inputs[torch.from_numpy(rows)]

    def in_order(self) -> Iterator[tuple[int, Tensor]]:
        """All cells, prepared, with the first row of each part."""
        yield 0, self._inputs


class StoredCells:
    """Cells (n, p) that are read from their file whenever they are needed; see the module's text."""

    def __init__(self, x: Any, place: torch.device, block: int = BLOCK, buffer: int = BUFFER) -> None:
        self._x, self._place, self._block, self._buffer = x, place, block, buffer

    def value_range(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each gene's minimum and maximum over some cells, in one pass."""
        wanted = self._mask(rows)
        low, high = np.full(self._x.shape[1], np.inf, np.float32), np.full(self._x.shape[1], -np.inf, np.float32)
        for start, block in row_blocks(self._x):
            own = to_dense(block[wanted[start : start + block.shape[0]]])
            if len(own):
                low, high = np.minimum(low, own.min(axis=0)), np.maximum(high, own.max(axis=0))
        return low, high

    def prepare(self, scale: Scale) -> None:
        """Scale what is read from now on."""
        self._scale = scale

    def shuffled(self, rows: np.ndarray, size: int, generator: torch.Generator) -> Iterator[tuple[np.ndarray, Tensor]]:
        """One epoch: batches of rows and their prepared cells; what a buffer leaves over joins the next one."""
        wanted = self._mask(rows)
        starts = torch.arange(0, self._x.shape[0], self._block)
        if len(starts) > self._buffer:
            starts = starts[torch.randperm(len(starts), generator=generator)]
        left: list[Any] = []
        left_rows: list[np.ndarray] = []
        buffers = starts.split(self._buffer)
        for number, own in enumerate(buffers):
            for start in own.sort().values.tolist():
                chosen = wanted[start : start + self._block]
                left.append(self._x[start : start + self._block][chosen])
                left_rows.append(start + np.flatnonzero(chosen))
            x, held = _stacked(left), np.concatenate(left_rows)
            order = torch.randperm(len(held), generator=generator).numpy()
            full = len(held) if number == len(buffers) - 1 else len(held) // size * size
            for begin in range(0, full, size):
                cells = order[begin : min(begin + size, full)]
                yield held[cells], self._ready(x[cells])
            left, left_rows = [x[order[full:]]], [held[order[full:]]]

    def held(self, rows: np.ndarray, seed: int) -> tuple[np.ndarray, Tensor]:
        """Some cells, prepared, in one tensor: at most `VALIDATION`, drawn at random."""
        if len(rows) > VALIDATION:
            rows = np.sort(np.random.default_rng(seed).choice(rows, VALIDATION, replace=False))
        return rows, self._ready(self._x[rows]) if len(rows) else torch.empty(0, self._x.shape[1])

    def in_order(self) -> Iterator[tuple[int, Tensor]]:
        """All cells, prepared, with the first row of each part."""
        for start, block in row_blocks(self._x):
            yield start, self._ready(block)

    def _mask(self, rows: np.ndarray) -> np.ndarray:
        mask = np.zeros(self._x.shape[0], dtype=bool)
        mask[rows] = True
        return mask

    @torch.no_grad()
    def _ready(self, x: Any) -> Tensor:
        return self._scale(torch.from_numpy(to_dense(x)).to(self._place))


def training_cells(x: Any, place: torch.device) -> MemoryCells | StoredCells:
    """Cells (n, p) for a training loop on a device."""
    return StoredCells(x, place) if on_disk(x) else MemoryCells(x, place)


def _stacked(parts: list[Any]) -> Any:
    return sparse.vstack(parts, format="csr") if sparse.issparse(parts[0]) else np.concatenate(parts)
