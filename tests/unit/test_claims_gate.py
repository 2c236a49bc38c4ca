"""No verdict changes unnoticed, and the README's table is the committed ledger's."""

import subprocess
import sys
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import silhouette_score

import check_claims
import describe_claims
from kratos.claims.changes import verdict_changes
from kratos.claims.definitions import decided_by, read_claims
from kratos.claims.ledger import COLUMNS, make_ledger
from kratos.claims.overview import number, overview
from kratos.config import read_schema
from kratos.errors import KratosError
from kratos.tables import projection_silhouette


def ledger(**verdicts):
    """A ledger with one claim per verdict."""
    rows = [
        {"id": name, "place": "Table 2", "published": 0.5, "ours": 0.4, "verdict": verdict, "group": f"Group of {name}"}
        for name, verdict in verdicts.items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


OLD = {"ami": "reproduced", "ari": "direction only", "time": "not testable"}


@pytest.fixture
def files(tmp_path):
    """A fresh and a committed ledger that agree."""
    fresh, committed = tmp_path / "results" / "claims.csv", tmp_path / "golden" / "claims.csv"
    for path in (fresh, committed):
        path.parent.mkdir()
        ledger(**OLD).to_csv(path, index=False)
    return fresh, committed


def check(files, *more):
    return check_claims.main([*map(str, files), *more])


def test_the_same_verdicts_pass_though_numbers_moved(files, capsys):
    ledger(**OLD).assign(ours=0.45).to_csv(files[0], index=False)
    assert check(files) == 0
    assert "0 of 3 claims differ" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fresh", "told"),
    [
        ({**OLD, "ami": "not reproduced"}, ["ami", "reproduced", "not reproduced"]),
        ({**OLD, "ami": "reproduced", "ari": "reproduced"}, ["ari", "direction only", "reproduced"]),
        ({**OLD, "silhouette": "reproduced"}, ["silhouette", "absent", "reproduced"]),
        ({"ami": "reproduced", "ari": "direction only"}, ["time", "not testable", "absent"]),
    ],
)
def test_a_changed_a_new_and_a_lost_claim_fail_and_are_shown(files, capsys, fresh, told):
    ledger(**fresh).to_csv(files[0], index=False)
    assert check(files) == 1
    shown = capsys.readouterr().out
    (line,) = [line for line in shown.splitlines() if line.split()[:1] == told[:1]]
    assert line.split("0.4", 1)[-1].split() == " ".join(told[1:]).split() or all(word in line for word in told)
    assert "say in the commit's message why" in shown
    assert pd.read_csv(files[1])["verdict"].tolist() == list(OLD.values())


def test_changes_stand_in_the_ledger_s_order_and_then_what_is_gone():
    changed = verdict_changes(
        ledger(zeta="reproduced", ami="not reproduced", alpha="reproduced"), ledger(gone="reproduced", ami="reproduced")
    )
    assert changed["id"].tolist() == ["zeta", "ami", "alpha", "gone"]
    assert changed["verdict_committed"].tolist() == ["absent", "reproduced", "absent", "reproduced"]
    assert changed["verdict_fresh"].tolist() == ["reproduced", "not reproduced", "reproduced", "absent"]


def test_update_shows_the_difference_and_then_agrees(files, capsys):
    ledger(**{**OLD, "ami": "not reproduced"}).to_csv(files[0], index=False)
    assert check(files, "--update") == 0
    assert "1 of 3 claims differ" in capsys.readouterr().out
    assert files[1].read_bytes() == files[0].read_bytes()
    assert check(files) == 0


def test_update_makes_the_first_committed_ledger(files):
    files[1].unlink()
    assert check(files) == 1
    assert check(files, "--update") == 0
    assert check(files) == 0


def test_a_ledger_that_is_not_there_is_named_with_its_remedy(files, capsys):
    files[0].unlink()
    assert check(files) == 1
    assert "claims.csv is not there: make it with `snakemake" in capsys.readouterr().err


DATASETS = {"results/simulated/cells.h5ad": (500, 140), "results/mnist/cells.h5ad": (5, 784)}


@pytest.fixture
def partial_run(tmp_path):
    """The cells of two data sets, and a ledger of what they decide."""
    for name, (n, p) in DATASETS.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        roles = np.repeat(["causal", "dependent", "noise"], [20, 20, p - 40])
        adata = ad.AnnData(
            np.zeros((n, p), dtype=np.float32), var=pd.DataFrame({"role": roles}, index=map(str, range(p)))
        )
        adata.obs["cell_type"] = pd.Categorical(np.resize(["1", "2", "3", "4", "5"], n))
        adata.write_h5ad(path)
    committed = tmp_path / "committed.csv"
    claims = read_claims(check_claims.CLAIMS, read_schema(check_claims.SCHEMA))
    make_ledger(decided_by(claims, [*DATASETS]), tmp_path).to_csv(committed, index=False)
    return tmp_path, committed


def check_part(partial_run, *files):
    folder, committed = partial_run
    return check_claims.main(["unused", str(committed), "--folder", str(folder), "--files", *files])


def test_files_of_a_part_of_the_run_decide_their_claims(partial_run, capsys):
    assert check_part(partial_run, *DATASETS) == 0
    written = pd.read_csv(partial_run[1]).set_index("id")
    assert set(written.loc[written["source"].notna(), "source"]) == set(DATASETS)
    # Claims without a file are judged as well: they are not testable.
    assert (written.loc[written["source"].isna(), "verdict"] == "not testable").all()
    assert len(written) > 7
    # Fewer files decide fewer claims, and the others are not compared.
    capsys.readouterr()
    assert check_part(partial_run, "results/mnist/cells.h5ad") == 0
    assert f"0 of {1 + written['source'].isna().sum()} claims differ" in capsys.readouterr().out


