"""Shared fixtures; tests marked ``mirror`` need the folder that KRATOS_MIRROR names."""

import copy
import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

# Before numpy and torch are loaded: small matrices on many threads only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pytest
import yaml

PROJECT = Path(__file__).parents[1]


def pytest_collection_modifyitems(items):
    if os.environ.get("KRATOS_MIRROR"):
        return
    for item in items:
        if item.get_closest_marker("mirror"):
            item.add_marker(pytest.mark.skip(reason="KRATOS_MIRROR is not set: real data not at hand"))


@pytest.fixture(scope="session")
def project():
    """The repository's folder."""
    return PROJECT


# Three types with five planted markers each, and one of three cells.
TYPES = {"Alpha": 40, "Beta": 40, "Gamma": 37, "Rare": 3}
MARKERS = {name: [f"{name}_marker{i}" for i in range(5)] for name in ("Alpha", "Beta", "Gamma")}
GENES = [gene for markers in MARKERS.values() for gene in markers] + [f"gene{i}" for i in range(45)]


@pytest.fixture(scope="session")
def markers():
    """The planted marker genes of each type."""
    return MARKERS


@pytest.fixture(scope="session")
def planted_counts():
    """Counts of 120 cells × 60 genes: every gene has mean 3, a type's markers have mean 20 in its cells."""
    import anndata as ad

    rng = np.random.default_rng(20)
    labels = np.repeat(list(TYPES), list(TYPES.values()))
    mean = np.full((len(labels), len(GENES)), 3.0)
    for name, genes in MARKERS.items():
        mean[np.ix_(labels == name, [GENES.index(g) for g in genes])] = 20.0
    cells = [f"cell{i}" for i in range(len(labels))]
    return ad.AnnData(
        rng.poisson(mean).astype(np.float32),
        obs=pd.DataFrame({"cell_type": pd.Categorical(labels)}, index=cells),
        var=pd.DataFrame(index=GENES),
    )


@pytest.fixture(scope="session")
def prepared_cells(planted_counts):
    from kratos.cells import assign_split

    adata = planted_counts.copy()
    adata.X = np.log1p(adata.X / adata.X.sum(axis=1, keepdims=True) * 1e4).astype(np.float32)
    assign_split(adata)
    return adata


@pytest.fixture
def planted_cells(prepared_cells):
    """The planted counts, log-normalised and split into training, validation and test cells; a copy to change."""
    return prepared_cells.copy()


@pytest.fixture
def linear_model():
    """A function from a weight (K, p), a bias and cell types to a model whose scores are x Wᵀ + b, in float64."""
    import torch

    from kratos.models.base import CellModel

    class Linear(CellModel):
        kind = "linear"

        def __init__(self, weight, bias, cell_types=None):
            super().__init__(
                [f"g{j}" for j in range(weight.shape[1])], cell_types or [f"t{k}" for k in range(len(weight))]
            )
            self.weight = torch.nn.Parameter(torch.as_tensor(weight, dtype=torch.float64))
            self.bias = torch.nn.Parameter(torch.as_tensor(bias, dtype=torch.float64))

        def embed(self, x):
            return x

        def scores(self, x):
            return x @ self.weight.T + self.bias

    return Linear


@pytest.fixture(scope="session")
def trained_classifier(prepared_cells):
    from kratos.models.classifier import fit

    settings = {"hidden": [32, 16], "epochs": 60, "batch_size": 16, "learning_rate": 0.003}
    return fit(prepared_cells, seed=3, **settings)[0].double()


@pytest.fixture
def fitted_classifier(trained_classifier):
    """A small classifier that knows the planted types, in float64 and without gradients of its weights."""
    return copy.deepcopy(trained_classifier).requires_grad_(False)


# ------------------------------------------------------------------------------------------------------------------
# Runs of the real Snakefile


class Workflow:
    """The real workflow in a folder of its own, on the planted cells."""

    def __init__(self, folder, counts):
        self.folder = Path(folder)
        self.config = yaml.safe_load((PROJECT / "tests" / "workflow" / "config.yaml").read_text(encoding="utf-8"))
        self.folder.mkdir(parents=True, exist_ok=True)
        counts.write_h5ad(self.folder / "planted.h5ad")
        # A run ends when its last span is over: see profiles/default.
        self.options, self.variables, self.timeout = ["--cores", "2", "--max-jobs-per-timespan", "100/1s"], {}, 500

    @property
    def command(self):
        return [sys.executable, "-m", "snakemake", *self.options, "--directory", str(self.folder)]

    @property
    def environment(self):
        threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
        return {**os.environ, **dict.fromkeys(threads, "1"), "PYTHONUNBUFFERED": "1", **self.variables}

    def configfile(self, config=None):
        """Write a configuration (the workflow's own when None) and give its path."""
        path = self.folder / f"config{time.monotonic_ns()}.yaml"
        path.write_text(yaml.safe_dump(config or self.config, sort_keys=False), encoding="utf-8")
        return str(path)

    def start(self, *arguments, config=None):
        """Start a run in its own process group and do not wait for it."""
        return subprocess.Popen(
            [*self.command, *arguments, "--configfile", self.configfile(config)],
            cwd=PROJECT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # A shell starts what it runs in the background deaf to Ctrl-C, and the tests may run there.
            preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )

    def run(self, *arguments, config=None):
        """Run to the end; the result has returncode and stdout, which includes what went to stderr."""
        return subprocess.run(
            [*self.command, *arguments, "--configfile", self.configfile(config)],
            cwd=PROJECT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=self.timeout,
        )

    def planned(self, *arguments, config=None):
        """Number of jobs of each rule that a dry run would start, without the target rule."""
        result = self.run("--dry-run", *arguments, config=config)
        assert result.returncode == 0, result.stdout
        if "Job stats:" not in result.stdout:
            assert "Nothing to be done" in result.stdout, result.stdout
            return {}
        lines = result.stdout.split("Job stats:", 1)[1].splitlines()[3:]
        counts = {}
        for line in lines:
            if not line.strip():
                break
            rule, count = line.split()
            counts[rule] = int(count)
        # Receipts and the page follow whatever runs; tests/workflow/test_report.py looks at them.
        return {rule: n for rule, n in counts.items() if rule not in ("total", "all", "receipts", "report_page")}

    def path(self, *parts):
        return self.folder.joinpath("results", *parts)


@pytest.fixture(scope="session")
def new_workflow(tmp_path_factory, planted_counts):
    """A function that makes a fresh folder for runs of the workflow."""
    return lambda name: Workflow(tmp_path_factory.mktemp(name), planted_counts)


@pytest.fixture(scope="session")
def finished(new_workflow):
    """One whole run of the workflow that many tests look at; none may change it."""
    workflow = new_workflow("finished")
    workflow.result = workflow.run()
    assert workflow.result.returncode == 0, workflow.result.stdout[-6000:]
    return workflow
