"""Every published number is judged from result files by rules that were fixed before; what is missing is no pass."""

import copy
import re

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from kratos.claims.definitions import check_references, claim_files, files_of, listed, read_claims, selections
from kratos.claims.ledger import COLUMNS, make_ledger
from kratos.claims.measure import Measurement, evaluate
from kratos.claims.sources import cells_rows
from kratos.claims.verdict import judge
from kratos.config import read_schema
from kratos.errors import KratosError
from kratos.plugins import parameters


@pytest.fixture(scope="module")
def schema(project):
    return read_schema(project / "config" / "schemas" / "claims.schema.yaml")


@pytest.fixture(scope="module")
def claims(project, schema):
    return read_claims(project / "config" / "claims.yaml", schema)


@pytest.fixture(scope="module")
def config(project):
    return yaml.safe_load((project / "config" / "config.yaml").read_text(encoding="utf-8"))


# ------------------------------------------------------------------------------------------------------------------
# Verdicts

NEAR = {"published": 3.0, "tolerance": 1.0}
DIRECTED = {**NEAR, "direction": {"above": 0}}


@pytest.mark.parametrize(
    ("claim", "value", "low", "high", "verdict"),
    [
        (NEAR, 3.4, np.nan, np.nan, "reproduced"),
        (NEAR, 4.0, 1.0, 7.0, "reproduced"),
        (NEAR, 4.01, 3.9, 4.1, "not reproduced"),
        (DIRECTED, 3.4, 2.0, 5.0, "reproduced"),
        (DIRECTED, 3.4, np.nan, np.nan, "reproduced"),
        (DIRECTED, 3.4, -0.1, 7.0, "direction only"),
        (DIRECTED, 9.0, 8.0, 10.0, "direction only"),
        (DIRECTED, -0.5, -1.0, 0.1, "not reproduced"),
        ({**NEAR, "published": 0.2, "direction": {"above": 0}}, -0.1, -0.2, -0.05, "not reproduced"),
        ({"holds": {"above": 0}}, 0.2, 0.1, 0.3, "reproduced"),
        ({"holds": {"above": 0}}, 0.2, -0.1, 0.5, "direction only"),
        ({"holds": {"above": 0}}, 0.0, 0.0, 0.0, "not reproduced"),
        ({"holds": {"below": 0}}, -0.2, -0.3, -0.1, "reproduced"),
        ({"holds": {"below": 0}}, -0.2, -0.5, 0.1, "direction only"),
        ({"holds": {"below": 0}}, 0.2, -0.1, 0.5, "not reproduced"),
        ({"holds": {"above": 95}}, 95.1, np.nan, np.nan, "reproduced"),
        ({"published": 17, "not_testable": "no machine is named"}, 17.0, 16.0, 18.0, "not testable"),
    ],
)
def test_a_verdict_follows_from_tolerance_side_and_interval(claim, value, low, high, verdict):
    found, reason = judge(claim, Measurement(value, low, high, 5))
    assert found == verdict
    assert reason


def test_the_reason_says_what_decided():
    _, reason = judge(DIRECTED, Measurement(3.4, -0.1, 7.0, 5))
    assert "0.4 from the published value, within the tolerance" in reason
    assert "3.4 is above 0" in reason
    assert "the 95 % interval reaches across" in reason
    assert judge({"not_testable": "no machine is named"}, None) == ("not testable", "no machine is named")


# ------------------------------------------------------------------------------------------------------------------
# Measures


@pytest.fixture
def results(tmp_path):
    """Two methods on three seeds, two types and two panel sizes, and a table with intervals."""
    rng = np.random.default_rng(1)
    for method in ("ours", "theirs"):
        for seed in (0, 1, 2):
            rows = [
                (method, seed, cell_type, size, size / 100, rng.random(), "")
                for cell_type in ("a", "b")
                for size in (1, 10)
                for _ in range(2)
            ]
            rows.append((method, seed, "rare", 0, np.nan, np.nan, "3 cells"))
            path = tmp_path / "results" / "d" / str(seed) / f"{method}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            columns = ["method", "seed", "cell_type", "n_genes", "fraction", "value", "note"]
            pd.DataFrame(rows, columns=columns).to_parquet(path)
    table = pd.DataFrame(
        {
            "model": ["Ours", "Theirs", "Broken"],
            "ami": [0.8, 0.5, np.nan],
            "ami_sd": [0.02, 0.03, 0.01],
            "low": [0.7, 0.45, 0.1],
            "high": [0.9, 0.55, 0.2],
            "seeds": [4, 4, 4],
        }
    )
    (tmp_path / "results" / "tables").mkdir()
    table.to_csv(tmp_path / "results" / "tables" / "t.csv", index=False)
    return tmp_path


