"""Cells that stay on disk: every training cell once per epoch, the weights of memory, and little memory."""

import gc
import os
import subprocess
import sys
import tempfile
from functools import partial

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from kratos.cells import check_cells, fingerprint, open_cells, read_cells, write_cells
from kratos.datasets import h5ad
from kratos.errors import KratosError
from kratos.h5ad_files import matrix_of
from kratos.matrices import ROWS, on_disk, row_blocks, to_dense
from kratos.models import batches, classifier
from kratos.models.base import CellModel, apply_in_batches
from kratos.models.batches import MemoryCells, StoredCells
from kratos.models.classifier import fit
from kratos.stored import SomeRows, stored_matrix
from kratos.threads import one_thread

CPU = torch.device("cpu")
SMALL = {"hidden": [16, 8], "learning_rate": 0.01, "batch_size": 16, "device": "cpu"}


def weights(model):
    return {name: value.numpy() for name, value in model.state_dict().items()}


@pytest.fixture(params=["sparse", "dense"])
def stored(request, planted_cells, tmp_path):
    """The planted cells in a file, opened without reading X."""
    if request.param == "sparse":
        planted_cells.X = sparse.csr_matrix(planted_cells.X)
    write_cells(planted_cells, tmp_path / "cells.h5ad")
    adata = open_cells(tmp_path / "cells.h5ad", on_disk_above=0)
    assert on_disk(adata.X)
    return adata


class Plain(CellModel):
    """A model whose prepared input is its input."""

    kind = "plain"


