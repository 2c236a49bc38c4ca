"""List scheduling against known optima and Graham's bound, groups as Snakemake makes them, and records of real runs."""

import json
from base64 import urlsafe_b64encode

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kratos.errors import KratosError
from kratos.makespan import critical_path, group_jobs, makespan, read_run, schedule, with_latency


def jobs(seconds, edges=(), cores=None, rules=None):
    """A graph of jobs from their seconds by name."""
    graph = nx.DiGraph()
    for name, duration in seconds.items():
        graph.add_node(name, seconds=duration, cores=(cores or {}).get(name, 1), rule=(rules or {}).get(name, name))
    graph.add_edges_from(edges)
    return graph


CHAIN = jobs({"a": 3, "b": 4, "c": 5}, [("a", "b"), ("b", "c")])
FORK = jobs({"a": 1, "b": 4, "c": 4, "d": 4, "e": 2}, [("a", n) for n in "bcd"] + [(n, "e") for n in "bcd"])


@pytest.mark.parametrize("nodes", [1, 4, 64])
def test_a_chain_takes_its_length_on_any_number_of_nodes(nodes):
    assert makespan(CHAIN, nodes=nodes, cores=2) == 12
    assert critical_path(CHAIN) == ["a", "b", "c"]


@pytest.mark.parametrize(("nodes", "expected"), [(1, 15), (2, 11), (3, 7), (64, 7)])
def test_a_fork_scales_to_its_width(nodes, expected):
    assert makespan(FORK, nodes=nodes, cores=1) == expected


def test_the_critical_path_names_the_longest_chain():
    graph = jobs({"a": 1, "b": 2, "c": 9, "d": 1}, [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")])
    assert critical_path(graph) == ["a", "c", "d"]


def test_longest_first_gives_seven_where_the_optimum_is_six():
    """Graham 1969: 3, 3, 2, 2, 2 on two processors."""
    graph = jobs({"a": 3, "b": 3, "c": 2, "d": 2, "e": 2})
    assert makespan(graph, nodes=2, cores=1) == 7
    assert makespan(graph, nodes=1, cores=2) == 7


def test_the_job_with_the_longest_way_to_the_end_goes_first():
    """In order of their names, or of their own length, these would take 12 seconds on two processors."""
    graph = jobs({"a": 4, "b": 4, "c": 1, "d": 7}, [("c", "d")])
    assert makespan(graph, nodes=2, cores=1) == 8


def test_a_job_of_two_cores_stays_on_one_node():
    graph = jobs({"a": 5, "b": 5, "c": 5}, cores={"c": 2})
    # a and b on one node, c on the other.
    assert makespan(graph, nodes=2, cores=2) == 5
    assert makespan(graph, nodes=1, cores=2) == 10
    with pytest.raises(KratosError, match="asks for 2 cores and a node has 1"):
        schedule(graph, nodes=8, cores=1)


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 12))
    seconds = draw(st.lists(st.integers(1, 20), min_size=count, max_size=count))
    edges = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=20))
    return jobs({f"j{i:02}": s for i, s in enumerate(seconds)}, [(f"j{a:02}", f"j{b:02}") for a, b in edges if a < b])


@settings(max_examples=150, deadline=None)
@given(graph=graphs(), nodes=st.integers(1, 5))
def test_schedules_are_valid_and_within_grahams_bound(graph, nodes):
    times = schedule(graph, nodes=nodes, cores=1)
    assert set(times) == set(graph)
    assert all(times[a][1] <= times[b][0] for a, b in graph.edges)
    for moment, _ in times.values():
        assert sum(start <= moment < end for start, end in times.values()) <= nodes
    work = sum(nx.get_node_attributes(graph, "seconds").values())
    chains = nx.DiGraph()
    for name, seconds in graph.nodes(data="seconds"):
        chains.add_weighted_edges_from((name, follower, seconds) for follower in [*graph.successors(name), "end"])
    longest = nx.dag_longest_path_length(chains)
    span = max(end for _, end in times.values())
    assert max(longest, work / nodes) <= span <= work / nodes + (1 - 1 / nodes) * longest + 1e-9
    assert sum(graph.nodes[n]["seconds"] for n in critical_path(graph)) == longest