def of_seeds(method, **conditions):
    where = {"note": "", **conditions}
    return {"file": f"results/d/{{seed}}/{method}.parquet", "seeds": [0, 1, 2], "where": where, "column": "value"}


def of_table(model, **more):
    return {"file": "results/tables/t.csv", "where": {"model": model}, "column": "ami", **more}


def everything(folder, method):
    rows = pd.concat([pd.read_parquet(p) for p in sorted(folder.glob(f"results/d/*/{method}.parquet"))])
    return rows[rows["note"] == ""]


def test_a_paired_difference_is_averaged_over_pairs_then_over_seeds(results):
    measure = {
        "of": of_seeds("ours", fraction={"nearest": 0.101}),
        "against": of_seeds("theirs", fraction={"nearest": 0.101}),
        "compare": "difference",
        "over": "seed",
        "each": ["cell_type"],
        "across": "mean",
        "scale": 100,
    }
    by_seed = []
    for seed in (0, 1, 2):
        sides = []
        for method in ("ours", "theirs"):
            own = everything(results, method)
            own = own[(own["seed"] == seed) & (own["n_genes"] == 10)]
            sides.append(np.mean([own.loc[own["cell_type"] == t, "value"].mean() for t in ("a", "b")]))
        by_seed.append(100 * (sides[0] - sides[1]))
    low, high = stats.t.interval(0.95, 2, loc=np.mean(by_seed), scale=stats.sem(by_seed))
    found = evaluate(measure, results, "c")
    np.testing.assert_allclose([found.value, found.low, found.high], [np.mean(by_seed), low, high], rtol=1e-10)
    assert found.seeds == 3


def test_an_interval_over_cell_types_says_so_and_counts_one_seed(results):
    one = {**of_seeds("ours"), "seeds": [1]}
    found = evaluate({"of": one, "over": "cell_type"}, results, "c")
    assert found.seeds == 1
    assert found.remark == "interval over 2 cell types"


def test_several_selections_are_joined_pair_by_pair(results):
    both = [of_seeds("ours"), of_seeds("theirs")]
    frames = [
        everything(results, m).groupby(["seed", "cell_type", "n_genes"])["value"].mean() for m in ("ours", "theirs")
    ]
    for join, together in (("max", np.maximum(*frames)), ("min", np.minimum(*frames)), ("mean", sum(frames) / 2)):
        measure = {"of": both, "join": join, "over": "seed", "each": ["cell_type", "n_genes"], "across": "mean"}
        np.testing.assert_allclose(evaluate(measure, results, "c").value, together.mean(), rtol=1e-12)


def test_the_share_of_sizes_counts_those_that_favour_the_first(results):
    sides = [everything(results, m).groupby("n_genes")["value"].mean() for m in ("ours", "theirs")]
    measure = {"of": of_seeds("ours"), "against": of_seeds("theirs"), "compare": "difference", "each": ["n_genes"]}
    found = evaluate({**measure, "across": "share_positive"}, results, "c")
    assert found.value == np.mean(sides[0] > sides[1])


@pytest.mark.parametrize(
    ("compare", "value"), [("difference", 0.3), ("ratio", 1.6), ("percent_gain", 60), ("percent_reduction", -60)]
)
def test_two_numbers_of_a_table_are_compared(results, compare, value):
    measure = {"of": of_table("Ours"), "against": of_table("Theirs"), "compare": compare}
    assert evaluate(measure, results, "c").value == pytest.approx(value)


def test_intervals_of_a_table_are_used_and_unpaired_ones_are_both_counted(results):
    ends = {"low": "low", "high": "high", "seeds": "seeds"}
    one = evaluate({"of": of_table("Ours", interval=ends)}, results, "c")
    assert (one.low, one.high, one.seeds) == (0.7, 0.9, 4)
    measure = {"of": of_table("Ours", interval=ends), "against": of_table("Theirs", interval=ends)}
    two = evaluate({**measure, "compare": "difference"}, results, "c")
    assert (two.low, two.high) == pytest.approx((0.7 - 0.55, 0.9 - 0.45))
    # A number without interval against chance with one.
    chance = {"of": of_table("Ours"), "against": of_table("Theirs", interval={"low": "low", "high": "high"})}
    three = evaluate({**chance, "compare": "difference"}, results, "c")
    assert (three.low, three.high) == pytest.approx((0.8 - 0.55, 0.8 - 0.45))
    four = evaluate({"of": of_table("Ours", interval={"sd": "ami_sd", "seeds": "seeds"})}, results, "c")
    assert (four.low, four.high) == pytest.approx(stats.t.interval(0.95, 3, loc=0.8, scale=0.02 / 2))