def epoch(cells, rows, size, seed):
    cells.prepare(Plain([], []).prepare)
    return list(cells.shuffled(rows, size, torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize(("block", "buffer"), [(256, 64), (8, 4), (7, 3), (1, 5), (120, 1)])
@pytest.mark.parametrize("size", [1, 16, 1000])
def test_every_training_cell_comes_exactly_once_per_epoch(stored, planted_cells, block, buffer, size):
    rows = np.flatnonzero(stored.obs["split"] == "train")
    given = epoch(StoredCells(stored.X, CPU, block, buffer), rows, size, seed=1)
    assert sorted(np.concatenate([chosen for chosen, _ in given])) == rows.tolist()
    x = np.asarray(planted_cells.X.toarray() if sparse.issparse(planted_cells.X) else planted_cells.X)
    for chosen, cells in given:
        np.testing.assert_array_equal(cells.numpy(), x[chosen])
    # All batches are full but the last one, whatever a buffer leaves over.
    assert [len(chosen) for chosen, _ in given[:-1]] == [size] * (len(given) - 1)


def test_data_that_fit_into_one_buffer_are_shuffled_as_in_memory(stored, planted_cells):
    rows = np.flatnonzero(stored.obs["split"] == "train")
    of_disk = epoch(StoredCells(stored.X, CPU), rows, 16, seed=3)
    of_memory = epoch(MemoryCells(planted_cells.X, CPU), rows, 16, seed=3)
    for (one, x), (other, y) in zip(of_disk, of_memory, strict=True):
        np.testing.assert_array_equal(one, other)
        assert torch.equal(x, y)


def test_epochs_have_different_orders_and_none_follows_the_file():
    x = sparse.csr_matrix(np.arange(1, 4001, dtype=np.float32)[:, None])
    cells = StoredCells(x, CPU, block=10, buffer=40)
    cells.prepare(Plain([], []).prepare)
    generator = torch.Generator().manual_seed(0)
    orders = [np.concatenate([rows for rows, _ in cells.shuffled(np.arange(4000), 32, generator)]) for _ in range(3)]
    assert not np.array_equal(orders[0], orders[1])
    for order in orders:
        assert abs(np.corrcoef(order, np.arange(4000))[0, 1]) < 0.15
        # Of two neighbours in a batch, few are neighbours in the file: 9 of 10 blocks of a buffer lie elsewhere.
        assert (np.abs(np.diff(order)) < 10).mean() < 0.1


def test_a_file_sorted_by_type_gives_mixed_batches():
    types = np.repeat(np.arange(5), 800)
    cells = StoredCells(sparse.csr_matrix(np.ones((4000, 1), dtype=np.float32)), CPU, block=10, buffer=64)
    share = np.array([np.bincount(types[rows], minlength=5).max() for rows, _ in epoch(cells, np.arange(4000), 100, 0)])
    assert share.max() < 50


@pytest.mark.parametrize("scaling", ["none", "minmax"])
@pytest.mark.parametrize("scaler_cells", ["train", "all"])
def test_cells_on_disk_train_the_network_of_memory_to_the_bit(stored, planted_cells, scaling, scaler_cells):
    settings = {**SMALL, "seed": 5, "epochs": 3, "scaling": scaling, "scaler_cells": scaler_cells}
    (of_disk, disk), (of_memory, memory) = (fit(adata, **settings) for adata in (stored, planted_cells))
    for name, value in weights(of_memory).items():
        np.testing.assert_array_equal(value, weights(of_disk)[name])
    for key in ("loss", "validation_loss", "accuracy"):
        assert disk[key] == memory[key]


def test_many_buffers_train_as_well_as_memory(stored, planted_cells, monkeypatch):
    monkeypatch.setattr(classifier, "training_cells", lambda x, place: StoredCells(x, place, block=8, buffer=3))
    settings = {**SMALL, "seed": 5, "epochs": 40, "scaling": "minmax"}
    model, record = fit(stored, **settings)
    monkeypatch.undo()
    of_memory, _ = fit(planted_cells, **settings)
    np.testing.assert_array_equal(model.shift, of_memory.shift)
    np.testing.assert_array_equal(model.span, of_memory.span)
    assert record["accuracy"]["test"] >= 0.9
    assert record["loss"][-1] < 0.1


@one_thread()
def test_cells_in_memory_train_as_a_plain_loop_does(planted_cells):
    """The published path: weights drawn first, then a permutation of the training cells per epoch, one generator."""
    model, record = fit(planted_cells, seed=8, epochs=3, scaling="minmax", **SMALL)
    split, x = planted_cells.obs["split"].to_numpy(), planted_cells.X
    low, high = x[split == "train"].min(axis=0), x[split == "train"].max(axis=0)
    inputs = torch.from_numpy((x - low) / np.where(high > low, high - low, 1.0).astype(np.float32))
    target = torch.from_numpy(np.unique(planted_cells.obs["cell_type"].astype(str), return_inverse=True)[1])
    train, generator = torch.from_numpy(np.flatnonzero(split == "train")), torch.Generator().manual_seed(8)
    layers = [torch.nn.Linear(60, 16), torch.nn.Linear(16, 8), torch.nn.Linear(8, 4)]
    for layer in layers:
        torch.nn.init.xavier_uniform_(layer.weight, generator=generator)
        torch.nn.init.zeros_(layer.bias)
    net = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
    adam = torch.optim.Adam(net.parameters(), lr=0.01, fused=True)
    for _ in range(3):
        for cells in torch.randperm(len(train), generator=generator).split(16):
            adam.zero_grad()
            onehot = torch.nn.functional.one_hot(target[train[cells]], 4).float()
            loss = torch.nn.functional.binary_cross_entropy(torch.softmax(net(inputs[train[cells]]), dim=1), onehot)
            loss.backward()
            adam.step()
    np.testing.assert_array_equal(model.output.weight.detach(), layers[2].weight.detach())
    np.testing.assert_array_equal(model.layers[0].weight.detach(), layers[0].weight.detach())
    assert record["validation_cells"] == (split == "validation").sum()


def test_the_embedding_of_cells_on_disk_is_that_of_memory(stored, planted_cells):
    model, _ = fit(planted_cells, seed=5, epochs=1, **SMALL)
    of_disk, of_memory = (apply_in_batches(model.embed, model, x, batch=50) for x in (stored.X, planted_cells.X))
    np.testing.assert_array_equal(of_disk, of_memory)
    assert of_disk.dtype == np.float32
    assert of_disk.shape == (120, 8)


def test_validation_cells_of_a_file_are_a_sample_where_they_are_many(stored, monkeypatch):
    monkeypatch.setattr(batches, "VALIDATION", 5)
    cells = StoredCells(stored.X, CPU)
    cells.prepare(Plain([], []).prepare)
    rows, x = cells.held(np.arange(40), seed=1)
    assert len(set(rows)) == len(x) == 5
    np.testing.assert_array_equal(rows, cells.held(np.arange(40), seed=1)[0])
    _, record = fit(stored, seed=1, epochs=1, **SMALL)
    assert record["validation_cells"] == 5


# ------------------------------------------------------------------------------------------------------------------
# Files


def test_cells_of_the_paper_s_size_are_read_into_memory(planted_cells, tmp_path):
    """2,638 × 1,838 of PBMC and 70,000 × 784 of MNIST lie below the bound, 100,000 × 2,000 above."""
    from kratos.stored import ON_DISK_ABOVE

    assert 4 * 70_000 * 784 < ON_DISK_ABOVE < 4 * 100_000 * 2000
    write_cells(planted_cells, tmp_path / "cells.h5ad")
    adata = open_cells(tmp_path / "cells.h5ad")
    assert isinstance(adata.X, np.ndarray)
    assert not on_disk(adata.X)
    bound = 4 * 120 * 60
    assert not on_disk(open_cells(tmp_path / "cells.h5ad", on_disk_above=bound).X)
    assert on_disk(open_cells(tmp_path / "cells.h5ad", on_disk_above=bound - 1).X)


def test_a_large_matrix_stored_by_genes_is_refused_with_the_remedy(planted_cells, tmp_path):
    planted_cells.X = sparse.csc_matrix(planted_cells.X)
    planted_cells.write_h5ad(tmp_path / "cells.h5ad")
    with pytest.raises(KratosError, match=r"X is a csc_matrix.*tocsr"):
        open_cells(tmp_path / "cells.h5ad", on_disk_above=0)


def test_a_missing_or_damaged_file_is_named(tmp_path):
    with pytest.raises(KratosError, match=r"none\.h5ad does not exist"):
        open_cells(tmp_path / "none.h5ad")
    (tmp_path / "half.h5ad").write_bytes(b"\x89HDF\r\n")
    with pytest.raises(KratosError, match=r"half\.h5ad .* is not a whole h5ad file"):
        open_cells(tmp_path / "half.h5ad", on_disk_above=0)


@pytest.fixture(params=["sparse", "dense"])
def many(request, tmp_path):
    """A user's counts, more than two blocks of rows, one cell without a label."""
    rng = np.random.default_rng(0)
    x = rng.poisson(0.5, (2 * ROWS + 100, 6)).astype(np.float32)
    x[:, 0] += 1
    labels = np.resize(np.array(["a", "b", "c"], dtype=object), len(x))
    labels[5] = None
    obs = pd.DataFrame({"kind": labels}, index=[f"c{i}" for i in range(len(x))])
    return ad.AnnData(sparse.csr_matrix(x) if request.param == "sparse" else x, obs=obs)


@pytest.fixture
def on_disk_from_0(monkeypatch):
    """Every file counts as one that is too large for memory."""
    monkeypatch.setattr(h5ad, "matrix_of", partial(matrix_of, on_disk_above=0))


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("layer", ["X", "raw", "spliced"])
@pytest.mark.parametrize("values", ["counts", "lognorm"])
def test_a_file_too_large_for_memory_is_loaded_as_a_small_one(many, values, layer, told, tmp_path, request):
    if values == "lognorm":
        many.X = many.X.log1p() if sparse.issparse(many.X) else np.log1p(many.X)
    if layer == "raw":
        many.raw, many.X = many, None
    elif layer == "spliced":
        many.layers["spliced"], many.X = many.X, None
    many.write_h5ad(tmp_path / "user.h5ad")
    params = {"label": "kind", "layer": layer, "values": values if told else "auto"}
    small = h5ad.load(path=str(tmp_path / "user.h5ad"), **params)
    assert not on_disk(small.X)
    request.getfixturevalue("on_disk_from_0")
    large = h5ad.load(path=str(tmp_path / "user.h5ad"), **params)
    assert on_disk(large.X)
    assert large.uns == small.uns
    assert large.uns["cells_without_label"] == 1
    assert values in large.uns["values"].replace("log-normalised", "lognorm")
    assert fingerprint(large) == fingerprint(small)
    check_cells(large, split=False)
    write_cells(large, tmp_path / "cells.h5ad")
    written = read_cells(tmp_path / "cells.h5ad")
    dense = [x.toarray() if sparse.issparse(x) else x for x in (written.X, small.X)]
    np.testing.assert_array_equal(*dense)
    pd.testing.assert_frame_equal(written.obs, small.obs)
    assert set(written.layers) == set(small.layers)


@pytest.mark.usefixtures("on_disk_from_0")
def test_a_large_matrix_stored_by_genes_is_read_whole(many, tmp_path):
    many.X = sparse.csc_matrix(many.X)
    many.write_h5ad(tmp_path / "user.h5ad")
    adata = h5ad.load(path=str(tmp_path / "user.h5ad"), label="kind")
    assert not on_disk(adata.X)
    np.testing.assert_array_equal(adata.layers["counts"].toarray(), np.delete(many.X.toarray(), 5, axis=0))


@pytest.mark.usefixtures("on_disk_from_0")
@pytest.mark.parametrize(
    ("cell", "value", "values", "message"),
    [
        (ROWS + 3, -1.0, "counts", "the value -1 of cell 'c4099', gene '2' is negative"),
        (ROWS + 3, -1.0, "auto", "the value -1 of cell 'c4099', gene '2' is negative"),
        (ROWS + 3, np.nan, "lognorm", "of cell 'c4099', gene '2' is not finite"),
        (ROWS + 3, np.inf, "auto", "of cell 'c4099', gene '2' is not finite"),
        (ROWS + 3, 0.5, "counts", "of cell 'c4099', gene '2' is not a whole number"),
        (ROWS + 3, 40.5, "auto", "of cell 'c4099', gene '2' is neither a count"),
    ],
)
def test_a_wrong_value_in_any_block_is_named(many, tmp_path, cell, value, values, message):
    x = many.X.toarray() if sparse.issparse(many.X) else many.X
    x[cell, 2] = value
    many.X = sparse.csr_matrix(x) if sparse.issparse(many.X) else x
    many.write_h5ad(tmp_path / "user.h5ad")
    with pytest.raises(KratosError, match=message):
        h5ad.load(path=str(tmp_path / "user.h5ad"), label="kind", values=values)


@pytest.mark.parametrize("chosen", [[], [0], [3, 4, 5000, 9999, 12287], range(0, 12288, 3), range(12288)])
def test_some_rows_are_those_of_the_matrix_and_no_more_than_a_block_is_read_at_once(many, tmp_path, chosen):
    many.write_h5ad(tmp_path / "user.h5ad")
    rows = np.array([r for r in chosen if r < many.n_obs], dtype=int)
    spans = []

    class Watched:
        shape = many.shape

        def __getitem__(self, part):
            spans.append(part.stop - part.start)
            return stored[part]

    with h5py.File(tmp_path / "user.h5ad") as file:
        stored = stored_matrix(file, "X")
        found = [block for _, block in row_blocks(SomeRows(Watched(), rows), rows=1000)]
    whole = to_dense(many.X)
    got = np.concatenate([to_dense(block) for block in found]) if found else whole[:0]
    np.testing.assert_array_equal(got, whole[rows])
    assert max(spans, default=0) <= ROWS


@pytest.mark.usefixtures("on_disk_from_0")
def test_a_large_file_with_few_labelled_cells_has_those(many, tmp_path):
    many.obs["kind"] = many.obs["kind"].where(np.arange(many.n_obs) % 7 == 3)
    many.write_h5ad(tmp_path / "user.h5ad")
    adata = h5ad.load(path=str(tmp_path / "user.h5ad"), label="kind")
    kept = np.flatnonzero(many.obs["kind"].notna())
    np.testing.assert_array_equal(adata.layers["counts"][:].toarray(), to_dense(many.X)[kept])
    assert adata.obs_names.tolist() == many.obs_names[kept].tolist()


@pytest.mark.parametrize("above", [0, 2**29])
def test_a_file_without_any_label_says_so(many, tmp_path, above, monkeypatch):
    monkeypatch.setattr(h5ad, "matrix_of", partial(matrix_of, on_disk_above=above))
    many.obs["kind"] = pd.Series(None, index=many.obs_names, dtype=object)
    many.obs["kind"] = pd.Categorical(many.obs["kind"], categories=["a"])
    many.write_h5ad(tmp_path / "user.h5ad")
    with pytest.raises(KratosError, match=r"no cell has a value in obs\['kind'\]; set `label`"):
        h5ad.load(path=str(tmp_path / "user.h5ad"), label="kind")


@pytest.mark.usefixtures("on_disk_from_0")
def test_a_damaged_part_of_a_large_file_is_said(many, tmp_path):
    path = tmp_path / "user.h5ad"
    many.write_h5ad(path, compression="gzip")
    with h5py.File(path) as file:
        values = file["X"]["data"] if isinstance(file["X"], h5py.Group) else file["X"]
        chunk = values.id.get_chunk_info(values.id.get_num_chunks() - 1)
    with path.open("r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\0" * chunk.size)
    with pytest.raises(KratosError, match=r"user\.h5ad .* is not a whole h5ad file .*; delete it and make it again"):
        h5ad.load(path=str(path), label="kind")


@pytest.mark.usefixtures("on_disk_from_0")
def test_a_full_folder_for_temporary_files_is_named_with_the_remedy(many, tmp_path, monkeypatch):
    """On a file system with room for the first block, where this user may mount one."""
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=30m", "tmpfs", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a file system")
    monkeypatch.setattr(tempfile, "tempdir", str(small))
    wide = ad.AnnData(np.random.default_rng(0).random((many.n_obs, 960)).astype(np.float32), obs=many.obs)
    wide.write_h5ad(tmp_path / "user.h5ad")
    try:
        with pytest.raises(KratosError, match=r"do not fit into .*small.*set TMPDIR to a folder with room"):
            h5ad.load(path=str(tmp_path / "user.h5ad"), label="kind")
    finally:
        gc.collect()
        subprocess.run(["umount", "-l", str(small)], check=True)


@pytest.mark.usefixtures("on_disk_from_0")
def test_a_large_file_without_the_label_is_named(many, tmp_path):
    many.write_h5ad(tmp_path / "user.h5ad")
    with pytest.raises(KratosError, match=r"no column 'cell_type' in obs \(columns: kind\)"):
        h5ad.load(path=str(tmp_path / "user.h5ad"))


# ------------------------------------------------------------------------------------------------------------------
# Memory

CHILD = """
import resource, sys
sys.path.insert(0, sys.argv[2])
import numpy as np
from kratos.cells import open_cells
from kratos.models.base import apply_in_batches
from kratos.models.classifier import fit
from kratos.stored import SomeRows, stored_matrix

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

warm = open_cells(sys.argv[1], on_disk_above=0)
small = warm[np.arange(300)].to_memory()
fit(small, seed=0, epochs=1, hidden=[16, 8], device="cpu")
before = peak()
model, _ = fit(warm, seed=0, epochs=1, batch_size=512, hidden=[16, 8], device="cpu", scaling="minmax")
apply_in_batches(model.embed, model, warm.X)
print(peak() - before)
"""


def test_training_on_a_file_takes_far_less_memory_than_its_matrix(project, tmp_path):
    """50,000 × 1,000 cells are 191 MiB as a dense matrix, and training in memory holds two of them."""
    rng = np.random.default_rng(0)
    n, p = 50_000, 1000
    x = sparse.random(n, p, density=0.03, format="csr", dtype=np.float32, rng=rng)
    split = rng.choice(["train", "validation", "test"], n, p=[0.63, 0.07, 0.3])
    obs = pd.DataFrame({"cell_type": pd.Categorical(np.resize(["a", "b", "c"], n)), "split": split})
    ad.AnnData(x, obs=obs.set_index(obs.index.astype(str))).write_h5ad(tmp_path / "cells.h5ad")
    command = [sys.executable, "-c", CHILD, str(tmp_path / "cells.h5ad"), str(project / "scripts")]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert float(result.stdout.splitlines()[-1]) < 120
