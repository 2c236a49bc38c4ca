"""How long a finished run would take on more nodes: its jobs' measured times, list-scheduled along its own DAG.

List scheduling (Graham, SIAM J. Appl. Math. 17, 1969) starts the ready job with the longest way to the end whenever it
fits; it takes at most 2 - 1/m times the optimum on m processors, and never less than the critical path.
"""

import heapq
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path

import networkx as nx

from kratos.errors import KratosError


def read_run(folder: str | Path, target: str, clock: str = "s") -> nx.DiGraph:
    """Jobs that a file was made by and who waits for whom, as Snakemake recorded them.

    Parameters
    ----------
    folder
        Where the run's ``.snakemake``, ``logs`` and ``benchmarks`` are.
    target
        The run's last file, relative to `folder`. A run that failed has not made it; jobs that it does not need, those
        of an earlier configuration for instance, are left out.
    clock
        Of the benchmarks: ``s``, by the wall, or ``cpu_time``, for a run on a machine that was busy with other work.

    Returns
    -------
    A graph from job to job. Nodes are named as the job's log, and have ``rule``, ``seconds`` (of the benchmark; of
    Snakemake's record for a rule without one) and ``cores``.

    Raises
    ------
    KratosError
        If there is no record of the target, or a job has not ended.
    """
    folder = Path(folder)
    base = folder / ".snakemake" / "metadata"
    graph, made_by, inputs = nx.DiGraph(), {}, {}
    for path in sorted(p for p in base.rglob("*") if p.is_file()):
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["incomplete"] or record["endtime"] is None or not record["log"]:
            raise KratosError(f"{path} is the record of a job that has not ended: finish the run first")
        name = record["log"][0]
        # Snakemake cuts long names into folders that begin with @.
        encoded = "".join(part.removeprefix("@") for part in path.relative_to(base).parts)
        made_by[urlsafe_b64decode(encoded).decode()] = name
        inputs.setdefault(name, set()).update(record["input"])
        benchmark = folder / "benchmarks" / Path(*Path(name).parts[1:]).with_suffix(".jsonl")
        seconds = record["endtime"] - record["starttime"]
        if benchmark.exists():
            seconds = json.loads(benchmark.read_text(encoding="utf-8").splitlines()[-1])[clock]
        graph.add_node(name, rule=record["rule"], seconds=seconds, cores=1)
    if target not in made_by:
        raise KratosError(
            f"{base} has no record of {target}: name the folder of a finished run, or a file that it made"
        )
    for name, files in inputs.items():
        graph.add_edges_from((made_by[file], name) for file in files if file in made_by)
    return graph.subgraph({made_by[target], *nx.ancestors(graph, made_by[target])}).copy()


def group_jobs(graph: nx.DiGraph, groups: Mapping[str, str], components: Mapping[str, int], cores: int) -> nx.DiGraph:
    """Merge jobs as Snakemake's ``groups`` and ``group-components`` do; a group runs `cores` of its jobs at a time.

    Parameters
    ----------
    graph
        Jobs with ``rule``, ``seconds`` and ``cores``.
    groups
        Group of each grouped rule.
    components
        Connected parts of the workflow that go into one job of each group, 1 when it is not named.
    cores
        The most that a group's job asks for.

    Returns
    -------
    A graph of the jobs that the cluster sees, with ``rule``, ``seconds`` and ``cores``.

    Raises
    ------
    KratosError
        If a group would wait for itself.
    """
    merged = {name: name for name in graph}
    for group in dict.fromkeys(groups.values()):
        inside = graph.subgraph(n for n, rule in graph.nodes(data="rule") if groups.get(rule) == group)
        parts = sorted(map(sorted, nx.weakly_connected_components(inside)))
        size = components.get(group, 1)
        for start in range(0, len(parts), size):
            members = [name for part in parts[start : start + size] for name in part]
            merged.update(dict.fromkeys(members, f"{group} {start // size + 1} ({len(members)} jobs)"))
    result = nx.DiGraph()
    for name in dict.fromkeys(merged.values()):
        members = graph.subgraph(n for n in graph if merged[n] == name)
        times = schedule(members, nodes=1, cores=cores)
        events = sorted([(s, 1) for s, _ in times.values()] + [(e, -1) for _, e in times.values()])
        width = max(accumulate(step for _, step in events))
        rule = "+".join(sorted(set(nx.get_node_attributes(members, "rule").values())))
        result.add_node(name, rule=rule, seconds=max(end for _, end in times.values()), cores=max(width, 1))
    result.add_edges_from((merged[a], merged[b]) for a, b in graph.edges if merged[a] != merged[b])
    if not nx.is_directed_acyclic_graph(result):
        cycle = " -> ".join(a for a, _ in nx.find_cycle(result))
        raise KratosError(f"the groups wait for each other ({cycle}): use other groups or fewer group-components")
    return result


def with_latency(graph: nx.DiGraph, latency: float) -> nx.DiGraph:
    """A copy whose jobs take `latency` seconds more each, for the queue and the start on a node."""
    result = graph.copy()
    nx.set_node_attributes(result, {n: s + latency for n, s in graph.nodes(data="seconds")}, "seconds")
    return result


def time_to_the_end(graph: nx.DiGraph) -> dict[str, float]:
    """Seconds from the start of each job to the end of the longest chain of jobs that follows it."""
    longest: dict[str, float] = {}
    for name in reversed(list(nx.topological_sort(graph))):
        longest[name] = graph.nodes[name]["seconds"] + max((longest[n] for n in graph.successors(name)), default=0.0)
    return longest


def critical_path(graph: nx.DiGraph) -> list[str]:
    """The chain of jobs that takes longest: no number of nodes makes the run shorter."""
    longest = time_to_the_end(graph)
    path, ready = [], list(graph)
    while ready:
        path.append(max(ready, key=lambda name: (longest[name], name)))
        ready = list(graph.successors(path[-1]))
    return path


def schedule(graph: nx.DiGraph, *, nodes: int, cores: int) -> dict[str, tuple[float, float]]:
    """Start and end of every job (seconds) on `nodes` nodes of `cores` cores each.

    Raises
    ------
    KratosError
        If a job needs more cores than a node has.
    """
    for name, needed in graph.nodes(data="cores"):
        if needed > cores:
            raise KratosError(f"job '{name}' asks for {needed} cores and a node has {cores}: use larger nodes")
    longest = time_to_the_end(graph)
    waiting = {name: graph.in_degree(name) for name in graph}
    ready = [(-longest[name], name) for name, count in waiting.items() if count == 0]
    free, running, times, now = [cores] * nodes, [], {}, 0.0
    while ready or running:
        blocked = []
        for priority, name in sorted(ready):
            needed = graph.nodes[name]["cores"]
            node = next((i for i, left in enumerate(free) if left >= needed), None)
            if node is None:
                blocked.append((priority, name))
                continue
            free[node] -= needed
            times[name] = now, now + graph.nodes[name]["seconds"]
            heapq.heappush(running, (times[name][1], name, node))
        ready = blocked
        now = running[0][0]
        while running and running[0][0] == now:
            _, name, node = heapq.heappop(running)
            free[node] += graph.nodes[name]["cores"]
            for follower in graph.successors(name):
                waiting[follower] -= 1
                if waiting[follower] == 0:
                    ready.append((-longest[follower], follower))
    return times


def makespan(graph: nx.DiGraph, *, nodes: int, cores: int) -> float:
    """Seconds from the first job's start to the last one's end."""
    return max(end for _, end in schedule(graph, nodes=nodes, cores=cores).values())
