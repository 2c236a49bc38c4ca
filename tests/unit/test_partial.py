"""A run on one donor of two says so in every table, figure and the summary."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

import figure
import summary
import table
from kratos.cells import write_cells
from kratos.partial import partial_note

NOTE = "donor mouse1 only (the paper's cells include mouse2)"
TITLES = {"datasets": {"part": "Baron", "whole": "PBMC"}, "models": {}, "methods": {"m": "Method"}}


@pytest.fixture
def cells(planted_cells, tmp_path):
    """Files of a whole data set and of a part of one."""
    paths = {}
    for name in ("whole", "part"):
        (tmp_path / name).mkdir()
        if name == "part":
            planted_cells.uns["partial"] = NOTE
        paths[name] = str(tmp_path / name / "cells.h5ad")
        write_cells(planted_cells, paths[name])
    return paths


@pytest.fixture
def redundancy_file(tmp_path):
    rows = pd.DataFrame({"cell_type": "t", "n_genes": [2, 4], "fraction": [0.1, 0.2], "value": [0.3, 0.4], "note": ""})
    path = tmp_path / "redundancy.parquet"
    rows.assign(dataset="part", method="m", seed=0).to_parquet(path)
    return str(path)


def test_the_note_names_the_data_set_and_what_is_missing(cells):
    assert partial_note([cells["part"], cells["whole"]], TITLES["datasets"]) == f"Baron: {NOTE}"
    assert partial_note([cells["whole"]], TITLES["datasets"]) == ""
    assert partial_note([], {}) == ""


def test_a_table_of_partial_data_says_so_in_every_row(cells, tmp_path):
    rows = pd.DataFrame(
        {"cells": "test", "n_cells": 5, "metric": ["silhouette", "ari", "ami"], "value": [0.1, 0.2, 0.3]}
    )
    rows.assign(dataset="part", model="net", seed=0).to_parquet(tmp_path / "rows.parquet")
    titles = {**TITLES, "models": {"net": "Net"}}
    entry = {"spec": {"kind": "clustering", "dataset": "part"}, "titles": titles}
    for name, expected in (("part", [f"Baron: {NOTE}"]), ("whole", None)):
        output = tmp_path / f"{name}.csv"
        table.main([str(tmp_path / "rows.parquet")], entry, str(output), [cells[name]])
        written = pd.read_csv(output)
        assert len(written) == 1
        assert written.get("partial", pd.Series(dtype=str)).tolist() == (expected or [])


def test_a_figure_of_partial_data_says_so_on_its_face_and_in_its_numbers(cells, redundancy_file, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **_: (drawn.append(self), path.write_bytes(b"x"))[1])
    entry = {"spec": {"kind": "redundancy", "dataset": "part", "panels": [["m"]]}, "titles": TITLES}
    for name in ("part", "whole"):
        outputs = [str(tmp_path / f"{name}.{suffix}") for suffix in ("png", "csv")]
        figure.main([redundancy_file], entry, outputs, [cells[name]])
    plt.close("all")
    assert drawn[0].get_suptitle() == f"Partial data. Baron: {NOTE}"
    assert drawn[1].get_suptitle() == ""
    assert set(pd.read_csv(tmp_path / "part.csv")["partial"]) == {f"Baron: {NOTE}"}
    assert "partial" not in pd.read_csv(tmp_path / "whole.csv")


def test_the_summary_marks_figures_of_partial_data(tmp_path):
    np.savetxt(tmp_path / "t.csv", [[1]], header="value", comments="")
    pd.DataFrame({"value": [1], "partial": [NOTE]}).to_csv(tmp_path / "fig6.csv", index=False)
    pd.DataFrame({"value": [1]}).to_csv(tmp_path / "fig1.csv", index=False)
    figures = [str(tmp_path / f"{name}.csv") for name in ("fig1", "fig6")]
    summary.main([str(tmp_path / "t.csv")], figures, str(tmp_path / "summary.txt"))
    assert "Figures: fig1, fig6 (partial data) (pdf, png" in (tmp_path / "summary.txt").read_text(encoding="utf-8")


def test_tables_and_figures_of_a_sample_say_how_many_cells_they_come_from(redundancy_file, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **_: (drawn.append(self), path.write_bytes(b"x"))[1])
    rows = pd.read_parquet(redundancy_file).assign(cells_used=1500, cells_available=1_000_000)
    rows.to_parquet(redundancy_file)
    note = "Baron: 1,500 of 1,000,000 cells, drawn at random"
    entry = {"spec": {"kind": "redundancy", "dataset": "part", "panels": [["m"]]}, "titles": TITLES}
    figure.main([redundancy_file], entry, [str(tmp_path / "f.png"), str(tmp_path / "f.csv")])
    plt.close("all")
    assert drawn[0].get_supxlabel() == note
    assert set(pd.read_csv(tmp_path / "f.csv")["sampled"]) == {note}
    metrics = pd.DataFrame(
        {"cells": "all", "n_cells": 9, "metric": ["silhouette", "ari", "ami"], "value": 0.5, "cells_available": 9}
    ).assign(cells_used=[4, 9, 9], dataset="part", model="net", seed=0)
    metrics.to_parquet(tmp_path / "rows.parquet")
    titles = {**TITLES, "models": {"net": "Net"}}
    spec = {"kind": "clustering", "dataset": "part"}
    table.main([str(tmp_path / "rows.parquet")], {"spec": spec, "titles": titles}, str(tmp_path / "t.csv"))
    assert pd.read_csv(tmp_path / "t.csv")["sampled"].tolist() == ["Baron: 4 of 9 cells, drawn at random"]