def test_a_verdict_that_a_part_of_the_run_changes_fails(partial_run, capsys):
    committed = partial_run[1]
    changed = pd.read_csv(committed)
    name = changed.loc[changed["verdict"] == "reproduced", "id"].iloc[0]
    changed.loc[changed["id"] == name, "verdict"] = "not reproduced"
    pd.concat([changed, ledger(gone="reproduced")]).to_csv(committed, index=False)
    assert check_part(partial_run, *DATASETS) == 1
    shown = capsys.readouterr().out
    assert {line.split()[0] for line in shown.splitlines()[1:3]} == {name, "gone"}


def test_a_file_that_is_missing_or_decides_nothing_is_an_error(partial_run, capsys):
    assert check_part(partial_run, "results/tables/tabel1.csv") == 1
    assert "no claim is computed from results/tables/tabel1.csv" in capsys.readouterr().err
    assert check_part(partial_run, "results/tables/table1.csv") == 1
    assert "table1.csv" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------------------------
# The README's table


def test_the_table_has_a_line_per_group_with_its_verdicts():
    rows = ledger(a="reproduced", b="not reproduced", c="not testable", d="reproduced")
    rows["group"] = ["Table 2 | pairs", "Table 2 | pairs", "Sec. 1", "Fig. 5"]
    rows["statement"] = list("abcd")
    rows["published"] = [0.8547, 14878, 17, np.nan]
    rows["ours"] = [0.8521, 14878, np.nan, 2.5]
    rows["unit"] = [None, None, "s", "points"]
    rows["tolerance"] = ["0.03", "0", None, "above 0"]
    rows["low"], rows["high"] = [0.8, np.nan, np.nan, 2.0], [0.9, np.nan, np.nan, 3.0]
    text = overview(rows)
    assert text.startswith("4 claims: 2 reproduced, 1 not reproduced, 1 not testable.\n")
    assert "| Table 2 \\| pairs | 0.8547, 14878 | 0.852, 14878 | 1 reproduced, 1 not reproduced |\n" in text
    assert "| Sec. 1 | 17 s | — | not testable |\n" in text
    assert "| Fig. 5 | > 0 points | 2.5 [2, 3] | reproduced |\n" in text


@pytest.mark.parametrize(
    ("value", "text"), [(0.12345, "0.123"), (14878, "14878"), (3, "3"), (429.6, "430"), (-0.05, "-0.05")]
)
def test_numbers_have_three_digits_and_whole_numbers_all(value, text):
    assert number(value) == text


@pytest.fixture
def readme(tmp_path, files):
    path = tmp_path / "README.md"
    path.write_text(f"# Title\n\n{describe_claims.BEGIN}{describe_claims.END}\nEnd.\n", encoding="utf-8")
    return ["--readme", str(path), "--claims", str(files[1])]


def test_the_readme_is_written_once_and_then_agrees(readme):
    assert describe_claims.main([*readme, "--check"]) == 1
    assert describe_claims.main(readme) == 0
    text = Path(readme[1]).read_text(encoding="utf-8")
    assert text.startswith("# Title\n")
    assert text.endswith("\nEnd.\n")
    assert "| Group of ari | 0.5 | 0.4 | direction only |" in text
    assert describe_claims.main([*readme, "--check"]) == 0


def test_a_readme_without_markers_is_an_error(readme, capsys):
    Path(readme[1]).write_text("# Title\n", encoding="utf-8")
    assert describe_claims.main([*readme, "--check"]) == 1
    assert "lacks the lines" in capsys.readouterr().err


def test_the_readme_s_table_is_that_of_the_committed_ledger(project):
    command = [sys.executable, str(project / "scripts" / "describe_claims.py"), "--check"]
    environment = {"PYTHONPATH": str(project / "scripts"), "PATH": ""}
    result = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


# ------------------------------------------------------------------------------------------------------------------
# The table that claims about Figs. 1 and 3 are read from


def test_the_silhouette_of_a_projection_is_that_of_its_types_in_the_plane():
    rng = np.random.default_rng(3)
    kind = np.repeat(["a", "b"], 20)
    frames = [
        pd.DataFrame({"cell_type": kind, "x": rng.normal(size=40) + shift * (kind == "a"), "y": rng.normal(size=40)})
        .assign(dataset="d", projection="umap", space=space, seed=seed)
        for space, shift in (("net", 5), ("input", 1))
        for seed in (0, 1)
    ]  # fmt: skip
    titles = {"datasets": {"d": "Data"}, "models": {"net": "Net"}}
    table = projection_silhouette.tabulate(pd.concat(frames), titles, spaces=["input", "net"])
    assert table[["space", "seed"]].values.tolist() == [["input", 0], ["Net", 0], ["input", 1], ["Net", 1]]
    expected = silhouette_score(frames[1][["x", "y"]], kind)
    assert table.loc[(table["space"] == "Net") & (table["seed"] == 1), "silhouette"].item() == pytest.approx(expected)
    with pytest.raises(KratosError, match="'ace' is not projected"):
        projection_silhouette.tabulate(pd.concat(frames), titles, spaces=["ace"])
