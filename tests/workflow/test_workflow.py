"""The whole workflow on the planted cells: outputs, reruns, mistakes, and a run that is killed and resumed."""

import copy
import os
import re
import signal
import subprocess
import sys
import time

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import run_config

pytestmark = pytest.mark.workflow

SUFFIXES = ("pdf", "png", "svg", "csv")


def changed(workflow, **sections):
    config = copy.deepcopy(workflow.config)
    for path, value in sections.items():
        *parents, key = path.split("__")
        place = config
        for parent in parents:
            place = place.setdefault(parent, {})
        place[key] = value
    return config


def test_all_outputs_are_there(finished):
    expected = {f"figures/{figure}.{suffix}" for figure in ("cells", "correlation", "curves") for suffix in SUFFIXES}
    expected |= {"tables/clusters.csv", "tables/panels.csv", "summary.txt", "planted/cells.h5ad"}
    expected |= {f"planted/0/net/{name}" for name in ("model.pt", "embedding.npz", "training.json")}
    expected |= {f"planted/0/{name}.parquet" for name in ("clustering", "projections", "redundancy/net_ig")}
    expected |= {f"planted/0/{name}" for name in ("redundancy/random.parquet", "markers.h5ad", "markers.html")}
    expected |= {f"planted/0/{kind}/{m}.parquet" for kind in ("rankings", "auroc") for m in ("net_ig", "random")}
    expected |= {"report/index.html", "receipts/receipts.csv", "receipts/versions.csv", "ro-crate-metadata.json"}
    found = {str(p.relative_to(finished.path())) for p in finished.path().rglob("*") if p.is_file()}
    assert {name for name in found if not name.startswith("receipts/workflow/")} == expected


def test_the_summary_is_printed_at_the_end(finished):
    summary = finished.path("summary.txt").read_text(encoding="utf-8")
    assert "Net_ig" in summary
    assert "heldout" in summary
    assert "Rare: 3 cells, fewer than minimum_cells = 10" in summary
    assert "results/figures" in summary
    assert summary.strip() in finished.result.stdout
    assert finished.result.stdout.index("100%) done") < finished.result.stdout.index("Rare: 3 cells")


def test_every_job_left_a_log_and_a_benchmark(finished):
    results = {str(p.relative_to(finished.path())) for p in finished.path().rglob("*") if p.is_file()}
    results -= {name for name in results if name.startswith("receipts/workflow/")}
    logs = {str(p.relative_to(finished.folder / "logs")) for p in (finished.folder / "logs").rglob("*.log")}
    benchmarks = {
        str(p.relative_to(finished.folder / "benchmarks")) for p in (finished.folder / "benchmarks").rglob("*.jsonl")
    }
    # Figures have four outputs, models three, receipts three besides the copied workflow: one log each.
    assert len(logs) == len(results) - 3 * 3 - 2 - 2
    assert {name.removesuffix(".log") for name in logs} - {name.removesuffix(".jsonl") for name in benchmarks} == {
        "summary"
    }
    for name in logs:
        text = (finished.folder / "logs" / name).read_text(encoding="utf-8")
        assert re.search(r"done in \d+\.\d s", text), name
    for name in benchmarks:
        line = pd.read_json(finished.folder / "benchmarks" / name, lines=True)
        assert (line["s"] > 0).all()


def test_a_second_dry_run_has_nothing_to_do(finished):
    result = finished.run("--dry-run")
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout


def test_more_draws_rerun_the_areas_and_what_follows_alone(finished):
    planned = finished.planned(config=changed(finished, auroc__draws=4))
    # The table and the figure of areas, the marker page, and the summary.
    assert planned == {"auroc": 2, "table": 1, "figure": 1, "marker_page": 1, "summary": 1}


def test_another_title_reruns_pictures_alone(finished):
    planned = finished.planned(config=changed(finished, methods__random__title="Chance"))
    assert set(planned) <= {"table", "figure", "marker_page", "summary"}
    assert planned["table"] >= 1


def test_another_method_runs_its_own_jobs_alone(finished):
    config = changed(finished, methods__wilcoxon={"ranker": "scanpy_groups"})
    config["datasets"]["planted"]["methods"] = ["net_ig", "random", "wilcoxon"]
    planned = finished.planned(config=config)
    assert planned == {"rank": 1, "auroc": 1, "redundancy": 1, "markers": 1, "marker_page": 1, "summary": 1}


def test_another_epoch_reruns_the_model_and_what_follows_but_no_ranker(finished):
    config = changed(finished, models__net__params={**finished.config["models"]["net"]["params"], "epochs": 61})
    planned = finished.planned(config=config)
    assert planned["train"] == 1
    assert planned["rank"] == 1
    assert planned["auroc"] == 1
    assert "cells" not in planned


def test_another_steps_of_the_explainer_trains_nothing(finished):
    planned = finished.planned(config=changed(finished, explainers__ig__params={"steps": 6}))
    assert planned["rank"] == 1
    assert not set(planned) & {"cells", "train", "clustering", "project"}


def test_another_seed_runs_beside_the_first(finished):
    planned = finished.planned(config=changed(finished, seeds={"curves": [0], "panels": [0, 1]}))
    assert planned["train"] == 1
    assert planned["rank"] == 2
    assert planned["auroc"] == 2
    assert "cells" not in planned


def test_a_mirror_reruns_nothing(finished):
    assert finished.planned(config=changed(finished, mirror="/nowhere")) == {}


