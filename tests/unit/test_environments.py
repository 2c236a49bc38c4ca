"""Each rule's conda environment holds what its script imports, through the library and every plug-in that it may load.

Snakemake lets scripts fall back on its own installation, so a package that an environment lacks shows only elsewhere.
"""

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from rattler import MatchSpec

PROJECT = Path(__file__).parents[2]
SCRIPTS = PROJECT / "scripts"

# Where a conda package is not called as the module that it brings. urllib3 is part of what requests offers.
CONDA_PACKAGES = {
    "matplotlib": "matplotlib-base",
    "sklearn": "scikit-learn",
    "torch": "pytorch",
    "umap": "umap-learn",
    "urllib3": "requests",
    "yaml": "pyyaml",
}
PYPI_NAMES = {"matplotlib-base": "matplotlib", "pytorch": "torch"}
# What is needed without being imported here: by a method of pandas, or by a package that does not say so.
METHODS = {"read_parquet": "pyarrow", "to_parquet": "pyarrow"}
UNDECLARED = {"nsforest": {"plotly"}}
# Not in requirements.lock, which begins above them.
FRAME = {"python": "3.11.*", "pip": "25.*"}


def rule_environments():
    """Environment file of every rule, and the script that it runs."""
    pairs = {}
    for path in sorted((PROJECT / "rules").glob("*.smk")):
        for body in re.split(r"^rule ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            environment, script = (re.search(rf'"\.\./{p}"', body) for p in (r"envs/([\w.]+)", r"scripts/(\w+)\.py"))
            if script:
                pairs[script.group(1)] = environment.group(1)
    assert len(pairs) >= 10
    return pairs


def environment_files():
    return sorted((PROJECT / "envs").glob("*.yaml"))


def read_environment(path):
    """Dependencies of an environment by name: those of conda as match specifications, and those of its pip block."""
    listed = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]
    specs = [MatchSpec(entry, strict=True) for entry in listed if isinstance(entry, str)]
    pip = [line.split("==") for entry in listed if isinstance(entry, dict) for line in entry["pip"]]
    return {spec.name.normalized: spec for spec in specs}, {normal(name): version for name, version in pip}


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def locked():
    lines = (PROJECT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return {normal(name): version for name, version in (line.split("==") for line in lines)}


# ------------------------------------------------------------------------------------------------------------------
# The import graph


def for_type_checkers(node):
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def statements(node):
    """All nodes below a node, without those that only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if not for_type_checkers(child):
            yield child
            yield from statements(child)


def module_path(name):
    """File of a module of the library, None for a name that is no module."""
    path = SCRIPTS.joinpath(*name.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.exists()), None)


@cache
def imports(path):
    """Modules that a file imports, plug-ins included, and packages that its calls of pandas need."""
    modules, packages = set(), set()
    for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Attribute) and node.attr in METHODS:
            packages.add(METHODS[node.attr])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "plugin":
            modules |= {f"kratos.{family}.{name}" for family in [node.args[0].value] for name in plugins(family)}
    return frozenset(modules), frozenset(packages)


def plugins(family):
    return [path.stem for path in (SCRIPTS / "kratos" / family).glob("*.py")]


def needed(path):
    """Third-party packages, by their names in conda, that running a file may import, and through which file."""
    found, seen, queue = {}, set(), [path]
    while queue:
        current = queue.pop()
        if current in seen:
            continue
        seen.add(current)
        modules, packages = imports(current)
        for name in modules:
            top = name.split(".")[0]
            if top == "kratos":
                parts = name.split(".")
                parents = [module_path(".".join(parts[: i + 1])) for i in range(len(parts))]
                queue += [p for p in parents if p]
            elif top not in sys.stdlib_module_names:
                packages |= {CONDA_PACKAGES.get(top, normal(top))} | UNDECLARED.get(top, set())
        found |= {package: current.relative_to(PROJECT) for package in packages}
    return found


# ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", sorted(rule_environments()))
def test_a_rule_s_environment_holds_all_that_its_script_imports(script):
    conda, pip = read_environment(PROJECT / "envs" / rule_environments()[script])
    wanted = needed(SCRIPTS / f"{script}.py")
    assert "numpy" in wanted or script in ("download", "summary")
    assert {package: str(file) for package, file in wanted.items() if package not in {*conda, *pip}} == {}


def test_no_environment_holds_what_no_rule_of_it_imports():
    wanted = {}
    for script, environment in rule_environments().items():
        wanted.setdefault(environment, set()).update(needed(SCRIPTS / f"{script}.py"))
    for path in environment_files():
        conda, pip = read_environment(path)
        assert {*conda, *pip} - set(FRAME) - wanted[path.name] == set(), path.name


def test_the_walk_through_imports_finds_plug_ins_and_what_functions_import():
    """The walk itself: rank reaches COSG by a plug-in's name alone, cells reaches rdata in a function of a module."""
    rank, cells = needed(SCRIPTS / "rank.py"), needed(SCRIPTS / "cells.py")
    assert {"cosg", "nsforest", "plotly", "pytorch", "captum", "pyarrow", "threadpoolctl"} <= set(rank)
    assert {"rdata", "scanpy", "pyarrow"} <= set(cells)
    assert "pytorch" not in cells


def test_environments_pin_the_versions_of_the_lock_in_conda_s_own_grammar():
    pins = locked()
    for path in environment_files():
        conda, pip = read_environment(path)
        assert ("pip" in conda) == bool(pip), path.name
        for name, spec in conda.items():
            wanted = FRAME.get(name) or f"=={pins[normal(PYPI_NAMES.get(name, name))]}"
            assert str(spec.version) == wanted, f"{path.name}: {spec}"
        for name, version in pip.items():
            assert version == pins[name], f"{path.name}: {name}"


def test_environments_take_conda_forge_first_and_never_the_defaults():
    assert environment_files()
    for path in environment_files():
        environment = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert environment["channels"] == ["conda-forge", "bioconda", "nodefaults"], path.name
        assert set(environment) == {"channels", "dependencies"}, path.name


def test_planning_a_run_needs_only_what_snakemake_brings():
    """With --sdm conda the Snakefile is read where only Snakemake is installed."""
    brought = {"snakemake", "jsonschema", "pyyaml"}
    for path in [PROJECT / "Snakefile", *(PROJECT / "rules").glob("*.smk")]:
        for line in re.findall(r"^ *((?:from|import) [\w. ]+.*)", path.read_text(encoding="utf-8"), re.MULTILINE):
            (node,) = ast.parse(line.strip()).body
            for name in [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]:
                if name.split(".")[0] == "kratos":
                    assert set(needed(module_path(name))) <= brought, name
                else:
                    assert name.split(".")[0] in {"snakemake", *sys.stdlib_module_names}, name
