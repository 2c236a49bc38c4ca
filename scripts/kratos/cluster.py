"""What to do when a cluster refuses or ends a job: remedies read from the log of a run."""

import re

ACCOUNT = "--default-resources slurm_account=NAME slurm_partition=NAME (or the same in profiles/slurm/config.yaml)"

# What SLURM or its plug-in says, and what a user can do; {rule} is a rule of the job.
REMEDIES = {
    r"SLURM status is: 'TIMEOUT'|DUE TO TIME LIMIT": (
        "{rules}: stopped at its time limit (TIMEOUT). Raise it: --set-resources {rule}:runtime=MINUTES"
    ),
    r"SLURM status is: 'OUT_OF_MEMORY'|oom[-_]kill|[Ee]xceeded .*memory limit": (
        "{rules}: out of memory at the last attempt. Raise it: --set-resources {rule}:mem_mb=MEGABYTES"
    ),
    r"Memory specification can not be satisfied|Requested node configuration is not available": (
        "{rules}: no node of the partition has the memory or processors that are asked for. Lower them: "
        "--set-resources {rule}:mem_mb=MEGABYTES, or `cores` of profiles/slurm/config.yaml; or name a partition with "
        "larger nodes"
    ),
    r"[Ii]nvalid account|[Aa]ccount .*appears to be invalid": (
        f"{{rules}}: the cluster wants an account that may use the partition. Name both: {ACCOUNT}"
    ),
    r"[Ii]nvalid partition|No partition specified": (
        f"{{rules}}: the cluster does not know the partition (`sinfo` lists them). Name one: {ACCOUNT}"
    ),
    r"[Ii]nvalid generic resource|[Ii]nvalid Trackable RESource": (
        "{rules}: the partition has no GPU. Name one that has: --set-resources {rule}:slurm_partition=NAME; or set the "
        "models' device to auto"
    ),
}

ONE = re.compile(r"Error in rule (\w+):")
GROUP = re.compile(r" {4}jobs:")
MEMBER = re.compile(r" {8}rule (\w+):")


def remedies(log: str) -> list[str]:
    """Remedies for the failures that the log of a run tells of.

    Parameters
    ----------
    log
        Text of Snakemake's own log, with the failed jobs' logs in it (``show-failed-logs``).

    Returns
    -------
    One sentence per rule or group and kind of failure, in the order of the log; none when no failure was the cluster's.
    """
    found: dict[str, None] = {}
    rules: list[str] = []
    for line in log.splitlines():
        if match := ONE.match(line):
            rules = [match[1]]
        elif GROUP.fullmatch(line):
            rules = []
        elif (match := MEMBER.match(line)) and match[1] not in rules:
            rules.append(match[1])
        for pattern, remedy in REMEDIES.items():
            if rules and re.search(pattern, line):
                found[remedy.format(rules=", ".join(rules), rule=rules[0])] = None
    return list(found)
