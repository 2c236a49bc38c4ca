"""Receipts say what a job recorded, the seed that it drew with, and nothing that nobody recorded."""

import json
import subprocess
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from rocrate.rocrate import ROCrate

import auroc
import rank
from kratos.crate import copy_workflow, write_crate
from kratos.provenance import commit, made_with, recorded
from kratos.receipts import NOT_RECORDED, file_digest, job_seed, read_benchmark, receipt_rows
from kratos.sample import Sample


def described(folder, **names):
    """A job of the rule auroc with its result, log and benchmark in a folder."""
    file = folder / "result.parquet"
    file.write_bytes(b"numbers")
    own = {"evaluation": "auroc", "dataset": "pbmc", "seed": "3", "method": "ig", "model": "net", "rule": "auroc"}
    return {**own, "file": str(file), "log": str(folder / "job.log"), "benchmark": str(folder / "b.jsonl"), **names}


def write_log(folder):
    (folder / "job.log").write_text(f"12:00 working\n12:01 {made_with()}\n12:01 done in 1.0 s\n", encoding="utf-8")


def test_a_log_gives_back_what_the_job_was_made_with(tmp_path):
    write_log(tmp_path)
    made = recorded(tmp_path / "job.log")
    assert made["versions"]["numpy"] == np.__version__
    assert made["versions"]["pandas"] == pd.__version__
    assert (made["commit"], made["dirty"]) == commit()


def test_a_receipt_has_digest_seed_versions_and_cost(tmp_path):
    write_log(tmp_path)
    params = {"protocol": {"draws": 20}}
    line = {"s": 12.5, "cpu_time": 11.0, "max_rss": 321.5, "params": params}
    (tmp_path / "b.jsonl").write_text(json.dumps({"s": 1.0}) + "\n" + json.dumps(line) + "\n", encoding="utf-8")
    receipts, versions = receipt_rows([described(tmp_path)], {"pbmc": "f" * 64})
    (row,) = receipts.to_dict("records")
    assert row["sha256"] == sha256(b"numbers").hexdigest()
    assert row["params_sha256"] == sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()[:12]
    assert (row["wall_s"], row["cpu_s"], row["peak_memory_mb"]) == (12.5, 11.0, 321.5)
    assert row["fingerprint"] == "f" * 64
    own = versions[versions["versions"] == row["versions"]].set_index("package")["version"]
    assert own["numpy"] == np.__version__


def test_what_nobody_recorded_is_said_to_be_so(tmp_path):
    (tmp_path / "job.log").write_text("done in 1.0 s\n", encoding="utf-8")
    receipts, versions = receipt_rows([described(tmp_path)], {})
    (row,) = receipts.to_dict("records")
    assert {row["versions"], row["commit"], row["dirty"]} == {NOT_RECORDED}
    assert pd.isna(row["wall_s"])
    assert row["params_sha256"] == row["fingerprint"] == ""
    assert versions.empty
    assert read_benchmark(tmp_path / "none.jsonl") == {}


def everything(cells):
    return Sample(cells, np.arange(cells.n_obs), cells.n_obs)


def test_receipts_name_the_seed_that_the_areas_were_drawn_with(planted_cells, tmp_path, monkeypatch):
    """The script's own call is the source; the receipt must give the same number."""
    given = {}
    monkeypatch.setattr(auroc, "read_sample", lambda *a, **k: everything(planted_cells))
    monkeypatch.setattr(auroc.pd, "read_parquet", lambda path: pd.DataFrame({"cell_type": ["Alpha"], "rank": [1]}))
    rows = pd.DataFrame({"cell_type": ["Alpha"]})
    monkeypatch.setattr(auroc, "auroc_rows", lambda *a, seed, **k: given.update(seed=seed) or rows)
    protocol = {"fractions": [1.0], "maximum_cells_per_type": 0}
    identity = {"dataset": "pbmc", "method": "ig", "seed": 3}
    auroc.main("c", "r", protocol, identity, str(tmp_path / "a.parquet"))
    assert job_seed("auroc", described(tmp_path), {}) == given["seed"]


def test_receipts_name_the_seed_that_genes_were_ranked_with(planted_cells, tmp_path, monkeypatch):
    given = {}
    rows = pd.DataFrame({"cell_type": ["Alpha"], "gene": [planted_cells.var_names[0]]})
    monkeypatch.setattr(rank, "read_sample", lambda *a, **k: everything(planted_cells))
    monkeypatch.setattr(rank, "rank_once", lambda a, m, s, seed: given.update(seed=seed) or rows)
    identity = {"dataset": "pbmc", "method": "ig", "seed": 3}
    rank.main(
        "c",
        None,
        {"protocols": ["crossval"], "method": {}, "maximum_cells_per_type": 0},
        identity,
        str(tmp_path / "r.parquet"),
    )
    assert job_seed("rank", described(tmp_path, rule="rank"), {}) == given["seed"]


def test_a_variant_s_seed_is_that_of_the_data_set_whose_seeds_it_shares(tmp_path):
    variant = described(tmp_path, dataset="pbmc_unscaled")
    assert job_seed("auroc", variant, {"protocol": {"seeded_as": "pbmc"}}) == job_seed("auroc", described(tmp_path), {})
    assert job_seed("redundancy", variant, {}) is None


@pytest.fixture
def repository(tmp_path):
    for command in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    return tmp_path


def test_the_commit_is_known_only_at_the_root_of_a_repository(repository):
    head = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    assert commit(repository) == (head.stdout.strip(), "no")
    (repository / "new").write_text("x", encoding="utf-8")
    subprocess.run(["git", "-C", str(repository), "add", "new"], check=True)
    assert commit(repository)[1] == "yes"
    (repository / "inside").mkdir()
    assert commit(repository / "inside") == ("unknown", "unknown")


def test_the_crate_can_be_read_and_its_files_are_those_of_the_run(project, tmp_path):
    table = tmp_path / "tables" / "a.csv"
    table.parent.mkdir()
    table.write_text("a\n1\n", encoding="utf-8")
    write_crate(
        tmp_path / "ro-crate-metadata.json",
        workflow=copy_workflow(project, {"seeds": [0]}, tmp_path / "receipts" / "workflow"),
        inputs={
            "x.csv": {"sha256": "1" * 64, "url": "https://example.org/all.tar"},
            "y.csv": {"sha256": "2" * 64, "url": "https://example.org/all.tar"},
            "own.h5ad": {"sha256": "3" * 64},
        },
        outputs=[{"file": str(table), "rule": "table", "caption": "A table"}],
        software=[("numpy", "2.0")],
        commit="abc",
    )
    crate = ROCrate(tmp_path)
    assert crate.mainEntity.id == "receipts/workflow/Snakefile"
    assert crate.mainEntity["programmingLanguage"]["name"] == "Snakemake"
    assert crate.get("tables/a.csv")["sha256"] == file_digest(table)
    assert "rule table" in crate.get("tables/a.csv")["description"]
    (run,) = (entity for entity in crate.get_entities() if entity.type == "CreateAction")
    assert {entity["sha256"] for entity in run["object"]} >= {"1" * 64, "2" * 64, "3" * 64}
    assert [entity.id for entity in run["result"]] == ["tables/a.csv"]
    missing = [e.id for e in crate.data_entities if "://" not in e.id and not (tmp_path / e.id).exists()]
    assert missing == []
