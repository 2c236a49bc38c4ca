"""How a table or figure was computed, from the receipts: its jobs, seeds, data, software and cost."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from kratos.receipts import NOT_RECORDED, read_benchmark


@dataclass(frozen=True)
class Making:
    """For the template; times in seconds, memory in MB, NaN where a benchmark is missing."""

    rule: str
    jobs: list[tuple[str, int]]
    seeds: list[str]
    fingerprints: list[tuple[str, str]]
    versions: list[str]
    own_s: float
    wall_s: float
    cpu_s: float
    peak_mb: float


def behind(receipts: pd.DataFrame, files: Sequence[str]) -> pd.DataFrame:
    """Rows of the files, with the rankings and trainings that they start from."""
    own = receipts[receipts["file"].isin(files)]
    runs = receipts["dataset"].isin(own["dataset"]) & receipts["seed"].isin(own["seed"])
    rankings = (receipts["evaluation"] == "rankings") & receipts["method"].isin(own.loc[own["method"] != "", "method"])
    # Rows without a method (projections, clustering) show every model of the data set.
    models = receipts["model"] if (own["method"] == "").any() else own["model"]
    trainings = (receipts["evaluation"] == "training") & receipts["model"].isin(models)
    return receipts[receipts["file"].isin(files) | (runs & (rankings | trainings))]


def making(receipts: pd.DataFrame, files: Sequence[str], rule: str, benchmark: str) -> Making:
    """How what is made of `files` came about.

    Parameters
    ----------
    receipts
        From `kratos.receipts.receipt_rows`, with empty texts as ``""``.
    files
        Evaluation files that it is made of.
    rule, benchmark
        The rule that drew or tabulated it, and that job's benchmark.
    """
    rows = behind(receipts, files)
    digests = rows.loc[rows["fingerprint"] != "", ["dataset", "fingerprint"]].drop_duplicates()
    return Making(
        rule=rule,
        jobs=list(rows.groupby("rule", sort=False).size().items()),
        seeds=sorted({str(seed) for seed in rows["seed"]} - {""}, key=int),
        fingerprints=list(digests.itertuples(index=False, name=None)),
        versions=sorted({*rows["versions"]}),
        own_s=read_benchmark(benchmark).get("s", float("nan")),
        wall_s=rows["wall_s"].sum(min_count=1),
        cpu_s=rows["cpu_s"].sum(min_count=1),
        peak_mb=rows["peak_memory_mb"].max(),
    )


def cost_by_rule(receipts: pd.DataFrame) -> pd.DataFrame:
    """Jobs, summed time and largest memory of every rule."""
    by_rule = receipts.groupby("rule", sort=False)
    costs = by_rule.agg(
        jobs=("file", "count"),
        wall_time_s=("wall_s", "sum"),
        cpu_time_s=("cpu_s", "sum"),
        longest_job_s=("wall_s", "max"),
        peak_memory_MB=("peak_memory_mb", "max"),
    )
    return costs.round(1).reset_index()


def software(versions: pd.DataFrame) -> pd.DataFrame:
    """Packages by row, with a column for every set of versions that jobs ran with."""
    if versions.empty:
        return pd.DataFrame({"package": [], "version": []})
    return (
        versions.pivot_table(index="package", columns="versions", values="version", aggfunc="first")
        .fillna("")
        .reset_index()
    )


def commits(receipts: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Commits that jobs ran from, whether the tree was changed, and how many jobs; unrecorded ones last."""
    groups = receipts.groupby(["commit", "dirty"]).size()
    found = [(str(commit), str(dirty), int(count)) for (commit, dirty), count in groups.items()]
    return sorted(found, key=lambda row: (row[0] == NOT_RECORDED, -row[2]))


def duration(seconds: float) -> str:
    """Seconds as a reader says it: ``3.2 s``, ``4 min 10 s``, ``2 h 5 min``."""
    if pd.isna(seconds):
        return "not recorded"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def megabytes(value: float) -> str:
    """Memory with its unit."""
    return "not recorded" if pd.isna(value) else f"{value:,.0f} MB"


def seed_range(seeds: Sequence[str]) -> str:
    """Seeds in words: ``0``, ``0 to 4``, ``0, 2``."""
    numbers = [int(seed) for seed in seeds]
    if len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(seeds) or "none"
