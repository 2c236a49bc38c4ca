"""The classifier learns, is the same for a seed, and has the loss, initial weights and scaler that it names."""

import json

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.preprocessing import MinMaxScaler

from kratos.errors import KratosError
from kratos.models import classifier
from kratos.models.classifier import fit

SMALL = {"hidden": [16, 8], "learning_rate": 0.01, "batch_size": 16}


def weights(model):
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}


def forward(model, x):
    """Logits by matrix products, layer by layer."""
    state = {name: value.astype(np.float64) for name, value in weights(model).items()}
    h = np.asarray(x, dtype=np.float64)
    for index in range(len(model.layers)):
        h = np.maximum(h @ state[f"layers.{index}.weight"].T + state[f"layers.{index}.bias"], 0)
    return h, h @ state["output.weight"].T + state["output.bias"]


def binary_cross_entropy(logits, labels):
    """Eq. 11 on the softmax outputs, averaged over cells and outputs."""
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    y = np.eye(logits.shape[1])[labels]
    return -(y * np.log(p) + (1 - y) * np.log1p(-p)).mean()


def codes(adata):
    return np.searchsorted(sorted(set(adata.obs["cell_type"])), adata.obs["cell_type"].astype(str).to_numpy())


def test_separable_types_are_learned(planted_cells):
    keep = planted_cells[planted_cells.obs["cell_type"] != "Rare"].copy()
    model, record = fit(keep, seed=0, epochs=40, **SMALL)
    assert record["accuracy"]["train"] == 1.0
    assert record["accuracy"]["test"] >= 0.97
    assert record["loss"][-1] < 0.05 < record["loss"][0]
    with torch.no_grad():
        assigned = model.scores(model.prepare(torch.from_numpy(keep.X))).argmax(dim=1).numpy()
    test = (keep.obs["split"] == "test").to_numpy()
    assert record["accuracy"]["test"] == (assigned == codes(keep))[test].mean()


def test_a_seed_gives_the_same_weights_to_the_bit_and_another_seed_others(planted_cells):
    (one, first), (again, second), (other, _) = (fit(planted_cells, seed=s, epochs=3, **SMALL) for s in (5, 5, 6))
    assert first["loss"] == second["loss"]
    assert first["validation_loss"] == second["validation_loss"]
    for name, value in weights(one).items():
        np.testing.assert_array_equal(value, weights(again)[name])
        assert not np.array_equal(value, weights(other)[name])


def test_the_global_generator_does_not_matter(planted_cells):
    torch.manual_seed(1)
    one, _ = fit(planted_cells, seed=5, epochs=1, **SMALL)
    torch.manual_seed(2)
    again, _ = fit(planted_cells, seed=5, epochs=1, **SMALL)
    for name, value in weights(one).items():
        np.testing.assert_array_equal(value, weights(again)[name])


def test_sparse_cells_train_the_same_network(planted_cells):
    dense, _ = fit(planted_cells, seed=5, epochs=2, **SMALL)
    planted_cells.X = sparse.csr_matrix(planted_cells.X)
    from_sparse, _ = fit(planted_cells, seed=5, epochs=2, **SMALL)
    np.testing.assert_array_equal(weights(dense)["output.weight"], weights(from_sparse)["output.weight"])


