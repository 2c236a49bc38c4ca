"""A model file gives back the same model, refuses other genes, and runs nothing that somebody hid in it."""

import pickle

import numpy as np
import pytest
import torch

from kratos.errors import KratosError
from kratos.models.base import apply_in_batches, load_model, pick_device, save_model
from kratos.models.classifier import fit


@pytest.fixture(params=["none", "minmax"])
def fitted(request, planted_cells):
    model, _ = fit(planted_cells, seed=2, epochs=3, hidden=[16, 8], scaling=request.param)
    return model


def test_a_model_comes_back_with_the_same_scores_to_the_bit(fitted, planted_cells, tmp_path):
    save_model(fitted, tmp_path / "deep" / "model.pt")
    back = load_model(tmp_path / "deep" / "model.pt", list(planted_cells.var_names))
    x = torch.from_numpy(planted_cells.X)
    with torch.no_grad():
        assert torch.equal(fitted.prepare(x), back.prepare(x))
        assert torch.equal(fitted.scores(fitted.prepare(x)), back.scores(back.prepare(x)))
        assert torch.equal(fitted.embed(x), back.embed(x))
    assert back.genes == fitted.genes
    assert back.cell_types == fitted.cell_types
    assert back.settings == fitted.settings
    assert not back.training


def test_the_scaler_is_in_the_file(planted_cells, tmp_path):
    model, _ = fit(planted_cells, seed=2, epochs=0, hidden=[8], scaling="minmax")
    save_model(model, tmp_path / "model.pt")
    back = load_model(tmp_path / "model.pt")
    train = planted_cells.X[(planted_cells.obs["split"] == "train").to_numpy()]
    np.testing.assert_array_equal(back.shift, train.min(axis=0))
    np.testing.assert_array_equal(back.span, train.max(axis=0) - train.min(axis=0))


def test_groups_matched_to_types_are_kept(fitted, tmp_path):
    fitted.group_type = [1, 1, 0, 2]
    save_model(fitted, tmp_path / "model.pt")
    back = load_model(tmp_path / "model.pt")
    assert back.columns_of("Beta") == [0, 1]
    assert back.columns_of("Alpha") == [2]
    assert back.columns_of("Rare") == []


def test_a_subset_of_the_genes_is_refused(fitted, planted_cells, tmp_path):
    save_model(fitted, tmp_path / "model.pt")
    with pytest.raises(KratosError) as caught:
        load_model(tmp_path / "model.pt", list(planted_cells.var_names[:50]))
    assert str(caught.value) == (
        "the model was trained on other genes: 50 of its 60 genes are among the 50 given; "
        "select adata[:, model.genes] or train again"
    )


def test_genes_in_another_order_are_refused(fitted, planted_cells, tmp_path):
    save_model(fitted, tmp_path / "model.pt")
    with pytest.raises(KratosError, match="the genes are the same, in another order; select adata"):
        load_model(tmp_path / "model.pt", list(planted_cells.var_names[::-1]))


def test_more_and_other_genes_are_refused(fitted):
    with pytest.raises(KratosError, match="60 of its 60 genes are among the 61 given"):
        fitted.check_genes([*fitted.genes, "another"])
    with pytest.raises(KratosError, match="0 of its 60 genes are among the 60 given"):
        fitted.check_genes([f"x{i}" for i in range(60)])


class Payload:
    """Runs a command when somebody unpickles it."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        import os

        return os.system, (self.command,)


@pytest.mark.parametrize("how", ["torch.save", "pickle", "inside a model"])
def test_a_file_that_would_run_a_command_is_refused_and_runs_nothing(how, fitted, tmp_path):
    path, trace = tmp_path / "model.pt", tmp_path / "trace"
    payload = Payload(f"touch {trace}")
    if how == "pickle":
        path.write_bytes(pickle.dumps(payload))
    elif how == "torch.save":
        torch.save(payload, path)
    else:
        save_model(fitted, path)
        content = torch.load(path, weights_only=True)
        torch.save({**content, "settings": {**content["settings"], "extra": payload}}, path)
    with pytest.raises(KratosError) as caught:
        load_model(path)
    assert not trace.exists()
    assert str(caught.value).startswith(f"{path} is not a model file of this workflow (")
    assert str(caught.value).endswith("delete it and run again")
    # The test's own payload does what it says, so that its absence above means something.
    pickle.loads(pickle.dumps(payload))
    assert trace.exists()


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x03\x04 neither"])
def test_a_file_of_another_kind_is_named(content, tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(KratosError, match="is not a model file of this workflow"):
        load_model(path)


def test_a_file_cut_short_is_named(fitted, tmp_path):
    path = tmp_path / "model.pt"
    save_model(fitted, path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(KratosError, match="is not a model file of this workflow"):
        load_model(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(KratosError, match=r"nowhere\.pt"):
        load_model(tmp_path / "nowhere.pt")


def test_tensors_that_are_no_model_are_named(tmp_path):
    torch.save({"weights": torch.zeros(3)}, tmp_path / "model.pt")
    with pytest.raises(KratosError, match=r"is not a model file of this workflow \(KeyError\)"):
        load_model(tmp_path / "model.pt")


def test_a_later_format_asks_for_training(fitted, tmp_path):
    path = tmp_path / "model.pt"
    save_model(fitted, path)
    torch.save({**torch.load(path, weights_only=True), "format": 99}, path)
    with pytest.raises(KratosError, match="has model format 99, this version reads 1: train it again"):
        load_model(path)


def test_weights_that_do_not_fit_their_settings_are_an_error_for_users(fitted, tmp_path):
    path = tmp_path / "model.pt"
    save_model(fitted, path)
    content = torch.load(path, weights_only=True)
    torch.save({**content, "settings": {**content["settings"], "hidden": [4, 4]}}, path)
    with pytest.raises(KratosError, match=r"model\.pt"):
        load_model(path)


def test_an_unknown_kind_is_named(fitted, tmp_path):
    path = tmp_path / "model.pt"
    save_model(fitted, path)
    torch.save({**torch.load(path, weights_only=True), "kind": "clasifier"}, path)
    with pytest.raises(KratosError, match="unknown model 'clasifier': did you mean 'classifier'"):
        load_model(path)


def test_batches_give_what_one_pass_gives(fitted, planted_cells):
    with torch.no_grad():
        whole = fitted.embed(fitted.prepare(torch.from_numpy(planted_cells.X))).numpy()
    for batch in (1, 7, 120, 4096):
        batched = apply_in_batches(fitted.embed, fitted, planted_cells.X, batch=batch)
        assert batched.dtype == np.float32
        np.testing.assert_allclose(batched, whole, rtol=1e-5, atol=1e-6)


def test_a_device_by_name():
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
