"""What users read agrees with the code, and the lock with what is wanted."""

import re
import subprocess
import sys

import numpy as np
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
