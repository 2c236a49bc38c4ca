"""Receipts: for every result file, what it is, what it was made from and with, and what it cost."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import h5py
import pandas as pd

from kratos.provenance import recorded
from kratos.seeds import derive_seed

# What a rule's seed is derived from, besides the number of the seed; other rules draw nothing, or for many steps.
SEEDED_BY = {
    "train": ("{dataset}", "{method}"),
    "rank": ("{dataset}", "{method}"),
    "auroc": ("{dataset}", "auroc"),
    "transfer": ("{dataset}", "transfer"),
}
COLUMNS = [
    "dataset",
    "seed",
    "method",
    "model",
    "evaluation",
    "rule",
    "file",
    "sha256",
    "derived_seed",
    "params_sha256",
    "fingerprint",
    "versions",
    "commit",
    "dirty",
    "wall_s",
    "cpu_s",
    "peak_memory_mb",
]
NOT_RECORDED = "not recorded"


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    with Path(path).open("rb") as handle:
        digest = sha256()
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def short_digest(value: Any) -> str:
    """First 12 digits of the SHA-256 of a value as JSON with sorted keys."""
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def read_benchmark(path: str | Path) -> dict[str, Any]:
    """Last line of a job's benchmark (``.jsonl``); empty where there is none."""
    path = Path(path)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return json.loads(lines[-1]) if lines else {}


def cells_source(path: str | Path) -> dict[str, Any]:
    """Fingerprint of the cells, and the SHA-256 of each file that they were read from.

    Returns
    -------
    dict
        Keys fingerprint and files (name -> SHA-256), from ``uns["source"]``; the matrices are not read.
    """
    with h5py.File(path, "r") as handle:
        source = handle["uns/source"]
        files = {name: value.asstr()[()] for name, value in source.get("files", {}).items()}
        return {"fingerprint": source["fingerprint"].asstr()[()], "files": files}


def job_seed(rule: str, job: Mapping[str, Any], params: Mapping[str, Any]) -> int | None:
    """The seed that a job derived from its names, or None for a rule that takes none of its own.

    A variant of a data set may share the seeds of the data set that its params name as ``seeded_as``.
    """
    if rule not in SEEDED_BY or job["seed"] == "":
        return None
    shared = [value["seeded_as"] for value in params.values() if isinstance(value, Mapping) and "seeded_as" in value]
    names = {"dataset": shared[0] if shared else job["dataset"], "method": job["method"] or job["model"]}
    return derive_seed(*(part.format(**names) for part in SEEDED_BY[rule]), int(job["seed"]))


def receipt_rows(
    jobs: Sequence[Mapping[str, Any]], fingerprints: Mapping[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row per result file, and the versions that the rows name.

    Parameters
    ----------
    jobs
        Keys file, rule, log, benchmark, evaluation, dataset, seed, method, model; the last three may be empty.
    fingerprints
        Digest of the cells of every data set (`kratos.cells.fingerprint`).

    Returns
    -------
    receipts, versions
        Columns `COLUMNS` (times in seconds, memory in MB: resident set at its peak); columns versions, package,
        version. What an older log or a missing benchmark does not say is empty, or ``not recorded``.
    """
    rows, environments = [], {}
    for job in jobs:
        benchmark, made = read_benchmark(job["benchmark"]), recorded(job["log"])
        params = benchmark.get("params") or {}
        key = short_digest(made["versions"]) if made else NOT_RECORDED
        if made:
            environments[key] = made["versions"]
        rows.append(
            {key: job[key] for key in ("dataset", "seed", "method", "model", "evaluation", "rule", "file")}
            | {
                "sha256": file_digest(job["file"]),
                "derived_seed": job_seed(job["rule"], job, params),
                "params_sha256": short_digest(params) if params else "",
                "fingerprint": fingerprints.get(job["dataset"], ""),
                "versions": key,
                "commit": made["commit"] if made else NOT_RECORDED,
                "dirty": made["dirty"] if made else NOT_RECORDED,
                "wall_s": benchmark.get("s"),
                "cpu_s": benchmark.get("cpu_time"),
                "peak_memory_mb": benchmark.get("max_rss"),
            }
        )
    receipts = pd.DataFrame(rows, columns=COLUMNS)
    whole = receipts["derived_seed"].astype("Int64")
    versions = [(key, *item) for key, own in sorted(environments.items()) for item in sorted(own.items())]
    return receipts.assign(derived_seed=whole), pd.DataFrame(versions, columns=["versions", "package", "version"])