def test_what_cannot_be_matched_by_name_is_compared_by_size(results):
    rows = {"file": "results/tables/t.csv", "where": {"model": {"not": "Broken"}}, "column": "ami"}
    assert [evaluate({"of": {**rows, "largest": k}}, results, "c").value for k in (1, 2)] == [0.8, 0.5]


def test_partial_data_are_named_in_the_remark(results):
    path = results / "results" / "tables" / "t.csv"
    pd.read_csv(path).assign(partial="donor mouse1 only").to_csv(path, index=False)
    assert evaluate({"of": of_table("Ours")}, results, "c").remark == "partial data: donor mouse1 only"


def test_sizes_are_read_from_cells_without_their_matrix(planted_cells, tmp_path):
    planted_cells.var["role"] = pd.Categorical(["causal"] * 15 + ["noise"] * 45)
    planted_cells.write_h5ad(tmp_path / "cells.h5ad")
    with h5py.File(tmp_path / "cells.h5ad", "a") as file:
        del file["X"]
    rows = cells_rows(tmp_path / "cells.h5ad")
    types = rows[rows["of"] == "cell type"].set_index("name")["count"]
    assert types.to_dict() == planted_cells.obs["cell_type"].value_counts().to_dict()
    assert rows[rows["of"] == "role"].set_index("name")["count"].to_dict() == {"causal": 15, "noise": 45}
    assert set(rows["n_cells"]) == {120}
    assert set(rows["n_genes"]) == {60}
    assert set(rows["uppercase"]) == {0.0}


# ------------------------------------------------------------------------------------------------------------------
# Nothing that is missing passes


@pytest.mark.parametrize(
    ("measure", "sentence"),
    [
        ({"of": {"file": "results/tables/u.csv", "column": "ami"}}, "u.csv is not there: make it"),
        ({"of": of_table("Ours", column="ari")}, "results/tables/t.csv has no column 'ari' (it has model, ami"),
        ({"of": of_table("Our")}, "has no row where model = 'Our' (model is one of: Ours, Theirs, Broken)"),
        ({"of": of_table(["Ours", "Mine"])}, "has no row where model = 'Mine'"),
        ({"of": of_table("Broken")}, "1 of 1 values of 'ami' are missing where model = Broken"),
        ({"of": of_table("Ours", column="model")}, "column 'model' is text"),
        ({"of": {**of_table("Ours"), "where": {"ami": {"minimum": 2}}}}, "has no row where ami minimum 2"),
        ({"of": {**of_table("Ours"), "where": {"ami": {"nearest": 0.9}}}}, "has no ami near 0.9"),
        ({"of": of_table("Ours", largest=2)}, "has 1 rows where model = Ours, not 2"),
        ({"of": of_table("Ours"), "over": "seed"}, "has no column 'seed' to pair by"),
        ({"of": of_table(["Ours", "Theirs"], interval={"low": "low", "high": "high"})}, "an interval needs one row"),
        ({"of": of_seeds("gone"), "over": "seed"}, "gone.parquet is not there"),
        ({"of": {**of_seeds("ours"), "where": {"fraction": {"nearest": 0.05}}}}, "has no fraction near 0.05"),
        ({"of": {**of_seeds("ours"), "where": {}}, "over": "seed"}, "values of 'value' are missing"),
    ],
)
def test_a_missing_input_is_an_error_that_names_claim_file_and_selection(results, measure, sentence):
    with pytest.raises(KratosError, match=re.escape(sentence)) as raised:
        evaluate(measure, results, "the_claim")
    assert str(raised.value).startswith("claim 'the_claim': ")


