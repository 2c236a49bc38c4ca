"""Simulated cells: SymSim's model (Zhang, Xu and Yosef, Nature Communications 2019) in vectorised NumPy.

Use `simulate` for cells with known populations and gene effects, and `panel` for the genes of the Kratos paper's
Sec. 6.1 (causal, dependent and noise).
"""

import importlib
from typing import Any

__all__ = ["panel", "simulate"]


def __getattr__(name: str) -> Any:
    # Imported on first use: the simulator needs anndata and SciPy.
    if name in __all__:
        return getattr(
            importlib.import_module("kratos.simulate.genes" if name == "panel" else "kratos.simulate.simulator"), name
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
