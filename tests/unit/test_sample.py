"""Samples of cells: drawn per type, nested, repeatable, and stated in the results that they lead to."""

import logging

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import adjusted_rand_score, silhouette_score

import auroc
import clustering
import rank
import train
from kratos import cells
from kratos.evaluate.clustering import clustering_metrics
from kratos.files import read_json
from kratos.matrices import on_disk
from kratos.partial import sampled_note
from kratos.sample import in_memory, read_sample, sampled_rows

LABELS = pd.Series(["a"] * 500 + ["b"] * 40 + ["c"] * 3)
IDENTITY = {"dataset": "planted", "method": "net_ig", "seed": 0}
PROTOCOL = {
    "protocols": ["crossval", "heldout"],
    "minimum_cells": 10,
    "draws": 2,
    "folds": 3,
    "inner_folds": 2,
    "c_scale": 100.0,
    "gamma_scale": 0.1,
    "fractions": [0.05],
}


@pytest.fixture
def on_file(planted_cells, tmp_path, monkeypatch):
    """A function that writes the planted cells, and opens files without reading X where it is told to."""

    def write(large):
        planted_cells.X = sparse.csr_matrix(planted_cells.X)
        cells.write_cells(planted_cells, tmp_path / "cells.h5ad")
        if large:
            opened = cells.open_cells
            for module in ("kratos.sample", "train", "clustering"):
                monkeypatch.setattr(f"{module}.open_cells", lambda path: opened(path, on_disk_above=0))
        return str(tmp_path / "cells.h5ad")

    return write


def test_a_sample_takes_at_most_so_many_of_each_type_and_small_types_whole():
    rows = sampled_rows(LABELS, 20, seed=1)
    assert LABELS[rows].value_counts().to_dict() == {"a": 20, "b": 20, "c": 3}
    assert (np.diff(rows) > 0).all()


def test_a_sample_repeats_for_a_seed_and_differs_for_another():
    np.testing.assert_array_equal(sampled_rows(LABELS, 20, seed=1), sampled_rows(LABELS, 20, seed=1))
    assert not np.array_equal(sampled_rows(LABELS, 20, seed=1), sampled_rows(LABELS, 20, seed=2))


def test_a_smaller_sample_is_a_part_of_a_larger_one_whatever_the_other_types():
    assert set(sampled_rows(LABELS, 10, seed=1)) < set(sampled_rows(LABELS, 30, seed=1))
    renamed = LABELS.replace("b", "z")
    of_a = [set(rows[rows < 500]) for rows in (sampled_rows(labels, 20, seed=1) for labels in (LABELS, renamed))]
    assert of_a[0] == of_a[1]


def test_cells_are_drawn_evenly_over_a_type():
    """Each of 500 cells is in a sample of 100 with probability 1/5: counts over 200 seeds are binomial."""
    drawn = np.bincount(np.concatenate([sampled_rows(LABELS[:500], 100, seed=s) for s in range(200)]), minlength=500)
    assert drawn.sum() == 200 * 100
    z = (drawn - 40) / np.sqrt(200 * 0.2 * 0.8)
    assert abs(z).max() < 4.5
    assert 0.8 < z.std() < 1.2


def test_small_data_are_taken_whole_and_are_not_copied(planted_cells):
    sample = in_memory(planted_cells, 0, seed=1)
    assert sample.adata is planted_cells
    assert sample.sizes == {"cells_used": 120, "cells_available": 120}
    assert in_memory(planted_cells, 40, seed=1).adata is planted_cells


@pytest.mark.parametrize("many", [119, 120])
def test_many_cells_are_sampled_without_a_limit_of_the_config(planted_cells, many):
    sample = in_memory(planted_cells, 0, seed=1, when_many=10, many=many)
    assert sample.sizes["cells_used"] == (33 if many == 119 else 120)


@pytest.mark.parametrize("large", [False, True])
def test_the_sample_of_a_file_has_the_cells_of_its_rows(on_file, planted_cells, large):
    sample = read_sample(on_file(large), 10, seed=1)
    assert sample.sizes == {"cells_used": 33, "cells_available": 120}
    assert not on_disk(sample.adata.X)
    assert sample.adata.obs_names.tolist() == planted_cells.obs_names[sample.rows].tolist()
    np.testing.assert_array_equal(sample.adata.X.toarray(), planted_cells.X[sample.rows].toarray())


def test_the_size_of_a_sample_is_logged(on_file, caplog):
    with caplog.at_level(logging.INFO):
        read_sample(on_file(True), 10, seed=1)
    assert "33 of 120 cells: at most 10 of a type, drawn at random" in caplog.text


