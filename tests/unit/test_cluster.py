"""Remedies for what SLURM says, read from logs as Snakemake and its plug-in write them."""

import re

import pytest
import yaml

from kratos.cluster import remedies


@pytest.fixture(scope="module")
def profiles(project):
    read = {path.parent.name: path.read_text(encoding="utf-8") for path in (project / "profiles").glob("*/config.yaml")}
    return {name: yaml.safe_load(text) for name, text in read.items()}


def test_the_profile_groups_rules_that_exist(project, profiles):
    """Snakemake takes a misspelt rule without a word, and its jobs would be queued one by one."""
    text = "".join(path.read_text(encoding="utf-8") for path in (project / "rules").glob("*.smk"))
    groups = dict(entry.split("=") for entry in profiles["slurm"]["groups"])
    assert set(groups) <= set(re.findall(r"^rule (\w+):", text, re.MULTILINE))
    assert {entry.split("=")[0] for entry in profiles["slurm"]["group-components"]} == set(groups.values())


def test_the_profile_keeps_what_the_default_one_sets(profiles):
    """`--workflow-profile` replaces profiles/default; a cluster's queue is spared more than a machine's."""
    assert profiles["default"].keys() <= profiles["slurm"].keys()
    differ = {key for key, value in profiles["default"].items() if profiles["slurm"][key] != value}
    assert differ == {"max-jobs-per-timespan"}


TIMEOUT = """[Tue Nov 24 18:59:26 2026]
Error in rule train:
    message: SLURM-job '7' failed, SLURM status is: 'TIMEOUT'. Detailed failure reason unavailable.
    jobid: 2
Logfile logs/train.log:
slurmstepd: error: *** JOB 7 ON node1 CANCELLED AT 2026-11-24T19:00:00 DUE TO TIME LIMIT ***
"""

GROUP = """[Tue Nov 24 18:59:26 2026]
    message: None
    log: slurm_logs/3.log (check log file(s) for error details)
    jobs:
        rule rank:
            jobid: 1
        rule auroc:
            jobid: 2
Logfile slurm_logs/3.log:
slurmstepd: error: Detected 1 oom-kill event(s) in StepId=3.batch cgroup.
"""


def test_a_time_limit_names_the_rule_and_what_to_raise():
    (remedy,) = remedies(TIMEOUT)
    assert remedy.startswith("train: stopped at its time limit (TIMEOUT)")
    assert "--set-resources train:runtime=MINUTES" in remedy


def test_a_group_is_named_by_its_rules():
    (remedy,) = remedies(GROUP)
    assert remedy.startswith("rank, auroc: out of memory")
    assert "--set-resources rank:mem_mb=MEGABYTES" in remedy


def test_retries_are_told_of_once():
    assert len(remedies(TIMEOUT * 3 + GROUP + TIMEOUT)) == 2


def test_a_job_s_own_failure_needs_no_remedy_of_the_cluster():
    assert remedies("Error in rule train:\n    message: None\nError: cells.h5ad has no cell types\n") == []
    assert remedies("") == []
