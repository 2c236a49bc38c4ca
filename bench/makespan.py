"""How long a finished run would take on a SLURM cluster of 1, 4, 16 … nodes, and which jobs bound it.

Usage: ``PYTHONPATH=scripts python bench/makespan.py FOLDER`` with the folder of a finished run (`.` after `make paper`)
"""

import argparse
from pathlib import Path

import pandas as pd
import yaml

from kratos.makespan import critical_path, group_jobs, makespan, read_run, with_latency

PROFILE = Path(__file__).parents[1] / "profiles" / "slurm" / "config.yaml"
# Within this much of the critical path, more nodes are of no use.
NEAR = 1.05


def pairs(entries: list[str]) -> dict[str, str]:
    """A profile's list of NAME=VALUE."""
    return dict(entry.split("=") for entry in entries)


def main() -> None:
    """Print makespans of single jobs and of the profile's groups, and the critical path with its jobs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--target", default="results/summary.txt", help="the run's last file")
    parser.add_argument("--clock", choices=["s", "cpu_time"], default="s", help="cpu_time if the machine was busy")
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--cores", type=int, default=2, help="of a node, and of a group's job at most")
    parser.add_argument(
        "--latency", type=float, default=20.0, help="seconds of queue, start and notice per job of SLURM"
    )
    options = parser.parse_args()
    profile = yaml.safe_load(PROFILE.read_text(encoding="utf-8"))
    components = {group: int(count) for group, count in pairs(profile["group-components"]).items()}
    single = read_run(options.folder, options.target, options.clock)
    grouped = group_jobs(single, pairs(profile["groups"]), components, options.cores)
    work = sum(seconds for _, seconds in single.nodes(data="seconds"))
    print(
        f"{len(single)} jobs, {work / 60:.1f} minutes of work; {options.latency:g} s of start-up per job of the queue"
    )
    for title, graph in (("every job by itself", single), ("groups of profiles/slurm", grouped)):
        queued = with_latency(graph, options.latency)
        path = critical_path(queued)
        bound = sum(queued.nodes[name]["seconds"] for name in path)
        spans = {n: makespan(queued, nodes=n, cores=options.cores) for n in options.nodes}
        enough = 1
        while makespan(queued, nodes=enough, cores=options.cores) > NEAR * bound and enough < len(queued):
            enough += 1
        table = pd.DataFrame({"nodes": list(spans), "minutes": [s / 60 for s in spans.values()]})
        table["speed-up"] = table["minutes"].iloc[0] / table["minutes"]
        table["efficiency"] = table["speed-up"] * table["nodes"].iloc[0] / table["nodes"]
        print(f"\n{title}: {len(graph)} jobs of the queue, nodes of {options.cores} cores")
        print(table.round(2).to_string(index=False))
        print(f"{enough} nodes are within {NEAR - 1:.0%} of the critical path, {bound / 60:.1f} minutes:")
        for name in path:
            print(f"  {queued.nodes[name]['seconds']:8.1f} s  {queued.nodes[name]['rule']:12}  {name}")


if __name__ == "__main__":
    main()