def test_a_pair_on_one_side_only_is_an_error_unless_it_may_be_left_out(results):
    path = results / "results" / "d" / "1" / "theirs.parquet"
    rows = pd.read_parquet(path)
    rows[rows["cell_type"] != "b"].to_parquet(path)
    measure = {"of": of_seeds("ours"), "against": of_seeds("theirs"), "compare": "difference", "over": "seed"}
    measure |= {"each": ["cell_type"], "across": "mean"}
    with pytest.raises(KratosError, match=r"claim 'c': .* is on one side of the comparison only"):
        evaluate(measure, results, "c")
    assert "1 of 6 pairs lack a value" in evaluate({**measure, "unpaired": "drop"}, results, "c").remark


def test_a_comparison_without_a_finite_result_is_an_error(results):
    path = results / "results" / "tables" / "t.csv"
    pd.read_csv(path).assign(ami=[0.0, 0.0, 0.0]).to_csv(path, index=False)
    with pytest.raises(KratosError, match=r"claim 'c': .* no finite number"):
        evaluate({"of": of_table("Ours"), "against": of_table("Theirs"), "compare": "percent_gain"}, results, "c")


def test_a_damaged_file_is_named(results):
    (results / "results" / "d" / "0" / "ours.parquet").write_bytes(b"PAR1")
    with pytest.raises(KratosError, match=r"claim 'c': .*ours\.parquet cannot be read"):
        evaluate({"of": of_seeds("ours"), "over": "seed"}, results, "c")


# ------------------------------------------------------------------------------------------------------------------
# The claims file

SOUND = {
    "place": "Table 2",
    "statement": "AMI",
    "quote": "0.8",
    "published": 0.8,
    "metric": "AMI",
    "dataset": "pbmc",
    "tolerance": 0.1,
    "tolerance_reason": "rounding",
    "measure": {"of": of_table("Ours")},
}


def without(*keys, **changes):
    claim = copy.deepcopy({key: value for key, value in SOUND.items() if key not in keys})
    return claim | changes


@pytest.mark.parametrize(
    ("claim", "sentence"),
    [
        (without(tolerence=1), "unknown key 'tolerence' in claims.c: did you mean 'tolerance'?"),
        (without("quote"), "'quote' is a required property"),
        (without("tolerance"), "needs 'tolerance' (a number), 'holds' (a statement) or 'not_testable', one of them"),
        (without(holds={"above": 0}), "needs 'tolerance' (a number), 'holds' (a statement) or 'not_testable'"),
        (without(not_testable="why"), "a claim that is 'not_testable' has no verdict to judge"),
        (without("tolerance_reason"), "needs 'measure' and 'tolerance_reason'"),
        (without("measure"), "needs 'measure' and 'tolerance_reason'"),
        (without("published"), "'tolerance' needs the published number"),
        (without("tolerance", holds={"above": 0}, direction={"above": 0}), "'direction' goes with 'tolerance'"),
        (without(measure={"of": "__import__('os')"}), "claims.c.measure.of"),
        (without(measure={"of": of_table("Ours", reduce="eval")}), "claims.c.measure.of"),
        (without(measure={"of": {**of_table("Ours"), "file": "results/../etc/x.csv"}}), "claims.c.measure.of"),
        (without(measure={"of": of_table("Ours"), "against": of_table("Ours")}), "'against' and 'compare' go together"),
        (without(measure={"of": of_table("Ours"), "across": "mean"}), "'each' and 'across' go together"),
        (without(measure={"of": {**of_seeds("ours"), "file": "results/x.csv"}}), "'{seed}' in 'file' and 'seeds'"),
        (without(measure={"of": of_table("Ours", largest=1), "over": "seed"}), "take no 'interval' or 'largest'"),
    ],
)
def test_a_mistake_in_the_claims_file_is_one_sentence_that_names_it(tmp_path, schema, claim, sentence):
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump({"claims": {"c": claim}}), encoding="utf-8")
    with pytest.raises(KratosError, match=re.escape(sentence)) as raised:
        read_claims(path, schema)
    assert str(path) in str(raised.value)


def test_an_id_that_is_there_twice_is_an_error(tmp_path, schema):
    entry = yaml.safe_dump({"c": SOUND}, default_flow_style=True, width=10000)[1:-2]
    path = tmp_path / "claims.yaml"
    path.write_text(f"claims:\n  {entry}\n  {entry}\n", encoding="utf-8")
    with pytest.raises(KratosError, match="'c' is there twice"):
        read_claims(path, schema)


def test_a_claims_file_that_is_not_there_is_named(tmp_path, schema):
    with pytest.raises(KratosError, match=r"none\.yaml is not there"):
        read_claims(tmp_path / "none.yaml", schema)