@pytest.mark.parametrize("large", [False, True])
def test_every_step_runs_on_cells_on_disk_and_states_how_many_it_used(on_file, tmp_path, large):
    path, net = on_file(large), tmp_path / "net"
    outputs = {"model": net / "model.pt", "embedding": net / "embedding.npz", "training": net / "training.json"}
    params = {"hidden": [16, 8], "epochs": 30, "batch_size": 16, "learning_rate": 0.01}
    train.main(
        path, {"kind": "classifier", "device": "cpu", "params": params}, 0, {k: str(v) for k, v in outputs.items()}
    )
    assert {k: v for k, v in read_json(net / "training.json").items() if k.startswith("cells_")} == {
        "cells_used": 120,
        "cells_available": 120,
    }
    spec = {
        "method": {"explained_input": "prepared"},
        "explainer": {"kind": "integrated_gradients", "params": {"steps": 5}},
        "protocols": ["crossval", "heldout"],
        "maximum_cells_per_type": 20,
    }
    ranking, area = tmp_path / "ranking.parquet", tmp_path / "auroc.parquet"
    rank.main(path, str(net / "model.pt"), spec, IDENTITY, str(ranking))
    ranked = pd.read_parquet(ranking)
    assert set(ranked["cells_used"]) == {63}
    assert set(ranked["cells_available"]) == {120}
    # A type's scores come from the sampled cells that are classified correctly, fewer of them without test cells.
    by_protocol = ranked[ranked["cell_type"] == "Alpha"].groupby("protocol")["n_cells"].first()
    assert by_protocol["heldout"] < by_protocol["crossval"] <= 20
    auroc.main(path, str(ranking), {**PROTOCOL, "maximum_cells_per_type": 15}, IDENTITY, str(area))
    rows = pd.read_parquet(area)
    assert set(rows["cells_used"]) == {48}
    assert set(rows["cells_available"]) == {120}
    assert rows["value"].mean() > 0.9
    note = sampled_note(rows, {"planted": "Planted"})
    assert note == "Planted: 48 of 120 cells, drawn at random"
    clustering.main(path, [str(net / "embedding.npz")], 50, {"dataset": "planted", "seed": 0}, str(area))
    metrics = pd.read_parquet(area).set_index(["cells", "metric"])
    assert metrics.loc[("all", "silhouette"), ["cells_used", "cells_available"]].tolist() == [50, 120]
    assert metrics.loc[("all", "ari"), ["cells_used", "cells_available"]].tolist() == [120, 120]


def test_without_a_limit_the_areas_are_those_of_all_cells(on_file, planted_cells, tmp_path):
    from kratos.evaluate.auroc import auroc_rows
    from kratos.evaluate.panels import grid_sizes
    from kratos.rank.order import ranking_rows
    from kratos.seeds import derive_seed

    path = on_file(False)
    ranking = pd.concat(
        [
            ranking_rows(planted_cells.var_names, t, -np.arange(60.0)).assign(protocol=p)
            for t in ("Alpha", "Beta")
            for p in PROTOCOL["protocols"]
        ]
    )
    ranking.to_parquet(tmp_path / "r.parquet")
    auroc.main(
        path, str(tmp_path / "r.parquet"), {**PROTOCOL, "maximum_cells_per_type": 0}, IDENTITY, str(tmp_path / "a")
    )
    settings = {key: value for key, value in PROTOCOL.items() if key != "fractions"}
    expected = auroc_rows(
        planted_cells, ranking, grid_sizes(60, [0.05]), seed=derive_seed("planted", "auroc", 0), **settings
    )
    rows = pd.read_parquet(tmp_path / "a")
    pd.testing.assert_frame_equal(rows[expected.columns], expected)
    assert (rows["cells_used"] == rows["cells_available"]).all()


def test_a_model_that_needs_memory_is_fitted_on_a_sample_of_cells_on_disk(on_file, tmp_path, monkeypatch):
    monkeypatch.setattr("kratos.sample.PER_TYPE", 30)
    outputs = {"model": "model.pt", "embedding": "embedding.npz", "training": "training.json"}
    outputs = {key: str(tmp_path / name) for key, name in outputs.items()}
    params = {"concrete": False, "epochs": 2, "encoder": [8, 2], "cells": "train", "matching": "hungarian"}
    train.main(on_file(True), {"kind": "ace", "device": "cpu", "params": params}, 0, outputs)
    record = read_json(outputs["training"])
    assert (record["cells_used"], record["cells_available"]) == (93, 120)
    # The embedding has all cells.
    with np.load(outputs["embedding"]) as stored:
        assert stored["latent"].shape == (120, 2)


def test_the_silhouette_of_a_sample_estimates_that_of_all_cells_and_the_others_take_all():
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b", "c"], 300)
    latent = rng.normal(size=(900, 3)) + 3 * (labels == "b")[:, None]
    group, split = rng.integers(0, 3, 900), np.resize(["train", "train", "test"], 900)
    rows = clustering_metrics(latent, group, labels, split, silhouette_cells=400, seed=3)
    sampled = rows.set_index(["cells", "metric"])
    assert sampled.loc[("all", "silhouette"), "value"] == pytest.approx(silhouette_score(latent, labels), abs=0.05)
    assert sampled.loc[("all", "ari"), "value"] == adjusted_rand_score(labels, group)
    assert sampled["cells_used"].tolist() == [400, 900, 900, 400, 600, 600, 300, 300, 300]
    again = clustering_metrics(latent, group, labels, split, silhouette_cells=400, seed=3)
    pd.testing.assert_frame_equal(rows, again)


def test_results_from_all_cells_have_no_note():
    rows = pd.DataFrame({"dataset": ["x"], "cells_used": [5], "cells_available": [5]})
    assert sampled_note(rows, {"x": "X"}) == ""
    assert sampled_note(rows[["dataset"]], {"x": "X"}) == ""


def test_the_note_names_every_sampled_data_set_once():
    rows = pd.DataFrame(
        {"dataset": ["x", "x", "y", "z"], "cells_used": [5, 5, 9, 1500], "cells_available": [7, 7, 9, 1_000_000]}
    )
    note = sampled_note(rows, {"x": "X", "y": "Y", "z": "Atlas"})
    assert note == "Atlas: 1,500 of 1,000,000 cells, drawn at random; X: 5 of 7 cells, drawn at random"
