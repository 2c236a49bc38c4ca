"""Runs that are interrupted, killed, without their file, or two at once: clear words, nothing half-written, resumed."""

import copy
import os
import signal
import time

import h5py
import numpy as np
import pandas as pd
import psutil
import pytest
import torch

pytestmark = pytest.mark.workflow
TARGET = "results/planted/0/rankings/net_ig.parquet"


def until(condition, process=None, seconds=120):
    """Wait for what `condition` gives, as long as the process runs."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert process is None or process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def slow(workflow):
    """The same configuration with a training that takes minutes."""
    config = copy.deepcopy(workflow.config)
    config["models"]["net"]["params"]["epochs"] = 200_000
    return config


def in_training(workflow):
    """Whether the model is being trained: the job's log shows its first epochs."""
    log = workflow.folder / "logs" / "planted" / "0" / "train" / "net.log"
    return log.exists() and "epochs" in log.read_text(encoding="utf-8", errors="replace")


def training_jobs(process):
    """The processes that run rule train's script."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            command = child.cmdline()
        except psutil.Error:
            continue
        if command and "python" in command[0] and any(part.endswith("train.py") for part in command):
            found.append(child)
    return found


def whole_files(folder):
    """Every result can be read; nothing temporary is left beside them. Gives their number."""
    n = 0
    for path in (p for p in folder.rglob("*") if p.is_file()):
        n += 1
        assert not any(part.startswith(".") for part in path.relative_to(folder).parts), path
        if path.suffix == ".parquet":
            pd.read_parquet(path)
        elif path.suffix == ".h5ad":
            with h5py.File(path) as file:
                assert "X" in file
        elif path.suffix == ".npz":
            np.load(path, allow_pickle=False).close()
        elif path.suffix == ".pt":
            torch.load(path, weights_only=True)
    return n


def resume(workflow, finished):
    """Run again to the end, without unlocking, and find the numbers of a run that was never interrupted."""
    cells = workflow.path("planted", "cells.h5ad").stat().st_mtime_ns
    result = workflow.run(TARGET)
    assert result.returncode == 0, result.stdout[-4000:]
    assert workflow.path("planted", "cells.h5ad").stat().st_mtime_ns == cells
    one, other = (pd.read_parquet(w.folder / TARGET) for w in (workflow, finished))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_ctrl_c_leaves_nothing_half_written_and_the_same_command_resumes(new_workflow, finished):
    workflow = new_workflow("interrupted")
    process = workflow.start(TARGET, config=slow(workflow))
    until(lambda: in_training(workflow), process)
    os.killpg(process.pid, signal.SIGINT)
    output = process.communicate(timeout=120)[0]
    assert process.returncode != 0
    assert "Complete log" in output
    assert whole_files(workflow.path()) == 1
    assert not workflow.path("planted", "0", "net", "model.pt").exists()
    resume(workflow, finished)


def test_a_killed_job_is_named_with_its_log_and_the_same_command_resumes(new_workflow, finished):
    """As the system does it when memory runs out."""
    workflow = new_workflow("worker")
    process = workflow.start(TARGET, config=slow(workflow))
    until(lambda: in_training(workflow), process)
    for job in until(lambda: training_jobs(process), process):
        job.kill()
    output = process.communicate(timeout=120)[0]
    assert process.returncode != 0
    assert "Error in rule train" in output
    assert "died with <Signals.SIGKILL: 9>" in output or "exit code" in output or "exit status" in output
    assert "logs/planted/0/train/net.log" in output
    assert "Its log names the cause; finished results are kept, and the same command resumes." in output
    resume(workflow, finished)
    assert whole_files(workflow.path()) == 5


def test_a_second_run_in_the_same_folder_is_told_to_wait(new_workflow):
    workflow = new_workflow("twice")
    process = workflow.start(TARGET, config=slow(workflow))
    try:
        until(lambda: in_training(workflow), process)
        second = workflow.run(TARGET)
        assert second.returncode != 0
        assert "Directory cannot be locked" in second.stdout
        assert "make sure that no other Snakemake process is trying to create the same files" in second.stdout
        assert "--unlock" in second.stdout
        assert process.poll() is None  # the first run goes on
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)


def test_a_missing_file_is_one_sentence(new_workflow):
    workflow = new_workflow("missing")
    config = copy.deepcopy(workflow.config)
    config["datasets"]["planted"]["params"]["path"] = "gone.h5ad"
    result = workflow.run("results/planted/cells.h5ad", config=config)
    assert result.returncode != 0
    assert f"gone.h5ad does not exist in {workflow.folder}: correct datasets.planted.params.path" in result.stdout
    assert "localrule cells" not in result.stdout
