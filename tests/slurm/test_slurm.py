"""The workflow by profiles/slurm on a real cluster: its results, its requests, and what happens when jobs fail."""

import copy
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

PATIENCE = 1800  # seconds, on a machine that does much else
pytestmark = pytest.mark.slurm

MODEL = "results/planted/0/net/training.json"


def command_of(process):
    """Words of a process's command, by its number; none when it is gone."""
    try:
        return (Path("/proc") / process / "cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def processes_of(folder):
    """Commands of the processes that work in a workflow's folder, by number."""
    commands = {entry.name: command_of(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    return {number: words for number, words in commands.items() if any(str(folder) in word for word in words)}


def longer(workflow, epochs):
    config = copy.deepcopy(workflow.config)
    config["models"]["net"]["params"]["epochs"] = epochs
    return config


@pytest.fixture(scope="module")
def out_of_time(with_cells):
    """A run whose training never ends within its minute, started first so that other tests go on meanwhile."""
    workflow = with_cells("out_of_time")
    arguments = [MODEL, "--retries", "0", "--set-resources", "train:runtime=1"]
    process = workflow.start(*arguments, config=longer(workflow, 10_000_000))
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def demo(project):
    """The demo with fewer methods: minutes instead of a quarter of an hour on two cores."""
    config = yaml.safe_load((project / "config" / "demo.yaml").read_text(encoding="utf-8"))
    reduced = config["datasets"]["pbmc68k_reduced"]
    reduced |= {"models": ["kratos"], "methods": ["kratos_ig", "wilcoxon", "random"]}
    reduced |= {"evaluations": ["auroc", "redundancy"]}
    methods = {name: config["methods"][name] for name in reduced["methods"]}
    table = {**config["tables"]["table2"], "models": ["kratos"]}
    return {
        **config,
        "datasets": {"pbmc68k_reduced": reduced},
        "models": {"kratos": config["models"]["kratos"]},
        "methods": methods,
        "explainers": {"ig": config["explainers"]["ig"]},
        "grids": {"demo": [0.01, 0.05]},
        "auroc": {"draws": 3},
        "tables": {"table2": table, "auroc_top1": config["tables"]["auroc_top1"]},
        "figures": {"all_methods": config["figures"]["all_methods"]},
    }


@pytest.fixture(scope="module")
def finished_demo(out_of_time, on_cluster, demo):
    workflow = on_cluster("demo")
    workflow.result = workflow.run(config=demo)
    assert workflow.result.returncode == 0, workflow.result.stdout[-6000:]
    return workflow


def test_results_are_those_of_a_local_run(finished_demo, new_workflow, demo):
    local = new_workflow("demo_local")
    local.timeout = PATIENCE
    result = local.run(config=demo)
    assert result.returncode == 0, result.stdout[-6000:]
    files = {str(p.relative_to(local.path())) for p in local.path().rglob("*") if p.is_file()}
    assert files == {str(p.relative_to(finished_demo.path())) for p in finished_demo.path().rglob("*") if p.is_file()}
    # Receipts tell of times and machines.
    compared = [name for name in files if name.endswith((".parquet", ".csv")) and not name.startswith("receipts/")]
    # Three rankings, areas and redundancies; clustering; two tables; the figure's numbers.
    assert len(compared) == 3 * 3 + 1 + 2 + 1
    for name in compared:
        read = pd.read_parquet if name.endswith(".parquet") else pd.read_csv
        frames = [read(workflow.path(name)) for workflow in (local, finished_demo)]
        pd.testing.assert_frame_equal(*frames, check_exact=True, obj=name)
    embeddings = [np.load(w.path("pbmc68k_reduced", "0", "kratos", "embedding.npz")) for w in (local, finished_demo)]
    np.testing.assert_array_equal(embeddings[0]["latent"], embeddings[1]["latent"])


def test_a_job_asks_for_what_its_rule_names(finished_demo, cluster):
    """One processor, 2,000 MB and 30 minutes for training; no job of a rule that is not grouped asks for more."""
    asked = {comment.split("_wildcards")[0]: rest for _, _, comment, *rest in cluster.jobs(finished_demo)}
    assert asked["rule_train"] == ["1", "2000M", "30:00"]
    assert asked["rule_cells"] == ["1", "2000M", "15:00"]


def test_short_jobs_share_jobs_of_the_queue(finished_demo, cluster):
    """Rankings and their evaluations are one job, tables and figure another, the page a third; summary none."""
    jobs = cluster.jobs(finished_demo)
    assert {state for _, state, *_ in jobs} == {"COMPLETED"}
    assert len(jobs) == 6, jobs
    assert finished_demo.result.stdout.count("has been submitted with SLURM jobid") == 6
    # `cores` of the profile; the group's hours are those of its widest layers, one after the other.
    (group,) = [row for row in jobs if "evaluation" in row[2]]
    assert group[3] == "4"


def test_a_second_run_submits_nothing(finished_demo, demo):
    result = finished_demo.run("--dry-run", config=demo)
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout


def test_a_cancelled_job_is_tried_again(out_of_time, with_cells, cluster):
    workflow = with_cells("cancelled")
    process = workflow.start(MODEL, config=longer(workflow, 2000))
    job = cluster.wait_for(workflow, "train", process)
    cluster.ask("scancel", job)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, output[-6000:]
    assert f"SLURM-job '{job}' failed, SLURM status is: 'CANCELLED'" in output
    assert processes_of(workflow.folder) == {}
    first, second = sorted(cluster.jobs(workflow), key=lambda row: int(row[0]))
    assert (first[1], second[1]) == ("CANCELLED", "COMPLETED")
    # The second attempt asks for more memory, not for more time.
    assert (first[4], second[4]) == ("2000M", "4000M")
    assert first[5] == second[5]
    assert workflow.path("planted/0/net/training.json").exists()


def test_a_killed_job_without_retries_fails_clearly_and_the_same_command_resumes(out_of_time, with_cells, cluster):
    workflow = with_cells("killed")
    process = workflow.start(MODEL, "--retries", "0", config=longer(workflow, 2000))
    job = cluster.wait_for(workflow, "train", process)
    processes = processes_of(workflow.folder)
    scripts = [int(number) for number, words in processes.items() if words[1:2] and words[1].endswith(".train.py")]
    assert len(scripts) == 1
    os.kill(scripts[0], signal.SIGKILL)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert "Error in rule train" in output
    assert f"SLURM-job '{job}' failed, SLURM status is: 'FAILED'" in output
    assert "the same command resumes" in output
    assert not workflow.path("planted/0/net/training.json").exists()
    result = workflow.run(MODEL, "--retries", "0", config=longer(workflow, 2000))
    assert result.returncode == 0, result.stdout[-6000:]
    assert result.stdout.count("has been submitted with SLURM jobid") == 1


@pytest.mark.parametrize(
    ("arguments", "device", "said", "remedy"),
    [
        (
            ["--set-resources", "train:mem_mb=10000000"],
            "cpu",
            "Memory specification can not be satisfied",
            "train: no node of the partition has the memory or processors that are asked for. Lower them: "
            "--set-resources train:mem_mb=MEGABYTES",
        ),
        (
            ["--default-resources", "slurm_partition=members"],
            "cpu",
            "Invalid account or account/partition combination",
            "train: the cluster wants an account that may use the partition. Name both: --default-resources "
            "slurm_account=NAME slurm_partition=NAME",
        ),
        (
            ["--default-resources", "slurm_partition=nowhere"],
            "cpu",
            "nvalid partition",
            "train: the cluster does not know the partition (`sinfo` lists them)",
        ),
        ([], "cuda", "--gpus=1", "train: the partition has no GPU. Name one that has"),
    ],
    ids=["memory", "account", "partition", "gpu"],
)
def test_a_refused_job_shows_why_and_what_to_do(out_of_time, with_cells, cluster, arguments, device, said, remedy):
    workflow = with_cells("refused")
    config = copy.deepcopy(workflow.config)
    config["models"]["net"]["device"] = device
    result = workflow.run(MODEL, "--retries", "0", *arguments, config=config)
    assert result.returncode != 0
    assert "SLURM sbatch failed" in result.stdout
    assert said in result.stdout
    assert remedy in result.stdout
    # SLURM may keep a record of a request that it refused; none waits, runs or ran.
    assert cluster.jobs(workflow, "PENDING,RUNNING,COMPLETED,CANCELLED,TIMEOUT") == []


def test_a_job_over_its_time_is_reported_with_its_rule_and_what_to_raise(out_of_time):
    output, _ = out_of_time.communicate(timeout=PATIENCE)
    assert out_of_time.returncode != 0
    assert "SLURM status is: 'TIMEOUT'" in output
    assert "train: stopped at its time limit (TIMEOUT). Raise it: --set-resources train:runtime=MINUTES" in output


def test_a_cluster_ends_with_the_process_that_started_it(cluster, short_folder, start_cluster, alive):
    folder = short_folder()
    owner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    daemons = start_cluster(folder, owner.pid)
    owner.kill()
    owner.wait()
    for _ in range(1200):
        if not folder.exists():
            break
        time.sleep(0.1)
    assert not folder.exists()
    assert not [name for name, pid in daemons.items() if alive(pid)]
    # The session's own cluster is another and goes on.
    assert "idle" in cluster.ask("sinfo") or "mix" in cluster.ask("sinfo")


def test_only_a_cluster_s_own_folder_is_removed(project, tmp_path):
    (tmp_path / "slurm.conf").write_text("ClusterName=mine\n")
    script = project / "tests" / "slurm" / "cluster.sh"
    for command, said in [("stop", "nothing stopped or removed"), ("start", "is not empty")]:
        result = subprocess.run([script, command, tmp_path], capture_output=True, text=True)
        assert result.returncode == 1
        assert said in result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["slurm.conf"]