def described(schema):
    for name, spec in schema.get("properties", {}).items():
        yield name, spec
        yield from described(spec)


def test_every_key_of_the_claims_is_described(schema):
    parts = [schema, *schema["$defs"].values()]
    keys = [(name, spec) for part in parts for name, spec in described(part)]
    assert len(keys) > 30
    for name, spec in keys:
        target = schema["$defs"][spec["$ref"].rsplit("/", 1)[1]] if "$ref" in spec else {}
        assert spec.get("description") or target.get("description"), name
    for part in parts:
        if part.get("type") == "object":
            assert part["additionalProperties"] is False


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"dataset": "pbcm"}, "claims.c: unknown dataset 'pbcm' of the config: did you mean 'pbmc'?"),
        ({"methods": ["kratos_xx"]}, "claims.c: unknown methods 'kratos_xx'"),
        ({"figure_or_table": "table9"}, "claims.c: unknown figure_or_table 'table9'"),
        ({}, "claims.c: results/tables/t.csv is not among the config's tables"),
    ],
)
def test_a_claim_about_what_the_config_lacks_is_an_error(config, change, sentence):
    with pytest.raises(KratosError, match=re.escape(sentence)):
        check_references({"c": {**SOUND, **change}}, config, "claims.yaml")


# ------------------------------------------------------------------------------------------------------------------
# The paper's claims


def test_the_papers_claims_fit_the_config(claims, config):
    check_references(claims, config, "claims.yaml")


def test_the_list_of_the_papers_claims_is_complete(claims):
    def starting(prefix):
        return [name for name in claims if name.startswith(prefix)]

    cells = [
        f"table1_{m}_{r}_{i}" for m in ("kratos", "ace") for r in ("causal", "dependent", "noise") for i in range(1, 6)
    ]
    assert len(cells) == 30
    metrics = [f"table2_{m}_{k}" for m in ("kratos", "ace", "gce") for k in ("silhouette", "ari", "ami")]
    assert len(metrics) == 9
    named = {
        *cells,
        *metrics,
        *(f"table1_{name}" for name in ("kratos_half_causal", "ace_half_causal", "comparable_causal")),
        *(f"table1_{name}" for name in ("kratos_noise_total", "ace_noise_mean", "fewer_noise", "more_dependent")),
        *(f"auroc_gain_{name}" for name in ("cw", "sg", "ig", "ace", "gce")),
        *("intro_ami_gain", "table2_silhouette_above_ace", "table2_silhouette_gce_highest"),
        *("table2_silhouette_53_percent", "training_time_reduction", "training_time_kratos", "training_time_ace"),
        *("hyperparameters_kratos", "hyperparameters_ace", "three_baselines", "ace_over_gce"),
        *(f"fig{figure}_{other}_{e}" for figure in (4, 5) for other in ("ace", "gce") for e in ("cw", "sg", "ig")),
        *(f"fig6a_permille_{name}" for name in ("lowest", "highest", "ig", "genes")),
        *("fig6a_percent_lowest", "fig6a_percent_highest", "fig6a_ig_best", "fig6a_cw_worst"),
        *("fig6b_lowest", "fig6b_highest", "fig6b_sg_least", "fig6b_similar_pbmc"),
        *("fig7_3_to_8", "fig7_8_to_3", "fig7_0_to_8", "fig7_8_to_0"),
        *(f"{d}_{what}" for d in ("simulated", "pbmc", "baron") for what in ("cells", "genes", "types")),
        *("pbmc_megakaryocytes", "pbmc_dendritic", "pbmc_small_types", "baron_small_types", "baron_species"),
    }
    assert named <= set(claims)
    assert len(starting("fig7_")) == 5
    assert len(starting("fig1_") + starting("fig3_")) == 5


def test_table_1_s_legible_rows_add_up_to_20_and_the_text_s_means_are_theirs(claims):
    published = {(m, r): [claims[f"table1_{m}_{r}_{i}"].get("published") for i in range(1, 6)]
                 for m in ("kratos", "ace") for r in ("causal", "dependent", "noise")}  # fmt: skip
    for method, rows in (("kratos", 5), ("ace", 4)):
        for row in range(rows):
            assert sum(published[method, role][row] for role in ("causal", "dependent", "noise")) == 20
    assert published["ace", "dependent"][4] is published["ace", "noise"][4] is None
    assert claims["table1_kratos_half_causal"]["published"] == np.mean(published["kratos", "causal"])
    assert claims["table1_ace_half_causal"]["published"] == np.mean(published["ace", "causal"])
    assert claims["table1_kratos_noise_total"]["published"] == sum(published["kratos", "noise"])


