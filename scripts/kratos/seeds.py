"""Seeds: everything random takes one, derived from names, so that no two steps share a stream."""

from hashlib import sha256

import numpy as np


def derive_seed(*parts: str | int) -> int:
    """Derive a 32-bit seed from what identifies a step, for example ``(dataset, method, seed)``.

    Parameters
    ----------
    *parts
        Names and numbers; order matters, and ``("a", "b")`` differs from ``("ab",)``.

    Returns
    -------
    int
        A seed in [0, 2**32), the same on every machine and in every process.
    """
    words = [int.from_bytes(sha256(f"{type(p).__name__}:{p}".encode()).digest()[:8], "little") for p in parts]
    return int(np.random.SeedSequence(words).generate_state(1, dtype=np.uint32)[0])