def test_start_up_is_paid_by_every_job_of_the_chain():
    assert makespan(with_latency(CHAIN, 10), nodes=4, cores=1) == 42


EVALUATIONS = jobs(
    {"train": 5, **{f"rank{i}": 2 for i in range(4)}, **{f"auroc{i}": 3 for i in range(4)}, "table": 1},
    [("train", f"rank{i}") for i in range(4)]
    + [(f"rank{i}", f"auroc{i}") for i in range(4)]
    + [(f"auroc{i}", "table") for i in range(4)],
    rules={**{f"{rule}{i}": rule for rule in ("rank", "auroc") for i in range(4)}},
)


@pytest.mark.parametrize(
    ("components", "cores", "queued", "seconds", "width"),
    [
        ({}, 2, 6, 5, 1),
        ({"evaluation": 4}, 2, 3, 10, 2),
        ({"evaluation": 4}, 8, 3, 5, 4),
        ({"evaluation": 3}, 1, 4, 15, 1),
    ],
)
def test_groups_run_their_jobs_on_the_cores_of_one_job(components, cores, queued, seconds, width):
    grouped = group_jobs(EVALUATIONS, {"rank": "evaluation", "auroc": "evaluation"}, components, cores)
    assert len(grouped) == queued
    first = grouped.nodes[next(name for name in grouped if name.startswith("evaluation 1"))]
    assert (first["rule"], first["seconds"], first["cores"]) == ("auroc+rank", seconds, width)
    assert makespan(grouped, nodes=9, cores=8) == 5 + seconds + 1


def test_groups_that_wait_for_each_other_are_refused():
    graph = jobs({"a1": 1, "b1": 1, "a2": 1}, [("a1", "b1"), ("b1", "a2")], rules={"a1": "a", "b1": "b", "a2": "a"})
    with pytest.raises(KratosError, match="wait for each other"):
        group_jobs(graph, {"a": "first"}, {"first": 2}, 1)


def record(folder, output, inputs, log, start, end, **other):
    """A file of Snakemake's metadata, by the name that it gives (see snakemake/persistence/file.py)."""
    encoded = urlsafe_b64encode(output.encode()).decode()
    parts = [encoded[i : i + 30] for i in range(0, len(encoded), 30)]
    path = folder.joinpath(".snakemake", "metadata", *["@" + p for p in parts[:-1]], parts[-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"rule": "r", "input": inputs, "log": log, "starttime": start, "endtime": end, "incomplete": False}
    path.write_text(json.dumps(content | other))


def test_jobs_come_from_snakemakes_records_and_times_from_benchmarks(tmp_path):
    record(tmp_path, "results/a.parquet", ["upstream"], ["logs/d/a.log"], 100, 107, rule="first")
    record(tmp_path, "results/" + "long" * 30, ["upstream"], ["logs/d/a.log"], 100, 107, rule="first")
    record(tmp_path, "results/b.csv", ["results/a.parquet"], ["logs/b.log"], 107, 110)
    (tmp_path / "benchmarks" / "d").mkdir(parents=True)
    (tmp_path / "benchmarks" / "d" / "a.jsonl").write_text('{"s": 9.0}\n{"s": 6.5, "cpu_time": 4.5}\n')
    record(tmp_path, "results/of_old.csv", ["results/a.parquet"], ["logs/of_old.log"], 1, 2)
    graph = read_run(tmp_path, "results/b.csv")
    assert dict(graph.nodes(data="seconds")) == {"logs/d/a.log": 6.5, "logs/b.log": 3}
    assert read_run(tmp_path, "results/b.csv", "cpu_time").nodes["logs/d/a.log"]["seconds"] == 4.5
    assert list(graph.edges) == [("logs/d/a.log", "logs/b.log")]
    assert graph.nodes["logs/d/a.log"]["rule"] == "first"


def test_a_run_that_failed_or_goes_on_is_refused(tmp_path):
    record(tmp_path, "results/a", [], ["logs/a.log"], 1, 2)
    with pytest.raises(KratosError, match=r"no record of results/summary\.txt: name the folder of a finished run"):
        read_run(tmp_path, "results/summary.txt")
    record(tmp_path, "results/b", [], ["logs/b.log"], 1, None, incomplete=True)
    with pytest.raises(KratosError, match="has not ended"):
        read_run(tmp_path, "results/a")
