"""The plug-ins and configurations that CONTRIBUTING.md and config/README.md show work as they are shown."""

import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import yaml

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def repository(project, tmp_path_factory):
    """A copy of the repository with the examples in it."""
    copy = tmp_path_factory.mktemp("contributing") / "repository"
    copy.mkdir()
    for name in ("Snakefile", "rules", "scripts", "config", "envs", "report", "pyproject.toml", "CONTRIBUTING.md"):
        source = project / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    text = (project / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for path, code in re.findall(r"```python\n# (\S+)\n(.*?)```", text, re.DOTALL):
        assert not (copy / path).exists()
        (copy / path).write_text(code, encoding="utf-8")
    config = re.search(r"```yaml\n(.*?)```", text, re.DOTALL).group(1)
    (copy / "wines.yaml").write_text(config, encoding="utf-8")
    return copy


def examples(repository):
    text = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n# (\S+)\n", text)


def test_there_is_a_short_example_of_every_kind_of_plug_in(repository):
    from kratos.plugins import FAMILIES

    assert {path.split("/")[2] for path in examples(repository)} == set(FAMILIES)
    for path in examples(repository):
        assert len((repository / path).read_text(encoding="utf-8").splitlines()) <= 40, path


def test_the_examples_keep_the_style_of_the_house(repository):
    for command in (["check"], ["format", "--check"]):
        result = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *examples(repository)],
            cwd=repository,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stdout + result.stderr


def test_the_examples_run_without_any_rule_changed(repository):
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "wines.yaml", "--directory", "wines"]
    result = subprocess.run(
        command, cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=500
    )
    assert result.returncode == 0, result.stdout[-5000:]
    results = repository / "wines" / "results"
    table = pd.read_csv(results / "tables" / "panels.csv")
    assert set(table["method"]) == {"Gradient", "Fold change"}
    assert set(table["cell_type"]) == {"grower 0", "grower 1", "grower 2"}
    assert (table["gene"].str.split().map(len) == 3).all()
    # By chance 0.5: a few of 13 measurements tell growers apart.
    bars = pd.read_csv(results / "figures" / "bars.csv").set_index("method")["auroc"]
    assert set(bars.index) == {"centroid_gradient", "fold_change"}
    assert (bars > 0.75).all()
    assert (results / "figures" / "bars.svg").stat().st_size > 1000


def test_the_configuration_for_one_s_own_cells_makes_a_plan(project, new_workflow):
    workflow = new_workflow("own")
    text = (project / "config" / "README.md").read_text(encoding="utf-8")
    config = re.search(r"```yaml\n(.*?)```", text, re.DOTALL).group(1)
    (workflow.folder / "planted.h5ad").rename(workflow.folder / "my.h5ad")
    planned = workflow.planned(config=yaml.safe_load(config))
    assert planned == {"cells": 1, "train": 1, "rank": 2, "auroc": 2, "table": 1, "figure": 1, "summary": 1}