def test_scores_and_embedding_are_the_layers_of_the_paper(planted_cells):
    model, record = fit(planted_cells, seed=1, epochs=1)
    assert [tuple(layer.weight.shape) for layer in [*model.layers, model.output]] == [(256, 60), (64, 256), (4, 64)]
    assert record["n_parameters"] == 61 * 256 + 257 * 64 + 65 * 4
    embedding, logits = forward(model, planted_cells.X)
    with torch.no_grad():
        x = torch.from_numpy(planted_cells.X)
        np.testing.assert_allclose(model.embed(x), embedding, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(model.scores(x), logits, rtol=1e-4, atol=1e-5)
        weight, bias, rest = model.first_layer()
        np.testing.assert_allclose(rest(x @ weight.T + bias), logits, rtol=1e-4, atol=1e-5)
    assert (embedding >= 0).all()
    assert model.cell_types == ["Alpha", "Beta", "Gamma", "Rare"]
    assert [model.columns_of(t) for t in model.cell_types] == [[0], [1], [2], [3]]


@pytest.mark.parametrize("scaling", ["none", "minmax"])
def test_the_first_loss_is_the_cross_entropy_of_the_initial_weights(planted_cells, scaling):
    initial, nothing = fit(planted_cells, seed=4, epochs=0, scaling=scaling, hidden=[16, 8])
    assert nothing["loss"] == []
    _, record = fit(planted_cells, seed=4, epochs=1, batch_size=10_000, scaling=scaling, hidden=[16, 8])
    split, labels = planted_cells.obs["split"].to_numpy(), codes(planted_cells)
    with torch.no_grad():
        x = initial.prepare(torch.from_numpy(planted_cells.X)).numpy()
    train = split == "train"
    expected = binary_cross_entropy(forward(initial, x[train])[1], labels[train])
    assert record["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_the_validation_loss_is_that_of_the_weights_after_the_epoch(planted_cells):
    model, record = fit(planted_cells, seed=4, epochs=2, **SMALL)
    validation = (planted_cells.obs["split"] == "validation").to_numpy()
    expected = binary_cross_entropy(forward(model, planted_cells.X[validation])[1], codes(planted_cells)[validation])
    assert record["validation_loss"][-1] == pytest.approx(expected, rel=1e-4)
    assert len(record["loss"]) == len(record["validation_loss"]) == 2


def test_the_first_step_of_adam_follows_the_gradient_of_the_cross_entropy(planted_cells):
    """Adam's first step is −learning rate · g / (|g| + ε): its sign is that of a finite difference of the loss."""
    settings = {"seed": 4, "batch_size": 10_000, "hidden": [8], "learning_rate": 1e-3}
    before, after = (fit(planted_cells, epochs=e, **settings)[0] for e in (0, 1))
    step = weights(after)["output.weight"] - weights(before)["output.weight"]
    train = (planted_cells.obs["split"] == "train").to_numpy()
    labels = codes(planted_cells)[train]
    hidden, logits = forward(before, planted_cells.X[train])
    checked = 0
    for k in range(4):
        for unit in range(8):
            nudge = np.zeros_like(logits)
            nudge[:, k] = 1e-5 * hidden[:, unit]
            slope = (binary_cross_entropy(logits + nudge, labels) - binary_cross_entropy(logits - nudge, labels)) / 2e-5
            if abs(slope) > 1e-4:
                assert step[k, unit] == pytest.approx(-1e-3 * np.sign(slope), rel=1e-3)
                checked += 1
    assert checked >= 8


def test_glorot_weights_are_uniform_within_their_bounds_and_biases_zero(planted_cells):
    model, _ = fit(planted_cells, seed=9, epochs=0)
    for layer in [*model.layers, model.output]:
        weight = layer.weight.detach().numpy()
        bound = np.sqrt(6 / sum(weight.shape))
        assert np.abs(weight).max() <= bound
        assert np.abs(weight).max() > 0.95 * bound
        assert weight.std() == pytest.approx(bound / np.sqrt(3), rel=0.1)
        assert not layer.bias.detach().any()


def test_torch_initialisation_has_the_bounds_of_torch(planted_cells):
    model, _ = fit(planted_cells, seed=9, epochs=0, initialisation="torch")
    for layer in [*model.layers, model.output]:
        bound = 1 / np.sqrt(layer.in_features)
        for value in (layer.weight.detach().abs(), layer.bias.detach().abs()):
            assert 0.5 * bound < float(value.max()) <= bound


@pytest.mark.parametrize("cells", ["train", "all"])
def test_the_scaler_is_that_of_scikit_learn_fitted_on_the_named_cells(planted_cells, cells):
    model, _ = fit(planted_cells, seed=0, epochs=1, scaling="minmax", scaler_cells=cells, hidden=[8])
    mask = np.ones(planted_cells.n_obs, bool) if cells == "all" else (planted_cells.obs["split"] == "train").to_numpy()
    expected = MinMaxScaler().fit(planted_cells.X[mask].astype(np.float64)).transform(planted_cells.X)
    prepared = model.prepare(torch.from_numpy(planted_cells.X)).numpy()
    np.testing.assert_allclose(prepared, expected, atol=1e-6)
    if cells == "all":
        assert prepared.min() == 0
        assert prepared.max() == 1
    else:
        assert prepared.max() > 1 or prepared.min() < 0


def test_a_gene_that_never_varies_is_scaled_to_a_finite_number(planted_cells):
    planted_cells.X[:, 7] = 1.25
    model, record = fit(planted_cells, seed=0, epochs=2, scaling="minmax", hidden=[8])
    assert not model.prepare(torch.from_numpy(planted_cells.X))[:, 7].any()
    assert np.isfinite(record["loss"]).all()


def test_without_scaling_the_input_is_the_matrix_itself(planted_cells):
    model, _ = fit(planted_cells, seed=0, epochs=0)
    x = torch.from_numpy(planted_cells.X)
    assert model.prepare(x) is x
    assert not any("shift" in name for name in model.state_dict())


def test_a_scaler_that_serves_training_alone_leaves_what_is_computed_later_unscaled(planted_cells):
    """The same weights, which then see unscaled cells (released code)."""
    one, first = fit(planted_cells, seed=0, epochs=2, scaling="minmax", **SMALL)
    other, second = fit(planted_cells, seed=0, epochs=2, scaling="minmax", scaled="training", **SMALL)
    assert first["loss"] == second["loss"]
    for name, value in weights(one).items():
        np.testing.assert_array_equal(value, weights(other)[name])
    x = torch.from_numpy(planted_cells.X)
    np.testing.assert_array_equal(other.prepare(x), x)
    np.testing.assert_array_equal(other.scale(x), one.prepare(x))
    assert (one.prepare(x) != x).any()


def test_training_without_validation_cells(planted_cells):
    planted_cells.obs["split"] = planted_cells.obs["split"].astype(str).replace("validation", "train")
    _, record = fit(planted_cells, seed=0, epochs=2, **SMALL)
    assert record["validation_loss"] == [None, None]
    assert set(record["accuracy"]) == {"train", "test"}


def test_test_cells_do_not_change_the_weights(planted_cells):
    one, _ = fit(planted_cells, seed=0, epochs=2, scaling="minmax", **SMALL)
    test = (planted_cells.obs["split"] == "test").to_numpy()
    planted_cells.X[test] *= 3
    other, _ = fit(planted_cells, seed=0, epochs=2, scaling="minmax", **SMALL)
    for name, value in weights(one).items():
        np.testing.assert_array_equal(value, weights(other)[name])


def test_divergence_is_an_error_with_a_remedy(planted_cells):
    with pytest.raises(KratosError, match=r"training diverged in epoch \d+ \(loss .+\): lower learning_rate"):
        fit(planted_cells, seed=0, epochs=30, hidden=[16, 8], learning_rate=1e30)


def test_a_device_that_is_not_there_is_named(planted_cells, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(KratosError, match="device 'cuda:3' was asked for and this machine has no CUDA device"):
        fit(planted_cells, seed=0, device="cuda:3")


def test_the_record_can_be_kept_as_json(planted_cells):
    _, record = fit(planted_cells, seed=0, epochs=2, device="cpu", **SMALL)
    assert json.loads(json.dumps(record)) == record
    assert record["device"] == "cpu"
    assert record["seconds"] > 0


def test_every_cell_type_has_one_group(planted_cells):
    model, _ = fit(planted_cells, seed=0, epochs=0)
    assert model.group_type == [0, 1, 2, 3]
    assert isinstance(model, classifier.Model)
    assert not model.training
