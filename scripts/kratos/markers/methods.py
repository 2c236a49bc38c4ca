"""Methods by name, for `kratos.tl`: the same as in config/run.yaml, which may change their parameters."""

from typing import Any

from kratos.errors import KratosError
from kratos.plugins import check_parameters, suggest

MODELS: dict[str, dict[str, Any]] = {
    "kratos": {"kind": "classifier"},
    "ace": {"kind": "ace", "params": {"concrete": True, "cells": "train", "matching": "hungarian"}},
    "autoencoder": {
        "kind": "ace",
        "params": {"concrete": False, "scaling": "minmax", "cells": "train", "matching": "hungarian"},
    },
}
EXPLAINERS: dict[str, dict[str, Any]] = {
    "cw": {"kind": "adversarial"},
    "sg": {"kind": "smoothgrad"},
    "ig": {"kind": "integrated_gradients"},
    "gce": {"kind": "gce", "params": {"max_steps": 4000}},
}
METHODS: dict[str, dict[str, Any]] = {
    "kratos_cw": {"model": "kratos", "explainer": "cw"},
    "kratos_sg": {"model": "kratos", "explainer": "sg"},
    "kratos_ig": {"model": "kratos", "explainer": "ig"},
    "ace_cw": {"model": "ace", "explainer": "cw"},
    "ace_sg": {"model": "ace", "explainer": "sg"},
    "ace_ig": {"model": "ace", "explainer": "ig"},
    "gce": {"model": "autoencoder", "explainer": "gce"},
    "wilcoxon": {"ranker": "scanpy_groups", "params": {"method": "wilcoxon", "tie_correct": True}},
    "wilcoxon_abs": {
        "ranker": "scanpy_groups",
        "params": {"method": "wilcoxon", "tie_correct": True, "absolute": True},
    },
    "ttest": {"ranker": "scanpy_groups", "params": {"method": "t-test"}},
    "ttest_abs": {"ranker": "scanpy_groups", "params": {"method": "t-test", "absolute": True}},
    "logreg": {"ranker": "scanpy_groups", "params": {"method": "logreg"}},
    "logreg_abs": {"ranker": "scanpy_groups", "params": {"method": "logreg", "absolute": True}},
    "cosg": {"ranker": "cosg"},
    "nsforest": {"ranker": "nsforest"},
    "l1_logistic": {"ranker": "l1_logistic"},
    "random": {"ranker": "random_genes"},
}


def method_named(name: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """A method's parts, with parameters of its ranker or explainer changed.

    Returns
    -------
    dict
        ``ranker`` and ``params``, or ``model``, ``explainer`` (its kind) and ``params`` (the explainer's).

    Raises
    ------
    KratosError
        For an unknown method or parameter, offering the closest.
    """
    if name not in METHODS:
        raise KratosError(f"unknown method '{name}'{suggest(name, list(METHODS))}")
    method = METHODS[name]
    if "ranker" in method:
        own = {**method.get("params", {}), **(params or {})}
        check_parameters("rank", method["ranker"], own, ("seed",))
        return {"ranker": method["ranker"], "params": own}
    explainer = EXPLAINERS[method["explainer"]]
    own = {**explainer.get("params", {}), **(params or {})}
    check_parameters("explain", explainer["kind"], own, ("seed", "target"))
    return {"model": method["model"], "explainer": explainer["kind"], "params": own}


def model_named(name: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """Kind and parameters of a model, with parameters changed; errors as `method_named`."""
    if name not in MODELS:
        raise KratosError(f"unknown model '{name}'{suggest(name, list(MODELS))}")
    model = MODELS[name]
    own = {**model.get("params", {}), **(params or {})}
    check_parameters("models", model["kind"], own, ("seed", "device"))
    return {"kind": model["kind"], "params": own}
