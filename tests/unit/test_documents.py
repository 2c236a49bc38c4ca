"""What users read agrees with the code, and the lock with what is wanted."""

import ast
import re
import subprocess
import sys
import tomllib

import numpy as np
import pandas as pd
import pytest


def locked(project):
    lines = (project / "requirements.lock").read_text().splitlines()
    return {name.lower(): version for name, version in (line.split("==") for line in lines)}


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_pins_every_direct_dependency(project):
    direct = [
        re.split(r"[<>=]", line)[0].strip()
        for line in (project / "requirements.in").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    pinned = {normal(name) for name in locked(project)}
    assert {normal(name) for name in direct} <= pinned


def test_the_description_of_the_config_is_up_to_date(project):
    command = [sys.executable, str(project / "scripts" / "describe_config.py"), "--check"]
    environment = {"PYTHONPATH": str(project / "scripts"), "PATH": ""}
    assert subprocess.run(command, env=environment, check=False).returncode == 0, "run scripts/describe_config.py"


def test_the_ranker_of_the_readme_works(project, planted_cells):
    example = re.search(r"```python\n(.*?)```", (project / "README.md").read_text(), re.DOTALL).group(1)
    module = {}
    exec(compile(example, "README.md", "exec"), module)
    ranking = module["rank"](planted_cells, seed=0, log=True)
    assert ranking["cell_type"].nunique() == planted_cells.obs["cell_type"].nunique()
    for cell_type, rows in ranking.groupby("cell_type"):
        own = planted_cells[planted_cells.obs["cell_type"] == cell_type].to_df()
        best = rows.loc[rows["rank"] == 1, "gene"].item()
        np.testing.assert_allclose(own[best].var(ddof=0), own.var(ddof=0).max(), rtol=1e-5)


@pytest.mark.parametrize("target", ["demo", "paper", "test", "lint", "env", "bench", "regression"])
def test_the_commands_of_the_readme_exist(project, target):
    assert re.search(rf"^{target}: ", (project / "Makefile").read_text(), re.MULTILINE)


def test_an_installed_library_has_what_it_imports_and_reads(project):
    """`pip install .`: every import of the library is a dependency, every data file is in the package."""
    settings = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    project_of = settings["project"]
    declared = {normal(n) for n in [*project_of["dependencies"], *project_of["optional-dependencies"]["tools"]]}
    # urllib3 is part of what requests offers, markupsafe of jinja2.
    names = {
        "markupsafe": "jinja2",
        "sklearn": "scikit-learn",
        "yaml": "pyyaml",
        "umap": "umap-learn",
        "urllib3": "requests",
    }
    library = project / "scripts" / "kratos"
    for path in library.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) else []
            for module in {name.split(".")[0] for name in modules} - set(sys.stdlib_module_names) - {"kratos"}:
                assert normal(names.get(module, module)) in declared, f"{path.name} imports {module}"
    patterns = settings["tool"]["setuptools"]["package-data"]["kratos"]
    shipped = {path for pattern in patterns for path in library.glob(pattern)}
    kept = {path for path in library.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path for path in kept if path.suffix != ".py"} == shipped


@pytest.mark.parametrize(
    ("deviation", "subject", "metric", "sentence"),
    [
        (
            "cells",
            "Kratos",
            "ari",
            "On all cells, most of them trained on, ARI is {code:.2f}; on test cells it is {paper:.2f}.",
        ),
        (
            "per_cell_scaled_simulated",
            "Kratos_cw",
            "noise genes in the top 20",
            "{paper:.1f} are noise with the former and {code:.1f} with the latter (the paper: {published:g})",
        ),
        ("output", "Kratos_cw", "AUROC at the top 1 %, heldout", "falls from {paper:.2f} to {code:.2f}."),
        ("ig_times_input", "Kratos_ig", "AUROC at the top 1 %, heldout", "AUROC falls from {paper:.2f} to {code:.2f}"),
        ("ig_times_input", "Kratos_ig", "redundancy at the top 1 %", "redundancy from {paper:.2f} to {code:.2f}."),
    ],
)
def test_the_readme_quotes_the_committed_deviations(project, deviation, subject, metric, sentence):
    rows = pd.read_csv(project / "results" / "golden" / "paper" / "deviations.csv")
    row = rows.set_index(["deviation", "subject", "metric"]).loc[(deviation, subject, metric)]
    said = sentence.format(paper=row["paper_value"], code=row["other_value"], published=row["published"])
    readme = " ".join((project / "README.md").read_text(encoding="utf-8").split())
    assert said in readme
    beyond = (rows["beyond_chance"] == "yes").sum()
    assert f"{rows['beyond_chance'].notna().sum()} comparisons over three seeds, {beyond} of them beyond" in readme