def test_table_1_compares_every_published_count_with_ours_of_the_same_rank(claims):
    for method in ("kratos", "ace"):
        for role in ("causal", "dependent", "noise"):
            own = [claims[f"table1_{method}_{role}_{i}"] for i in range(1, 6)]
            ranked = sorted(own, key=lambda claim: claim["measure"]["of"]["largest"])
            assert [claim["measure"]["of"]["largest"] for claim in ranked] == [1, 2, 3, 4, 5]
            shown = [claim["published"] for claim in ranked if "published" in claim]
            assert shown == sorted(shown, reverse=True)


def test_derived_differences_are_those_of_the_published_cells(claims):
    cell = {name: claim.get("published") for name, claim in claims.items()}
    for metric in ("ari", "ami"):
        for other in ("ace", "gce"):
            difference = cell[f"table2_kratos_{metric}"] - cell[f"table2_{other}_{metric}"]
            assert cell[f"table2_{metric}_above_{other}"] == pytest.approx(difference)
    assert cell["auroc_gain_sg"] == pytest.approx(
        3 * cell["auroc_gain_ace"] - cell["auroc_gain_cw"] - cell["auroc_gain_ig"]
    )
    assert cell["table2_silhouette_above_ace"] == pytest.approx(0.3745 - 0.0762)
    assert cell["table2_silhouette_gce_highest"] == pytest.approx(0.5083 - 0.3745)


def test_every_testable_claim_has_a_reason_for_its_tolerance_and_names_its_artefact(claims):
    for name, claim in claims.items():
        assert ("tolerance_reason" in claim) != ("not_testable" in claim), name
        # Counts of the data need no figure.
        assert (
            "figure_or_table" in claim
            or "not_testable" in claim
            or claim["metric"].startswith(("number of", "ratio of the numbers", "share of gene names"))
        ), name


def test_seeds_of_the_claims_are_those_of_the_config(claims, config):
    for name, claim in claims.items():
        for selection in selections(claim.get("measure", {})):
            if "seeds" in selection:
                dataset = selection["file"].split("/")[1]
                own = {**config["seeds"], **config["datasets"][dataset].get("seeds", {})}
                assert selection["seeds"] in (own["panels"], own["curves"]), name


def test_hyperparameters_named_in_the_claim_are_those_of_the_plug_ins(claims):
    network, perturbation = (set(parameters(*p, ("seed", "device", "target"))) for p in
                             (("models", "classifier"), ("explain", "adversarial")))  # fmt: skip
    statement = claims["hyperparameters_kratos"]["statement"]
    assert {name for name in network if name in statement} == network
    assert {name for name in perturbation if name in statement} >= {"trade_off", "margin", "start", "iterations"}
    ace = set(parameters("models", "ace", ("seed", "device")))
    assert {name for name in ace if name in claims["hyperparameters_ace"]["statement"]} == ace


def test_files_of_a_claim_are_each_named_once(claims):
    files = claim_files(claims)
    assert len(files) == len(set(files))
    assert set(files) == {file for claim in claims.values() for file in files_of(claim)}
    assert "results/pbmc/4/auroc/gce.parquet" in files
    assert listed({"file": "x"}) == [{"file": "x"}]


def test_the_ledger_has_a_line_per_claim_with_everything_a_reader_needs(results):
    claims = {
        "ami": {**SOUND, "unit": "", "methods": ["kratos", "ace"], "note": "A note.", "group": "g"},
        "seconds": {**without("tolerance", "tolerance_reason", "measure"), "not_testable": "no machine is named"},
        "side": {**without("tolerance", "published"), "holds": {"above": 0.9}},
    }
    ledger = make_ledger(claims, results)
    assert list(ledger) == COLUMNS
    assert list(ledger["id"]) == list(claims)
    assert list(ledger["verdict"]) == ["reproduced", "not testable", "not reproduced"]
    first, second, third = ledger.itertuples()
    assert (first.ours, first.published, first.tolerance, first.methods) == (0.8, 0.8, "0.1", "kratos; ace")
    assert first.source == "results/tables/t.csv"
    assert first.reason.endswith("A note.")
    assert np.isnan(second.ours)
    assert (third.tolerance, third.published) == ("above 0.9", pytest.approx(np.nan, nan_ok=True))
