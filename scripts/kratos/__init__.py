"""Kratos: classify cells, explain the classifier, and measure the gene rankings that come out.

The package is the library under the workflow: it never imports ``snakemake``, and importing it is cheap
(heavy libraries are imported where they are used).
"""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """``kratos.tl`` without an import of its own, and without loading torch for those who do not use it."""
    if name == "tl":
        from importlib import import_module

        return import_module("kratos.tl")
    raise AttributeError(f"module 'kratos' has no attribute '{name}'")