def test_other_cells_in_the_users_file_are_noticed(finished, planted_counts):
    """A file named by `path` is an input like any other: results must not survive its replacement."""
    path = finished.folder / "planted.h5ad"
    kept, times = path.read_bytes(), path.stat()
    try:
        ad.AnnData(planted_counts.X[:, ::-1].copy(), planted_counts.obs, planted_counts.var).write_h5ad(path)
        assert "cells" in finished.planned()
    finally:
        path.write_bytes(kept)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("auroc__drawz", 3, "config: unknown key 'drawz' in auroc: did you mean 'draws'?"),
        (
            "explainers__ig__params",
            {"step": 5},
            "config: explainers.ig: unknown parameter 'step' of explainer 'integrated_gradients': did you mean",
        ),
        ("datasets__planted__methods", ["net_ih"], "config: datasets.planted: unknown method 'net_ih': did you mean"),
    ],
)
def test_a_mistake_in_the_config_is_one_sentence_before_any_job(finished, path, value, sentence):
    before = sorted(p for p in finished.folder.rglob("*") if ".snakemake" not in p.parts and p.suffix != ".yaml")
    result = finished.run(config=changed(finished, **{path: value}))
    assert result.returncode != 0
    assert sentence in result.stdout
    assert "Traceback" not in result.stdout
    assert "Building DAG" not in result.stdout
    assert "rule cells" not in result.stdout
    after = sorted(p for p in finished.folder.rglob("*") if ".snakemake" not in p.parts and p.suffix != ".yaml")
    assert after == before


@pytest.mark.parametrize("fault", ["cut short", "nan"])
def test_a_broken_input_names_its_file_and_leaves_nothing_half_done(new_workflow, planted_counts, fault):
    workflow = new_workflow("broken")
    path = workflow.folder / "planted.h5ad"
    if fault == "cut short":
        path.write_bytes(path.read_bytes()[:3000])
    else:
        broken = planted_counts.copy()
        broken.X[5, 7] = np.nan
        broken.write_h5ad(path)
    result = workflow.run("results/planted/cells.h5ad")
    assert result.returncode != 0
    (sentence,) = set(re.findall(r"^Error: (.*)$", result.stdout, re.MULTILINE))
    assert "planted.h5ad" in sentence
    if fault == "nan":
        assert "'cell5'" in sentence
        assert "'Beta_marker2'" in sentence
    assert not workflow.path("planted", "cells.h5ad").exists()
    assert sentence in (workflow.folder / "logs" / "planted" / "cells.log").read_text(encoding="utf-8")
    assert "Traceback" not in result.stdout
    assert "Its log names the cause" in result.stdout


def stop(process):
    """Kill a run and every job of it, as a crash would."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)


def test_a_killed_run_resumes_and_ends_with_the_same_numbers(new_workflow, finished):
    workflow = new_workflow("killed")
    target = "results/planted/0/auroc/net_ig.parquet"
    process = workflow.start(target)
    deadline = time.monotonic() + 120
    # Kill it while the model is being trained: the cells are done, the weights are not.
    while not (workflow.folder / "logs" / "planted" / "0" / "train" / "net.log").exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    stop(process)
    assert workflow.path("planted", "cells.h5ad").exists()
    assert not (workflow.folder / target).exists()
    cells = workflow.path("planted", "cells.h5ad").stat().st_mtime_ns
    # After SIGKILL Snakemake's lock stays: the user is told to unlock, and must.
    blocked = workflow.run(target)
    assert blocked.returncode != 0
    assert "--unlock" in blocked.stdout
    assert workflow.run("--unlock").returncode == 0
    resumed = workflow.run(target)
    assert resumed.returncode == 0, resumed.stdout[-4000:]
    assert workflow.path("planted", "cells.h5ad").stat().st_mtime_ns == cells
    for name in ("rankings/net_ig", "auroc/net_ig"):
        one, other = (pd.read_parquet(w.path("planted", "0", f"{name}.parquet")) for w in (workflow, finished))
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    with (
        np.load(workflow.path("planted", "0", "net", "embedding.npz")) as one,
        np.load(finished.path("planted", "0", "net", "embedding.npz")) as other,
    ):
        np.testing.assert_array_equal(one["latent"], other["latent"])
    leftovers = [p for p in workflow.folder.rglob(".*") if p.is_dir() and p.name not in (".snakemake",)]
    assert [p for p in leftovers if ".snakemake" not in p.parts] == []


@pytest.mark.parametrize("name", ["config.yaml", "demo.yaml", "deviations.yaml"])
def test_shipped_configurations_make_a_plan(project, tmp_path, name):
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "rules", "--directory", str(tmp_path)]
    result = subprocess.run(
        [*command, "--configfile", str(project / "config" / name)],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert list(tmp_path.glob("results")) == []


def test_the_configuration_of_make_run_makes_a_plan(finished, monkeypatch):
    """For a relative path, and methods of the user's choice."""
    monkeypatch.chdir(finished.folder)
    config = run_config.run_config("planted.h5ad", "", "counts", "", ["kratos_ig", "wilcoxon"])
    planned = finished.planned(config=config)
    assert planned["rank"] == planned["auroc"] == planned["redundancy"] == 2
    assert planned["train"] == planned["markers"] == planned["marker_page"] == 1


def test_the_workflow_is_free_of_lint(project, tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint", "--directory", str(tmp_path)],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Congratulations" in result.stdout + result.stderr
