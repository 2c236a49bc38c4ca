"""One thread for what is learned, so that a result depends on its seed and not on how many cores there were."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Run a block, or as ``@one_thread()`` a function, with one thread in torch, BLAS and OpenMP.

    A sum that is split among threads is rounded differently for every number of them, and training carries the
    difference on: with two threads, 40 epochs on 441 cells changed the classifier's loss in its eighth digit and put
    some genes in another order. With batches of 64 cells more threads are no faster.
    """
    before = torch.get_num_threads()
    with threadpool_limits(1):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)
