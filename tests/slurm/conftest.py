"""A SLURM cluster of one node, started for the session: see cluster.sh."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "cluster.sh"
# Seconds that a run may take on a machine that does much else; alone on two cores each is well under a minute or two.
PATIENCE = 1800
REQUIRED = os.environ.get("KRATOS_REQUIRE_SLURM") == "1"


def pytest_collection_modifyitems(config, items):
    """Minutes of waiting for a queue: only where they are asked for."""
    if "slurm" in config.option.markexpr:
        return
    for item in items:
        if item.get_closest_marker("slurm"):
            item.add_marker(pytest.mark.skip(reason="`make slurm-test` runs the tests on a SLURM cluster"))


class Cluster:
    """A running cluster: what its commands need in their environment, and questions to it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.variables = {"SLURM_CONF": f"{folder}/slurm.conf", "PATH": f"{folder}/bin:{os.environ['PATH']}"}

    def ask(self, *command):
        """Output of one of SLURM's commands."""
        return subprocess.run(
            command, env={**os.environ, **self.variables}, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    def jobs(self, workflow, states="all"):
        """Jobs of a workflow's folder: number, state, comment (rule), processors, memory, time limit."""
        form = "%i|%T|%k|%C|%m|%l|%Z"
        lines = self.ask("squeue", "--noheader", "--states", states, "--format", form).splitlines()
        rows = [line.split("|") for line in lines]
        return [row[:6] for row in rows if row[6] == str(workflow.folder)]

    def wait_for(self, workflow, rule, process):
        """Number of the running job of a rule, as soon as its script writes a log."""
        log = workflow.folder / "logs" / "planted" / "0" / rule / "net.log"
        for _ in range(PATIENCE * 5):
            running = [job for job, state, comment, *_ in self.jobs(workflow, "RUNNING") if f"rule_{rule}_" in comment]
            if running and log.exists():
                return running[0]
            assert process.poll() is None, process.communicate()[0][-6000:]
            time.sleep(0.2)
        raise AssertionError(f"no job of {rule} ran within {PATIENCE} s")


def is_alive(pid):
    """Whether a process exists and is no zombie."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def start(folder, owner):
    """Start a cluster in a folder and give the process numbers of its daemons."""
    subprocess.run([SCRIPT, "start", folder, str(owner)], check=True, timeout=120)
    daemons = {name: int((folder / f"{name}.pid").read_text()) for name in ("munged", "slurmctld", "slurmd")}
    assert all(map(is_alive, daemons.values())), daemons
    return daemons


@pytest.fixture(scope="session")
def short_folder():
    """A function that makes an empty folder with a short path: a socket's may have 107 characters."""
    return lambda: Path(tempfile.mkdtemp(prefix="kratos-slurm-"))


@pytest.fixture(scope="session")
def start_cluster():
    """A function that starts a cluster in a folder, for as long as a process lives, and gives its daemons' numbers."""
    return start


@pytest.fixture(scope="session")
def alive():
    """A function that tells whether a process exists and is no zombie."""
    return is_alive


@pytest.fixture(scope="session")
def cluster(short_folder):
    """A cluster that stops when the session ends; SLURM is installed where that is possible."""
    installed = subprocess.run([SCRIPT, "install"], capture_output=True, text=True, timeout=400)
    if installed.returncode:
        reason = installed.stderr.strip().splitlines()[-1]
        pytest.fail(reason) if REQUIRED else pytest.skip(reason)
    folder = short_folder()
    daemons = start(folder, os.getpid())
    yield Cluster(folder)
    subprocess.run([SCRIPT, "stop", folder], check=True, timeout=120)
    assert not folder.exists()
    assert not [name for name, pid in daemons.items() if is_alive(pid)]


@pytest.fixture(scope="session")
def on_cluster(cluster, new_workflow):
    """A function that makes a workflow which runs by profiles/slurm on the cluster."""

    def make(name):
        workflow = new_workflow(name)
        workflow.options = ["--workflow-profile", "profiles/slurm", "--slurm-no-account"]
        # This cluster keeps no accounts, its jobs take seconds, and its files are on a disk of this machine.
        workflow.options += ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2"]
        workflow.options += ["--latency-wait", "5"]
        workflow.variables, workflow.timeout = cluster.variables, PATIENCE
        return workflow

    return make


@pytest.fixture(scope="session")
def with_cells(on_cluster, new_workflow):
    """A function that makes a workflow on the cluster whose cells are there already."""
    made = new_workflow("cells")
    made.timeout = PATIENCE
    result = made.run("results/planted/cells.h5ad")
    assert result.returncode == 0, result.stdout

    def make(name):
        workflow = on_cluster(name)
        shutil.copytree(made.folder, workflow.folder, dirs_exist_ok=True)
        return workflow

    return make
