"""Plug-ins: a data set loader, model, explainer, ranker or figure is one module in its package, found by its file name.

Its keyword-only parameters, with their annotations and defaults, are its configuration: they are read from the source
without importing it, so that a typo in a config file is reported before any job starts and without loading torch.
"""

import ast
import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from kratos.errors import KratosError

ROOT = Path(__file__).parent
# family -> (singular as users call it, the function whose keyword-only parameters are the plug-in's configuration)
FAMILIES = {
    "datasets": ("loader", "load"),
    "models": ("model", "fit"),
    "explain": ("explainer", "explain"),
    "rank": ("ranker", "rank"),
    "tables": ("table", "tabulate"),
    "figures": ("figure", "draw"),
}
SCALARS = {"int": int, "float": (int, float), "str": str, "bool": bool, "None": type(None)}


@dataclass(frozen=True)
class Parameter:
    """A keyword-only parameter of a plug-in: its annotation as written, and whether it has a default."""

    annotation: str
    required: bool


def available(family: str) -> list[str]:
    """Names of a family's plug-ins: its modules that define the family's function."""
    modules = (p for p in (ROOT / family).glob("*.py") if not p.stem.startswith("_"))
    return sorted(p.stem for p in modules if _signature(p, FAMILIES[family][1]) is not None)


def plugin(family: str, name: str) -> ModuleType:
    """Import a plug-in.

    Raises
    ------
    KratosError
        When there is no such plug-in (the message offers the closest name), or a package that it needs is missing.
    """
    check_name(family, name)
    try:
        return importlib.import_module(f"kratos.{family}.{name}")
    except ModuleNotFoundError as error:
        kind = FAMILIES[family][0]
        raise KratosError(f"{kind} '{name}' needs the package '{error.name}': pip install {error.name}") from error


def check_name(family: str, name: str) -> None:
    """Raise a `KratosError` that offers the closest name when `name` is not a plug-in of `family`."""
    names = available(family)
    if name not in names:
        raise KratosError(f"unknown {FAMILIES[family][0]} '{name}'{suggest(name, names)}")


def suggest(name: str, names: list[str]) -> str:
    """End of a message: the closest of `names`, or all of them."""
    close = difflib.get_close_matches(name, names, n=1)
    return f": did you mean '{close[0]}'?" if close else f": choose one of {', '.join(sorted(names))}"


def parameters(family: str, name: str, reserved: tuple[str, ...] = ()) -> dict[str, Parameter]:
    """Keyword-only parameters of a plug-in, read from its source, without those that the workflow itself passes."""
    check_name(family, name)
    arguments = _signature(ROOT / family / f"{name}.py", FAMILIES[family][1])
    found = {}
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if argument.arg not in reserved:
            annotation = ast.unparse(argument.annotation) if argument.annotation else "Any"
            found[argument.arg] = Parameter(annotation, default is None)
    return found


def check_parameters(family: str, name: str, given: Mapping[str, Any], reserved: tuple[str, ...] = ()) -> None:
    """Check parameters from a config file against a plug-in's signature.

    Raises
    ------
    KratosError
        Naming the unknown, missing or ill-typed parameter.
    """
    known = parameters(family, name, reserved)
    for key, value in given.items():
        if key not in known:
            raise KratosError(f"unknown parameter '{key}' of {FAMILIES[family][0]} '{name}'{suggest(key, [*known])}")
        if not _fits(value, known[key].annotation):
            raise KratosError(f"parameter '{key}' of '{name}' must be {known[key].annotation}, not {value!r}")
    for key, parameter in known.items():
        if parameter.required and key not in given:
            raise KratosError(f"{FAMILIES[family][0]} '{name}' needs the parameter '{key}' ({parameter.annotation})")


def constant(family: str, name: str, variable: str, default: Any = None) -> Any:
    """Value of a plug-in's module-level constant (a literal), read from its source."""
    check_name(family, name)
    for node in ast.parse((ROOT / family / f"{name}.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == variable for t in node.targets):
            return ast.literal_eval(node.value)
    return default


def _signature(path: Path, function: str) -> ast.arguments | None:
    if not path.exists():
        return None
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return node.args
    return None


def _fits(value: Any, annotation: str) -> bool:
    """Whether a value from YAML fits an annotation; annotations that YAML cannot express are left to the plug-in."""
    return _node_fits(value, ast.parse(annotation, mode="eval").body)


def _node_fits(value: Any, node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _node_fits(value, node.left) or _node_fits(value, node.right)
    if isinstance(node, ast.Constant):
        return value is None
    if isinstance(node, ast.Name):
        expected = SCALARS.get(node.id)
        return expected is None or (isinstance(value, expected) and (node.id == "bool" or not isinstance(value, bool)))
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        if node.value.id == "Literal":
            choices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return any(value == ast.literal_eval(choice) for choice in choices)
        if node.value.id == "list":
            return isinstance(value, list) and all(_node_fits(item, node.slice) for item in value)
        if node.value.id in {"dict", "Mapping"}:
            return isinstance(value, dict)
    return True
