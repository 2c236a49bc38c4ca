"""The rule that judges claims, through Snakemake on the planted cells."""

import copy
import shutil

import pandas as pd
import pytest
import yaml

pytestmark = pytest.mark.workflow

CLAIM = {
    "place": "Table 2",
    "quote": "0.9",
    "metric": "ARI",
    "dataset": "planted",
    "methods": ["net"],
    "figure_or_table": "clusters",
    "tolerance_reason": "The planted types are easy to tell.",
}
ARI = {"file": "results/tables/clusters.csv", "where": {"model": "Net", "cells": "test"}, "column": "ari"}


def area(method):
    where = {"protocol": "crossval", "note": "", "fraction": {"nearest": 0.05}}
    return {"file": f"results/planted/{{seed}}/auroc/{method}.parquet", "seeds": [0], "where": where, "column": "value"}


CLAIMS = {
    "ari": {**CLAIM, "statement": "ARI of the network", "published": 0.9, "tolerance": 0.1, "measure": {"of": ARI}},
    "above_random": {
        **CLAIM,
        "statement": "AUROC above random genes",
        "holds": {"above": 0},
        "measure": {
            "of": area("net_ig"),
            "against": area("random"),
            "compare": "difference",
            "over": "cell_type",
        },
    },
}


@pytest.fixture(scope="module")
def workflow(new_workflow):
    return new_workflow("claims")


def configured(workflow, claims):
    """The workflow's configuration with a claims file."""
    path = workflow.folder / "claims.yaml"
    path.write_text(yaml.safe_dump({"claims": claims}), encoding="utf-8")
    return {**workflow.config, "claims": str(path)}


def test_claims_run_what_they_name_and_no_more(workflow):
    planned = workflow.planned("results/claims.csv", config=configured(workflow, CLAIMS))
    assert planned == {"cells": 1, "train": 1, "rank": 2, "auroc": 2, "clustering": 1, "table": 1, "claims": 1}
    planned = workflow.planned("results/claims.csv", config=configured(workflow, {"ari": CLAIMS["ari"]}))
    assert planned == {"cells": 1, "train": 1, "clustering": 1, "table": 1, "claims": 1}


def test_claims_are_judged_in_a_run_and_counted_in_its_summary(new_workflow, finished):
    workflow = new_workflow("judged")
    # A copy of the finished run: the claims are what is left to do.
    shutil.copytree(finished.folder, workflow.folder, dirs_exist_ok=True)
    config = configured(workflow, CLAIMS)
    assert workflow.planned(config=config) == {"claims": 1, "summary": 1}
    result = workflow.run(config=config)
    assert result.returncode == 0, result.stdout[-4000:]
    ledger = pd.read_csv(workflow.path("claims.csv")).set_index("id")
    table = pd.read_csv(workflow.path("tables", "clusters.csv"))
    ari = table.loc[table["cells"] == "test", "ari"].item()
    assert ledger.loc["ari", "ours"] == pytest.approx(ari)
    assert ledger.loc["ari", "verdict"] == ("reproduced" if abs(ari - 0.9) <= 0.1 else "not reproduced")
    assert ledger.loc["above_random", "ours"] > 0.1
    assert ledger.loc["above_random", "verdict"] in ("reproduced", "direction only")
    counts = ledger["verdict"].value_counts()
    expected = f"Claims: {', '.join(f'{n} {verdict}' for verdict, n in counts.items())} (results/claims.csv)"
    assert expected in workflow.path("summary.txt").read_text(encoding="utf-8")
    assert expected in result.stdout
    assert "Nothing to be done" in workflow.run("--dry-run", config=config).stdout
    # A missing row stops the run with a sentence, and leaves no ledger behind that could pass for the new one.
    broken = copy.deepcopy(CLAIMS)
    broken["ari"]["measure"]["of"]["where"]["model"] = "ACE"
    result = workflow.run("results/claims.csv", config=configured(workflow, broken))
    assert result.returncode != 0
    assert "Error: claim 'ari': results/tables/clusters.csv has no row where model = 'ACE'" in result.stdout
    assert "Traceback" not in result.stdout
    assert not workflow.path("claims.csv").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"tolerence": 1}, "unknown key 'tolerence' in claims.ari: did you mean 'tolerance'?"),
        ({"dataset": "plented"}, "claims.ari: unknown dataset 'plented' of the config: did you mean 'planted'?"),
    ],
)
def test_a_mistake_in_the_claims_file_is_one_sentence_before_any_job(workflow, change, sentence):
    """Also where an old ledger exists, which Snakemake would take for finished."""
    workflow.path().mkdir(exist_ok=True)
    workflow.path("claims.csv").touch()
    workflow.path("summary.txt").touch()
    result = workflow.run("--dry-run", config=configured(workflow, {"ari": {**CLAIMS["ari"], **change}}))
    assert result.returncode != 0
    assert sentence in result.stdout
    assert "Traceback" not in result.stdout


def test_a_claims_file_that_is_not_there_is_named(workflow):
    result = workflow.run("--dry-run", config={**workflow.config, "claims": "config/no_claims.yaml"})
    assert result.returncode != 0
    assert "config/no_claims.yaml is not there" in result.stdout


def test_a_deviation_ledger_that_is_not_there_is_named_with_the_remedy(workflow):
    result = workflow.run("--dry-run", config={**workflow.config, "measured_deviations": "results/none.csv"})
    assert result.returncode != 0
    assert "results/none.csv is not there: name a ledger, or set it to ''" in result.stdout
