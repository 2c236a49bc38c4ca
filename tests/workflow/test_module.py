"""Use from other workflows: as a module from a folder or a Git host, and through the catalog's Snakefile."""

import copy
import functools
import hashlib
import http.server
import os
import subprocess
import sys
import threading

import pandas as pd
import pytest
import yaml

pytestmark = pytest.mark.workflow

HEAD = """
configfile: "outer.yaml"


module kratos:
    snakefile: {source}
    config: config["kratos"]
    prefix: "markers"


use rule * from kratos as kratos_*
"""

# The outer workflow makes the cells, and reads the ranking that the module makes of them.
RULES = """

rule simulate:
    output:
        "cells/mine.h5ad",
    shell:
        "cp planted.h5ad {output}"


rule best:
    default_target: True
    input:
        "markers/results/planted/0/rankings/wilcoxon.parquet",
    output:
        "best.csv",
    run:
        import pandas

        ranking = pandas.read_parquet(input[0])
        ranking[ranking["rank"] <= 5].to_csv(output[0], index=False)
"""


@pytest.fixture
def outer(tmp_path, project, planted_counts):
    """A function that writes an outer workflow around a source of the module, and one that runs it."""
    planted_counts.write_h5ad(tmp_path / "planted.h5ad")
    inner = yaml.safe_load((project / "tests" / "workflow" / "config.yaml").read_text(encoding="utf-8"))
    inner["datasets"]["planted"]["params"]["path"] = "cells/mine.h5ad"
    inner["methods"]["wilcoxon"] = {"ranker": "scanpy_groups"}
    inner["datasets"]["planted"]["methods"] = ["net_ig", "random", "wilcoxon"]

    def write(source, more="", **sections):
        (tmp_path / "Snakefile").write_text(HEAD.format(source=source) + more + RULES, encoding="utf-8")
        settings = {"kratos": {**inner, **sections}, "other": copy.deepcopy(inner)}
        (tmp_path / "outer.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")

    def run(*arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(tmp_path / "cache"), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )

    return write, run


def check_best(folder, markers):
    best = pd.read_csv(folder / "best.csv")
    for cell_type, genes in markers.items():
        assert set(best.loc[best["cell_type"] == cell_type, "gene"]) == set(genes)
    assert not (folder / "results").exists()
    assert (folder / "markers" / "results" / "planted" / "cells.h5ad").exists()


def test_an_outer_workflow_ranks_cells_of_its_own_and_uses_the_ranking(outer, project, tmp_path, markers):
    write, run = outer
    write(repr(str(project / "Snakefile")))
    result = run()
    assert result.returncode == 0, result.stdout[-4000:]
    check_best(tmp_path, markers)
    # The module's hooks speak of its own folder and must stay silent in another workflow.
    assert "Figures:" not in result.stdout
    assert "Nothing to be done" in run("--dry-run").stdout


def test_a_module_from_a_git_host_brings_its_library(outer, project, tmp_path, markers):
    """As snakedeploy writes it; git itself redirects from the host to a copy of the repository as it is now."""
    host = tmp_path / "host"
    listing = ["git", "ls-files", "-co", "--exclude-standard"]
    files = subprocess.run(listing, cwd=project, capture_output=True, text=True, check=True)
    for name in files.stdout.splitlines():
        if (project / name).is_file() and not name.startswith("tests/"):
            (host / name).parent.mkdir(parents=True, exist_ok=True)
            (host / name).write_bytes((project / name).read_bytes())
    author = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "all"], ["tag", "v1"]):
        subprocess.run(["git", *command], cwd=host, check=True)
    write, run = outer
    write('github("example/kratos", path="workflow/Snakefile", tag="v1")')
    redirection = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.file://{host}.insteadOf"}
    result = run(**redirection, GIT_CONFIG_VALUE_0="https://github.com/example/kratos")
    assert result.returncode == 0, result.stdout[-4000:]
    check_best(tmp_path, markers)


def test_a_module_from_a_plain_address_is_refused_with_the_remedy(outer, project):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=project)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        write, run = outer
        write(repr(f"http://127.0.0.1:{server.server_port}/Snakefile"))
        result = run("--dry-run")
        server.shutdown()
    assert result.returncode != 0
    assert "The library cannot be imported from http://127.0.0.1" in result.stdout
    assert "name a folder, or use github()" in result.stdout


def test_two_modules_side_by_side_keep_their_configurations_apart(outer, project):
    second = f"""

module other:
    snakefile: {str(project / "Snakefile")!r}
    config: config["other"]
    prefix: "others"


use rule * from other as other_*
"""
    write, run = outer
    write(repr(str(project / "Snakefile")), more=second, methods={"solo": {"ranker": "random_genes"}}, tables={},
          figures={}, datasets={"mine": {"loader": "digits", "grid": "small", "methods": ["solo"]}})  # fmt: skip
    targets = ["markers/results/mine/0/rankings/solo.parquet", "others/results/planted/0/rankings/net_ig.parquet"]
    result = run("--dry-run", "--", *targets)
    assert result.returncode == 0, result.stdout
    assert {"kratos_rank", "other_rank", "other_train"} <= set(result.stdout.split())
    crossed = run("--dry-run", "--", "others/results/mine/0/rankings/solo.parquet")
    assert "MissingRuleException" in crossed.stdout


def test_a_module_reads_the_mirror_of_its_own_configuration(outer, project, tmp_path):
    content = b"upstream bytes"
    digest = hashlib.sha256(content).hexdigest()
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "tiny.csv").write_bytes(content)
    (mirror / "SHA256SUMS").write_text(f"{digest}  tiny.csv\n")
    write, run = outer
    source = {"url": "https://nowhere.invalid/tiny.csv", "sha256": digest}
    write(repr(str(project / "Snakefile")), mirror=str(mirror), resources={"tiny.csv": source})
    result = run("markers/resources/tiny.csv", KRATOS_MIRROR="")
    assert result.returncode == 0, result.stdout[-4000:]
    assert (tmp_path / "markers" / "resources" / "tiny.csv").read_bytes() == content


def test_the_catalog_s_snakefile_runs_the_paper_from_anywhere(project, tmp_path):
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "rules", "--cores", "1"]
    result = subprocess.run(
        [*command, "--snakefile", str(project / "workflow" / "Snakefile")],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout
    lines = result.stdout.split("Job stats:", 1)[1].split("total", 1)[0].splitlines()[3:]
    planned = {line.split()[0]: int(line.split()[1]) for line in lines if line.strip()}
    config = yaml.safe_load((project / "config" / "config.yaml").read_text(encoding="utf-8"))
    assert planned["cells"] == len(config["datasets"])
    assert planned["table"] == len(config["tables"])
    assert planned["summary"] == planned["default"] == 1
