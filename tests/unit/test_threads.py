"""The same seed gives the same model and the same ranking, bit for bit, however many threads there are."""

import hashlib

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from threadpoolctl import threadpool_limits

from kratos.cells import assign_split
from kratos.explain.ranking import explain_types
from kratos.models import ace, classifier
from kratos.models.base import apply_in_batches
from kratos.plugins import available, plugin
from kratos.threads import one_thread


@pytest.fixture(scope="module")
def cells():
    """300 cells × 700 genes: large enough that torch and BLAS split its sums among threads."""
    rng = np.random.default_rng(8)
    labels = np.repeat(["a", "b", "c"], 100)
    mean = np.full((300, 700), 1.0)
    for k in range(3):
        mean[100 * k : 100 * (k + 1), 20 * k : 20 * (k + 1)] = 6.0
    cell_types = {"cell_type": pd.Categorical(labels)}
    obs = pd.DataFrame(cell_types, index=[f"cell{i}" for i in range(300)])
    var = pd.DataFrame(index=[f"gene{j}" for j in range(700)])
    adata = ad.AnnData(np.log1p(rng.poisson(mean)).astype(np.float32), obs=obs, var=var)
    assign_split(adata)
    return adata


def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()


def learned(cells, fit, settings, explainers):
    """Digests of the weights, of the embedding and of every ranking."""
    model, _ = fit(cells, seed=4, device="cpu", **settings)
    digests = {
        "weights": digest(*(parameter.detach().numpy() for parameter in model.parameters())),
        "embedding": digest(apply_in_batches(model.embed, model, cells.X)),
    }
    for name, (kind, parameters) in explainers.items():
        ranking = explain_types(model, cells, kind, parameters, seed=5)
        digests[name] = digest(ranking["score"].to_numpy(), ranking["rank"].to_numpy())
    return digests


THREE = {
    "cw": ("adversarial", {"iterations": 30}),
    "sg": ("smoothgrad", {"samples": 3}),
    "ig": ("integrated_gradients", {"steps": 3}),
}
CASES = {
    "classifier": (classifier.fit, {"epochs": 10}, THREE),
    "ace": (ace.fit, {"epochs": 10, "batch_size": 64}, THREE),
    "autoencoder": (
        ace.fit,
        {"concrete": False, "scaling": "minmax", "epochs": 5},
        {"gce": ("gce", {"max_steps": 60})},
    ),
}


@pytest.mark.parametrize("case", list(CASES))
def test_one_and_two_threads_give_the_same_bits(cells, case):
    before = torch.get_num_threads()
    digests = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            with threadpool_limits(threads):
                digests.append(learned(cells, *CASES[case]))
                # The caller's own setting is not touched.
                assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert digests[0] == digests[1]


def test_the_number_of_threads_is_restored_after_an_error():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ValueError, match="inside"), one_thread():
            assert torch.get_num_threads() == 1
            raise ValueError("inside")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("ranker", available("rank"))
def test_rankers_give_the_same_bits_with_one_and_two_threads(cells, ranker):
    before, rankings = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            with threadpool_limits(threads):
                rankings.append(plugin("rank", ranker).rank(cells.copy(), seed=5))
    finally:
        torch.set_num_threads(before)
    pd.testing.assert_frame_equal(*rankings, check_exact=True)
