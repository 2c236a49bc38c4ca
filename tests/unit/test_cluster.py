"""Remedies for what SLURM says, read from logs as Snakemake and its plug-in write them."""

from kratos.cluster import remedies

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
