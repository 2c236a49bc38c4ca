"""Perturbed test cells are counted with the models that are given, on test cells alone, against a permuted control."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from kratos.errors import KratosError
from kratos.evaluate.transfer import TRANSFER_COLUMNS, transfer_rows
from kratos.models.base import save_model
from kratos.models.classifier import fit
from kratos.rank.order import ranking_rows
from kratos.tables import transfer as table_transfer
from transfer import main

GENES = [f"g{j}" for j in range(10)]


@pytest.fixture
def adata():
    """Type t0 has gene 0 at 1, t1 gene 1, t2 gene 2; genes 3 to 9 are empty. Every second cell is a test cell."""
    labels = np.repeat(["t0", "t1", "t2"], 8)
    x = np.zeros((24, 10), dtype=np.float32)
    x[np.arange(24), np.repeat([0, 1, 2], 8)] = 1
    split = np.tile(["train", "test"], 12)
    obs = pd.DataFrame({"cell_type": labels, "split": split}, index=[f"c{i}" for i in range(24)])
    return AnnData(x, obs=obs, var=pd.DataFrame(index=GENES))


@pytest.fixture
def reader(linear_model):
    """A model that reads the type of the largest of genes 0, 1 and 2."""
    return linear_model(np.eye(3, 10), np.zeros(3))


def ranking(delta, cell_type="t0", target="t1", protocol="heldout"):
    return ranking_rows(GENES, cell_type, np.abs(delta), effect=np.asarray(delta, dtype=float), target=target).assign(
        protocol=protocol
    )


def shares(rows, **place):
    own = rows[np.logical_and.reduce([rows[key] == value for key, value in place.items()])]
    return own["read_as_target"].item()


def test_cells_that_cross_are_counted(adata, reader):
    rows = transfer_rows(adata, ranking([-0.6, 0.6, *[0] * 8]), {"net": reader}, fraction=0.1, seed=0)
    assert rows.columns.tolist() == TRANSFER_COLUMNS
    assert set(rows["n_cells"]) == {4}
    assert shares(rows, change="none", clipped=False) == 0
    assert shares(rows, change="all", clipped=False) == 1
    assert rows.loc[(rows["change"] == "none"), "own"].tolist() == [1, 1]
    assert shares(rows, change="permuted", clipped=False) < 0.5


def test_only_test_cells_of_the_type_are_counted(adata, reader):
    # Half of the test cells of t0 do not cross; training cells would all cross.
    test = np.flatnonzero((adata.obs["split"] == "test") & (adata.obs["cell_type"] == "t0"))
    adata.X[test[:2], 0] = 9
    rows = transfer_rows(adata, ranking([-0.6, 0.6, *[0] * 8]), {"net": reader}, fraction=0.1, seed=0)
    assert shares(rows, change="all", clipped=False) == 0.5


def test_clipping_takes_back_what_no_cell_can_have(adata, reader):
    # Without clipping gene 1 goes to 2.5 and crosses; with it, gene 0 stays at 1 and gene 1 ends at 1: a tie is no
    # crossing, as the first of two equal scores wins.
    rows = transfer_rows(adata, ranking([0.5, 2.5, *[0] * 8]), {"net": reader}, fraction=0.1, seed=0)
    assert shares(rows, change="all", clipped=False) == 1
    assert shares(rows, change="all", clipped=True) == 0


def test_extremes_are_the_largest_and_smallest_share_of_the_genes(adata, linear_model):
    # Gene 3 alone decides between t0 and t1, and it is the third largest change.
    weight = np.zeros((3, 10))
    weight[1, 3] = 10
    weight[0, 0] = 1
    model = linear_model(weight, np.zeros(3))
    delta = np.zeros(10)
    delta[[3, 4, 5]] = [0.5, 0.6, 0.7]
    for fraction, expected in ((0.2, 0), (0.3, 1)):
        rows = transfer_rows(adata, ranking(delta), {"net": model}, fraction=fraction, seed=0)
        assert shares(rows, change="all", clipped=False) == 1
        assert shares(rows, change="extremes", clipped=False) == expected


def test_every_model_reads_the_same_perturbed_cells(adata, reader, linear_model):
    blind = linear_model(np.zeros((3, 10)), np.array([1.0, 0, 0]))
    rows = transfer_rows(adata, ranking([-0.6, 0.6, *[0] * 8]), {"net": reader, "other": blind}, fraction=0.1, seed=0)
    assert shares(rows, model="net", change="all", clipped=False) == 1
    assert shares(rows, model="other", change="all", clipped=False) == 0


def test_rankings_of_the_test_cells_are_not_used(adata, reader):
    both = pd.concat([ranking([0.0] * 10, protocol="crossval"), ranking([-0.6, 0.6, *[0] * 8])])
    rows = transfer_rows(adata, both, {"net": reader}, fraction=0.1, seed=0)
    assert shares(rows, change="all", clipped=False) == 1


def test_the_control_is_the_same_for_a_seed(adata, reader):
    delta = np.linspace(-1, 1, 10)
    once, again, other = (
        transfer_rows(adata, ranking(delta), {"net": reader}, fraction=0.1, seed=seed) for seed in (0, 0, 1)
    )
    pd.testing.assert_frame_equal(once, again)
    assert not once.equals(other)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ranking(np.zeros(10), protocol="crossval"), r"have not seen the test cells: add heldout to auroc.protocols"),
        (ranking(np.zeros(10), target=""), r"one-vs-one rankings \(Eq. 13\): give the method 'pairs' of cell types"),
    ],
)
def test_rankings_that_cannot_be_evaluated_are_errors(adata, reader, rows, message):
    with pytest.raises(KratosError, match=message):
        transfer_rows(adata, rows, {"net": reader}, fraction=0.1, seed=0)


def test_the_table_has_a_row_per_pair_and_model_and_their_mean(adata, reader):
    rankings = pd.concat([ranking([-0.6, 0.6, *[0] * 8]), ranking([0.0] * 10, "t1", "t2")])
    rows = transfer_rows(adata, rankings, {"net": reader}, fraction=0.1, seed=0)
    titles = {"datasets": {"d": "Data"}, "methods": {"m": "Pairs"}, "models": {"net": "Net"}}
    table = table_transfer.tabulate(rows.assign(dataset="d", method="m", seed=0), titles)
    assert table["pair"].tolist() == ["t0 to t1", "t1 to t2", "mean of pairs"]
    assert table["all"].tolist() == [1, 0, 0.5]
    assert table["unchanged"].tolist() == [0, 0, 0]
    assert table["recognised"].tolist() == [1, 1, 1]
    assert table["cells"].tolist() == [4, 4, 8]
    assert set(table["model"]) == {"Net"}


def test_the_rule_names_models_by_their_folders(planted_cells, tmp_path):
    models = []
    for name, seed in (("net", 0), ("second", 1)):
        model, _ = fit(planted_cells, seed=seed, hidden=[32, 16], epochs=60, batch_size=16, learning_rate=0.003)
        (tmp_path / name).mkdir()
        save_model(model, tmp_path / name / "model.pt")
        models.append(str(tmp_path / name / "model.pt"))
    mean = planted_cells.to_df().groupby(planted_cells.obs["cell_type"].to_numpy()).mean()
    delta = (mean.loc["Beta"] - mean.loc["Alpha"]).to_numpy(dtype=float)
    rows = ranking_rows(planted_cells.var_names, "Alpha", np.abs(delta), effect=delta, target="Beta")
    rows.assign(protocol="heldout").to_parquet(tmp_path / "ranking.parquet")
    planted_cells.write_h5ad(tmp_path / "cells.h5ad")
    identity = {"dataset": "planted", "method": "pairs", "seed": 0}
    settings = {"fraction": 0.1, "maximum_cells_per_type": 0}
    output = tmp_path / "transfer.parquet"
    main(str(tmp_path / "cells.h5ad"), str(tmp_path / "ranking.parquet"), models, settings, identity, str(output))
    written = pd.read_parquet(output)
    assert set(written["model"]) == {"net", "second"}
    assert set(written["method"]) == {"pairs"}
    # Moved from mean to mean, Alpha's test cells look like Beta's, for either network.
    moved = written[(written["change"] == "all") & ~written["clipped"]]
    assert (moved["read_as_target"] > 0.9).all()
