"""The gate against our own golden values: what moved, is gone or is new fails; another machine's rounding does not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import check_golden
import golden_spread
from kratos.errors import KratosError
from kratos.golden import KEY
from kratos.regression import MOVED_COLUMNS, ROUNDING, compare, read_golden, report, spread_rows

ROWS = [
    # dataset, name, metric, protocol, cells, cell_type, n_genes, value
    ("pbmc", "net_ig", "auroc", "crossval", "all", "NK", 18, 0.95),
    ("pbmc", "net_ig", "auroc", "heldout", "test", "NK", 18, 0.93),
    ("pbmc", "net_ig", "score", "", "all", "NK", 0, 40.0),
    ("pbmc", "wilcoxon", "auroc", "crossval", "all", "NK", 18, 0.91),
]
TOLERANCES = [
    ("pbmc", "net_ig", "auroc", 0.01),
    ("pbmc", "net_ig", "score", 0.01),
    ("pbmc", "wilcoxon", "auroc", 1e-6),
]


def rows(*changes):
    """The rows with values replaced: (index, value) pairs."""
    table = pd.DataFrame(ROWS, columns=[*KEY, "value"])
    for index, value in changes:
        table.loc[index, "value"] = value
    return table


@pytest.fixture
def spread():
    return pd.DataFrame(TOLERANCES, columns=["dataset", "name", "metric", "tolerance"])


# ------------------------------------------------------------------------------------------------------------------
# Comparison


def test_the_same_values_in_any_order_have_not_moved(spread):
    moved = compare(rows(), rows().sample(frac=1, random_state=0), spread)
    assert moved.empty and list(moved) == MOVED_COLUMNS
    assert report(moved) == "nothing moved"


def test_a_value_within_its_tolerance_passes_and_one_beyond_is_shown_with_its_numbers(spread):
    assert compare(rows(), rows((0, 0.9599)), spread).empty
    (line,) = compare(rows(), rows((0, 0.9395)), spread).to_dict("records")
    assert (line["verdict"], line["golden"], line["fresh"]) == ("moved", 0.95, 0.9395)
    assert line["difference"] == pytest.approx(-0.0105) and line["tolerance"] == pytest.approx(0.01)
    assert (line["protocol"], line["cell_type"], line["n_genes"]) == ("crossval", "NK", 18)


def test_scores_are_compared_in_relative_terms(spread):
    assert compare(rows(), rows((2, 40.39)), spread).empty
    (line,) = compare(rows(), rows((2, 40.41)), spread).to_dict("records")
    assert line["tolerance"] == pytest.approx(0.4)


def test_an_exact_method_passes_only_within_rounding(spread):
    assert compare(rows(), rows((3, 0.91 + 5e-7)), spread).empty
    assert compare(rows(), rows((3, 0.91 + 5e-6)), spread)["verdict"].tolist() == ["moved"]


def test_missing_and_new_rows_fail(spread):
    moved = compare(rows(), rows().drop(index=1), spread)
    assert moved["verdict"].tolist() == ["missing"] and moved["golden"].tolist() == [0.93]
    moved = compare(rows().drop(index=1), rows(), spread)
    assert moved["verdict"].tolist() == ["new"] and moved["fresh"].tolist() == [0.93]


def test_a_value_that_became_undefined_is_missing(spread):
    assert compare(rows(), rows((1, np.nan)), spread)["verdict"].tolist() == ["missing"]


def test_a_value_without_a_tolerance_fails_even_when_it_is_the_same(spread):
    moved = compare(rows(), rows(), spread.iloc[:2])
    assert moved["verdict"].tolist() == ["no tolerance"] and moved["name"].tolist() == ["wilcoxon"]


def test_repeated_rows_are_an_error(spread):
    with pytest.raises(KratosError, match="fresh: two values of pbmc / net_ig / auroc / crossval"):
        compare(rows(), pd.concat([rows(), rows().head(1)]), spread)
    with pytest.raises(KratosError, match="a group has two tolerances"):
        compare(rows(), rows(), pd.concat([spread, spread]))


def test_the_report_counts_and_begins_with_what_moved_furthest(spread):
    moved = compare(rows(), rows((0, 0.93), (2, 80.0)).drop(index=3), spread)
    first, header, *lines = report(moved).splitlines()
    assert first == "2 moved, 1 missing" and "tolerance" in header
    assert [line.split()[1:3] for line in lines] == [["wilcoxon", "auroc"], ["net_ig", "score"], ["net_ig", "auroc"]]
    assert report(moved, rows=1).endswith("… 2 more")


# ------------------------------------------------------------------------------------------------------------------
# Tolerances


def seeds():
    return [rows((0, 0.90), (1, 0.98), (2, 60.0)), rows((0, 1.0), (1, 0.9), (2, 20.0))]


def test_a_score_may_move_by_three_times_what_other_machines_moved_it():
    table = spread_rows(rows(), [rows((2, 40.4)), rows((2, 39.8))], seeds()).set_index(["name", "metric"])
    score = table.loc[("net_ig", "score")]
    assert (score["rows"], score["machines"], score["seeds"], score["scale"]) == (1, 2, 2, "relative")
    assert score["machine_worst"] == pytest.approx(0.01) and score["tolerance"] == pytest.approx(0.03)


def test_the_spread_is_the_root_mean_square_of_the_rows_standard_deviations():
    table = spread_rows(rows(), [rows((0, 0.951)), rows((1, 0.928))], seeds()).set_index(["name", "metric"])
    auroc = table.loc[("net_ig", "auroc")]
    assert auroc["machine_worst"] == pytest.approx(0.002) and auroc["rows"] == 2
    own = [np.std([0.95, 0.951, 0.95], ddof=1), np.std([0.93, 0.93, 0.928], ddof=1)]
    assert auroc["machine_sd"] == pytest.approx(np.sqrt(np.mean(np.square(own))))
    own = [np.std([0.95, 0.90, 1.0], ddof=1), np.std([0.93, 0.98, 0.9], ddof=1)]
    assert auroc["seed_sd"] == pytest.approx(np.sqrt(np.mean(np.square(own))))


def test_a_panel_of_a_method_that_machines_move_may_jump_by_the_spread_of_seeds():
    """Here the scores moved, but no gene passed another; on a third machine one may."""
    table = spread_rows(rows(), [rows((2, 40.4)), rows()], seeds()).set_index(["name", "metric"])
    auroc = table.loc[("net_ig", "auroc")]
    assert auroc["machine_worst"] == 0 and auroc["tolerance"] == pytest.approx(auroc["seed_sd"])


def test_the_spread_of_seeds_bounds_the_tolerance():
    table = spread_rows(rows(), [rows((0, 1.0)), rows()], seeds()).set_index(["name", "metric"])
    auroc = table.loc[("net_ig", "auroc")]
    assert 3 * auroc["machine_worst"] > 3 * auroc["seed_sd"] > auroc["machine_worst"]
    assert auroc["tolerance"] == pytest.approx(3 * auroc["seed_sd"])


def test_what_a_machine_gave_is_allowed_even_beyond_the_spread_of_seeds():
    table = spread_rows(rows(), [rows((0, 0.5)), rows()], seeds()).set_index(["name", "metric"])
    auroc = table.loc[("net_ig", "auroc")]
    assert auroc["tolerance"] == auroc["machine_worst"] == pytest.approx(0.45)


def test_three_cells_or_one_gene_may_always_change_sides_where_machines_move_the_method():
    counted = pd.DataFrame(
        [
            ("pbmc", "", "n_cells", "", "train", "", 0, 200),
            ("pbmc", "", "n_cells", "", "validation", "", 0, 20),
            ("pbmc", "", "n_cells", "", "test", "", 0, 100),
            ("pbmc", "net_ig", "ari", "", "test", "", 0, 0.8),
            ("pbmc", "net_ig", "causal", "", "all", "NK", 20, 12),
            ("pbmc", "wilcoxon", "causal", "", "all", "NK", 20, 9),
        ],
        columns=[*KEY, "value"],
    )

    def run(*changes):
        return pd.concat([rows(*changes), counted], ignore_index=True)

    table = spread_rows(run(), [run((2, 40.4)), run()], [run(), run()]).set_index(["name", "metric"])
    assert table.loc[("net_ig", "ari"), "tolerance"] == pytest.approx(3 / 100)
    assert table.loc[("net_ig", "causal"), "tolerance"] == 1
    assert table.loc[("wilcoxon", "causal"), "tolerance"] == ROUNDING


def test_what_a_model_reads_in_a_method_s_images_moves_with_the_method():
    def read(*changes):
        return rows(*changes).replace({"name": {"wilcoxon": "net_ig net"}})

    table = spread_rows(read(), [read((2, 40.4)), read()], [read((3, 0.8)), read((3, 0.99))])
    own = table.set_index(["name", "metric"]).loc[("net_ig net", "auroc")]
    assert own["machine_worst"] == 0 and own["tolerance"] == pytest.approx(own["seed_sd"])


def test_what_nothing_moves_is_allowed_rounding_only_however_much_seeds_matter():
    table = spread_rows(rows(), [rows((3, 0.91 + 5e-10)), rows()], seeds()).set_index(["name", "metric"])
    assert (table["tolerance"] == ROUNDING).all() and (table["formula"] == "1e-5").all()


def test_a_row_that_another_seed_does_not_have_says_nothing_of_the_spread():
    table = spread_rows(rows(), [rows(), rows()], [frame.drop(index=1) for frame in seeds()])
    assert table["seed_sd"].notna().all()


def test_every_machine_passes_with_the_tolerances_that_it_gave():
    machines = [rows((0, 0.951), (2, 40.4)), rows((1, 0.928))]
    table = spread_rows(rows(), machines, seeds())
    for machine in machines:
        assert compare(rows(), machine, table).empty


def test_a_spread_needs_two_runs_of_either_kind_with_the_golden_rows():
    with pytest.raises(KratosError, match=r"not 1 \(machines\) and 2 \(seeds\)"):
        spread_rows(rows(), [rows()], seeds())
    with pytest.raises(KratosError, match=r"not 2 \(machines\) and 0 \(seeds\)"):
        spread_rows(rows(), [rows(), rows()], [])
    for other in (rows().head(2), pd.concat([rows(), rows().head(1).assign(n_genes=5)])):
        with pytest.raises(KratosError, match="other rows than the golden run"):
            spread_rows(rows(), [rows(), other], seeds())


# ------------------------------------------------------------------------------------------------------------------
# Files and commands


@pytest.fixture
def small_run(tmp_path, planted_cells):
    """Results of a run with one ranker on the planted cells and the configuration that it was made with."""
    from kratos.cells import write_cells
    from rank import main

    folder = tmp_path / "results" / "planted"
    write_cells(planted_cells, folder / "cells.h5ad")
    method = {
        "method": {"ranker": "random_genes", "params": {}},
        "protocols": ["crossval"],
        "maximum_cells_per_type": 0,
    }
    identity = {"dataset": "planted", "method": "random", "seed": 0}
    main(str(folder / "cells.h5ad"), None, method, identity, str(folder / "0" / "rankings" / "random.parquet"))
    config = tmp_path / "config.yaml"
    planted = "datasets: {planted: {methods: [random], evaluations: []}}\nmodels: {}\n"
    config.write_text(planted + "methods: {random: {ranker: random_genes}}\n")
    golden = tmp_path / "golden"
    golden.mkdir()
    groups = ["score", "n_cells", "n_genes", "mean_expression"]
    names = ["random", "", "", ""]
    table = pd.DataFrame({"dataset": "planted", "name": names, "metric": groups, "tolerance": 1e-6})
    table.to_csv(golden / "spread.csv", index=False)
    return ["--results", str(tmp_path / "results"), "--configfile", str(config), "--golden", str(golden)]


def test_without_golden_values_all_is_new_and_an_update_writes_what_then_passes(small_run, capsys):
    assert check_golden.main(small_run) == 1
    assert "new" in capsys.readouterr().out
    assert check_golden.main([*small_run, "--update"]) == 0
    shown = capsys.readouterr().out
    assert "new" in shown and "golden values written" in shown
    assert check_golden.main(small_run) == 0
    assert "nothing moved" in capsys.readouterr().out


def test_a_moved_value_fails_and_an_update_shows_it_first(small_run, capsys):
    check_golden.main([*small_run, "--update"])
    path = Path(small_run[-1]) / "planted.csv"
    path.write_text(path.read_text().replace("n_genes,,all,,0,60", "n_genes,,all,,0,61"))
    capsys.readouterr()
    assert check_golden.main(small_run) == 1
    shown = capsys.readouterr().out
    assert "1 moved" in shown and "n_genes" in shown and "61" in shown and "make golden-update" in shown
    assert check_golden.main([*small_run, "--update"]) == 0
    assert "1 moved" in capsys.readouterr().out
    assert check_golden.main(small_run) == 0


def test_data_sets_that_were_not_run_are_named_as_not_compared(small_run, capsys, tmp_path):
    check_golden.main([*small_run, "--update"])
    rows().to_csv(tmp_path / "golden" / "pbmc.csv", index=False)
    assert check_golden.main(small_run) == 0
    assert "NOT COMPARED, for their data are not at hand (set KRATOS_MIRROR): pbmc" in capsys.readouterr().out


def test_an_unfinished_run_is_an_error_that_names_the_file(small_run, capsys, tmp_path):
    (tmp_path / "results" / "planted" / "0" / "rankings" / "random.parquet").unlink()
    assert check_golden.main(small_run) == 2
    assert "random.parquet does not exist: finish the run" in capsys.readouterr().err


def test_a_missing_configuration_or_spread_is_an_error(small_run, capsys, tmp_path):
    (tmp_path / "golden" / "spread.csv").unlink()
    assert check_golden.main(small_run) == 2
    assert "spread.csv does not exist: write it with `make golden-spread`" in capsys.readouterr().err
    (tmp_path / "config.yaml").unlink()
    assert check_golden.main(small_run) == 2
    assert "config.yaml does not exist" in capsys.readouterr().err


def test_golden_values_with_other_columns_are_an_error(tmp_path, spread):
    spread.to_csv(tmp_path / "spread.csv", index=False)
    rows().drop(columns="protocol").to_csv(tmp_path / "pbmc.csv", index=False)
    with pytest.raises(KratosError, match=r"pbmc\.csv has columns dataset, name, metric, cells"):
        read_golden(tmp_path)


def test_golden_values_are_read_as_they_were_written(tmp_path, spread):
    spread.to_csv(tmp_path / "spread.csv", index=False)
    named = rows().assign(cell_type="NA")  # a type of this name is no missing value
    named.to_csv(tmp_path / "pbmc.csv", index=False)
    golden, tolerances = read_golden(tmp_path)
    pd.testing.assert_frame_equal(golden, named)
    assert compare(golden, named, tolerances).empty


def test_the_spread_is_written_from_folders_of_runs(small_run, tmp_path, capsys):
    results, config = small_run[1], small_run[3]
    (tmp_path / "results" / "planted" / "1").symlink_to(tmp_path / "results" / "planted" / "0")
    (tmp_path / "results" / "planted" / "2").symlink_to(tmp_path / "results" / "planted" / "0")
    command = ["--configfile", config, "--results", results, "--seed-results", results, "--seeds", "1", "2"]
    output = tmp_path / "out" / "spread.csv"
    assert golden_spread.main([*command, "--machines", results, results, "--output", str(output)]) == 0
    assert pd.read_csv(output)["tolerance"].eq(ROUNDING).all()
    other = pd.read_csv(output).assign(dataset="not_run", tolerance=0.5)
    other.to_csv(output, index=False)
    assert golden_spread.main([*command, "--machines", results, results, "--output", str(output)]) == 0
    written = pd.read_csv(output)
    assert written.groupby("dataset")["tolerance"].max().to_dict() == {"not_run": 0.5, "planted": ROUNDING}
    assert golden_spread.main([*command, "--machines", results, "--output", str(output)]) == 2
    assert "needs two runs or more" in capsys.readouterr().err
