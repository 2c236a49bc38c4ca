"""ACE: k-means as a layer assigns as k-means does, selections settle, clusters get types, models survive the disk."""

import itertools
import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from anndata import AnnData
from scipy import sparse
from sklearn.cluster import KMeans

from kratos.cells import assign_split
from kratos.errors import KratosError
from kratos.explain.ranking import explain_types
from kratos.models import ace
from kratos.models.autoencoder import Layers, train_autoencoder
from kratos.models.base import load_model, save_model
from kratos.models.concrete import ConcreteSelector
from kratos.models.kmeans import match_clusters, neuralised_scores
from kratos.plugins import available
from kratos.rank.order import ranked_genes

SMALL = {"concrete": False, "encoder": [16, 8, 2], "epochs": 60, "batch_size": 32, "learning_rate": 0.01}
BETAS = [0.001, 0.01, 1.0, 100.0]


def blobs(n=60, noise=6, seed=0, as_sparse=False):
    """Three types that differ in four genes each, with `noise` genes of small variance."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(["B cells", "NK/T cells", "Monocytes"], n)
    x = rng.normal(1.0, 0.1, (3 * n, 12 + noise))
    for k in range(3):
        x[k * n : (k + 1) * n, 4 * k : 4 * k + 4] += 2.0 + rng.normal(0, 0.3, (n, 1))
    x = np.maximum(x, 0).astype(np.float32)
    obs = pd.DataFrame({"cell_type": labels}, index=[f"c{i}" for i in range(len(labels))])
    var = pd.DataFrame(index=[f"g{j}" for j in range(x.shape[1])])
    adata = AnnData(sparse.csr_matrix(x) if as_sparse else x, obs=obs, var=var)
    assign_split(adata)
    return adata


@pytest.fixture(scope="module")
def fitted():
    return ace.fit(blobs(), seed=0, **SMALL)


@pytest.fixture(scope="module")
def fitted_concrete():
    options = {**SMALL, "epochs": 150, "concrete": True, "n_selected": 6, "selection_learning_rate": 0.2}
    return ace.fit(blobs(), seed=0, **options)


def random_clusters(k=5, n=2000, scale=3.0, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(0, scale, (n, 2))), torch.from_numpy(rng.normal(0, scale, (k, 2)))


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("k", [2, 3, 8])
def test_the_largest_score_is_the_nearest_centroid_for_every_beta(beta, k):
    z, centroids = random_clusters(k)
    nearest = torch.cdist(z, centroids).argmin(dim=1)
    assert (neuralised_scores(z, centroids, beta).argmax(dim=1) == nearest).all()


@pytest.mark.parametrize("beta", BETAS)
def test_scores_follow_their_definition(beta):
    z, centroids = random_clusters(4, n=50, scale=1.0)
    m, expected = centroids.numpy(), np.empty((50, 4))
    for i, c in itertools.product(range(50), range(4)):
        terms = [2 * (m[c] - m[k]) @ z[i].numpy() + m[k] @ m[k] - m[c] @ m[c] for k in range(4) if k != c]
        low = min(terms)
        expected[i, c] = low - math.log(sum(math.exp(-beta * (t - low)) for t in terms)) / beta
    np.testing.assert_allclose(neuralised_scores(z, centroids, beta), expected, rtol=1e-9, atol=1e-9)


def test_scores_are_log_odds_of_a_mixture_of_gaussians():
    z, centroids = random_clusters(4, n=100, scale=1.0)
    beta = 0.7
    p = torch.softmax(-beta * torch.cdist(z, centroids).square(), dim=1)
    np.testing.assert_allclose(neuralised_scores(z, centroids, beta), torch.logit(p) / beta, rtol=1e-7, atol=1e-7)


def test_the_soft_minimum_lies_below_the_hard_one_within_its_bound():
    z, centroids = random_clusters(6)
    squared = torch.cdist(z, centroids).square()
    others = squared[:, None, :].masked_fill(torch.eye(6, dtype=torch.bool), math.inf)
    hard = (others - squared[:, :, None]).amin(dim=2)
    for beta in BETAS:
        gap = hard - neuralised_scores(z, centroids, beta)
        assert gap.min() > -1e-9
        assert gap.max() <= math.log(5) / beta + 1e-9
    assert ((hard > 0).sum(dim=1) == 1).all()


def test_the_model_assigns_every_cell_as_kmeans_does(fitted):
    model, _ = fitted
    x = torch.from_numpy(blobs().X)
    with torch.no_grad():
        z = model.embed(model.prepare(x))
        assigned = model.scores(model.prepare(x)).argmax(dim=1).numpy()
    kmeans = KMeans(3, init=model.centroids.numpy().astype(np.float64), n_init=1).fit(z.double().numpy())
    np.testing.assert_allclose(kmeans.cluster_centers_, model.centroids, rtol=1e-5, atol=1e-5)
    assert (assigned == kmeans.labels_).all()


def test_planted_types_are_found(fitted):
    model, record = fitted
    assert record["accuracy"] == {"test": 1.0, "train": 1.0, "validation": 1.0}
    assert sorted(model.group_type) == [0, 1, 2]
    assert record["notes"] == []
    assert record["loss"][-1] < 0.1 * record["loss"][0]
    assert sum(cluster["cells"] for cluster in record["clusters"]) == 180
    json.dumps(record)


def test_a_seed_gives_the_same_model_twice(fitted):
    first, again, other = (ace.fit(blobs(), seed=s, **{**SMALL, "epochs": 2})[0] for s in (0, 0, 1))
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    assert not torch.equal(first.encoder.layers[0].weight, other.encoder.layers[0].weight)


def test_labels_decide_nothing_but_the_matching():
    adata = blobs()
    shuffled = adata.copy()
    shuffled.obs["cell_type"] = np.random.default_rng(0).permutation(adata.obs["cell_type"].to_numpy())
    first, second = (ace.fit(a, seed=0, **{**SMALL, "epochs": 2})[0] for a in (adata, shuffled))
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])


def test_training_cells_alone_are_seen_when_asked_for():
    adata = blobs()
    changed = adata.copy()
    test = (adata.obs["split"] != "train").to_numpy()
    changed.X[test] = changed.X[test][:, ::-1]
    changed.obs.loc[changed.obs_names[test], "cell_type"] = changed.obs["cell_type"].to_numpy()[test][::-1]
    for cells, same in (("train", True), ("all", False)):
        options = {**SMALL, "epochs": 2, "cells": cells, "scaling": "zscore"}
        first, second = (ace.fit(a, seed=0, **options)[0] for a in (adata, changed))
        assert torch.equal(first.shift, second.shift) is same
        assert torch.equal(first.centroids, second.centroids) is same
        assert not same or first.group_type == second.group_type


@pytest.mark.parametrize("scaling", ["none", "minmax", "zscore"])
def test_scaling_brings_genes_to_the_network(scaling):
    adata = blobs()
    adata.X[:, 3] = 0.5
    model, _ = ace.fit(adata, seed=0, scaling=scaling, **{**SMALL, "epochs": 1})
    prepared = model.prepare(torch.from_numpy(adata.X)).numpy()
    assert np.isfinite(prepared).all()
    varying = np.delete(prepared, 3, axis=1)
    if scaling == "none":
        np.testing.assert_array_equal(prepared, adata.X)
    elif scaling == "minmax":
        np.testing.assert_allclose([varying.min(axis=0), varying.max(axis=0)], [[0] * 17, [1] * 17], atol=1e-6)
    else:
        np.testing.assert_allclose(varying.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(varying.std(axis=0), 1, atol=1e-4)


def test_sparse_cells_give_the_same_model(fitted):
    model, _ = ace.fit(blobs(as_sparse=True), seed=0, **SMALL)
    assert torch.equal(model.centroids, fitted[0].centroids)


@pytest.mark.parametrize("which", ["fitted", "fitted_concrete"])
def test_the_first_layer_and_the_rest_are_the_scores(which, request):
    model, _ = request.getfixturevalue(which)
    model = model.double()
    x = torch.from_numpy(blobs().X).double()
    weight, bias, rest = model.first_layer()
    assert weight.shape == (16, 18)
    with torch.no_grad():
        composed = rest(torch.nn.functional.linear(x, weight, bias))
        np.testing.assert_allclose(composed, model.scores(x), rtol=1e-9, atol=1e-9)
    model.float()


@pytest.mark.parametrize("which", ["fitted", "fitted_concrete"])
def test_models_come_back_from_disk(which, request, tmp_path):
    model, _ = request.getfixturevalue(which)
    save_model(model, tmp_path / "model.pt")
    back = load_model(tmp_path / "model.pt", genes=model.genes)
    x = torch.from_numpy(blobs().X)
    with torch.no_grad():
        assert torch.equal(back.scores(back.prepare(x)), model.scores(model.prepare(x)))
    assert back.group_type == model.group_type
    assert back.settings == model.settings


def test_draws_of_a_selection_are_weights_and_become_one_hot():
    generator = torch.Generator().manual_seed(0)
    selector = ConcreteSelector(20, 5, generator)
    for temperature in (10.0, 0.01):
        draw = selector.draw(temperature, generator).detach()
        assert draw.shape == (5, 20)
        assert (draw >= 0).all()
        np.testing.assert_allclose(draw.sum(dim=1), 1, rtol=1e-5)
    assert draw.amax(dim=1).min() > 0.9


def test_draws_at_low_temperature_follow_the_logits():
    # The Gumbel-max trick: the favourite of a draw is a sample of softmax(logits).
    generator = torch.Generator().manual_seed(0)
    selector = ConcreteSelector(3, 4000, generator)
    probability = torch.tensor([0.6, 0.3, 0.1])
    with torch.no_grad():
        selector.logits.copy_(probability.log().expand(4000, 3))
    share = torch.bincount(selector.draw(0.1, generator).argmax(dim=1), minlength=3) / 4000
    np.testing.assert_allclose(share, probability, atol=0.03)


def test_a_selection_settles_on_informative_genes(fitted_concrete):
    _, record = fitted_concrete
    assert set(record["selected_genes"]) <= {f"g{j}" for j in range(12)}
    assert record["selection_certainty"] > 0.9
    # At least one gene of each type's four is needed to tell three types apart in all directions.
    assert {int(gene[1:]) // 4 for gene in record["selected_genes"]} == {0, 1, 2}
    assert record["accuracy"]["test"] == 1.0
    assert record["temperature"][0] < 10.0
    assert record["temperature"][-1] == pytest.approx(0.1)
    json.dumps(record)


def test_few_genes_go_without_a_selection():
    model, record = ace.fit(blobs(), seed=0, **{**SMALL, "epochs": 1, "concrete": True, "n_selected": 18})
    assert model.settings["n_selected"] == 0
    assert "no selection: there are 18 genes and n_selected is 18" in record["notes"]


def test_unselected_genes_have_no_influence(fitted_concrete):
    model, record = fitted_concrete
    outside = [j for j, gene in enumerate(model.genes) if gene not in record["selected_genes"]]
    weight, _, _ = model.first_layer()
    assert (weight[:, outside] == 0).all()


def test_perturbations_of_both_variants_point_to_the_types_genes(fitted, fitted_concrete):
    adata = blobs()
    for model, _ in (fitted, fitted_concrete):
        ranking = explain_types(model, adata, "adversarial", {"iterations": 200}, seed=0)
        model.float()
        for k, name in enumerate(["B cells", "NK/T cells", "Monocytes"]):
            rows = ranking[ranking["cell_type"] == name]
            assert (rows["note"] == "").all()
            own = {f"g{j}" for j in range(4 * k, 4 * k + 4)}
            assert ranked_genes(ranking, name)[0] in {f"g{j}" for j in range(12)}
            assert own & set(ranked_genes(ranking, name)[:8])


def test_majority_names_what_is_odd():
    types = np.array([0, 0, 0, 1, 0, 1, 0, 1, 2])
    clusters = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2])
    centroids = np.array([[0.0, 0], [1, 0], [5, 0], [0.4, 0]])
    match = match_clusters(clusters, types, centroids, ["a", "b", "c", "d"], "majority")
    assert match.group_type == [0, 0, 0, 0]
    assert match.notes == [
        "cluster 3 has no cells and takes the type of the nearest one, a",
        "cluster 1 has as many cells of a and b: it is taken for a",
        "cluster 2 has as many cells of a and b and c: it is taken for a",
        "clusters 0, 1, 2, 3 are all a",
        "no cluster is b",
        "no cluster is c",
        "no cluster is d",
    ]


def test_a_largest_type_without_majority_is_named():
    types, clusters = np.array([0] * 4 + [1] * 3 + [2] * 3 + [1, 2]), np.array([0] * 10 + [1, 2])
    match = match_clusters(clusters, types, np.eye(3), ["a", "b", "c"], "majority")
    assert match.group_type == [0, 1, 2]
    assert match.notes == ["cluster 0 has no majority: 40% of its cells are a, the most frequent type"]


def test_hungarian_matching_is_one_to_one_and_best():
    rng = np.random.default_rng(0)
    types, clusters = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    match = match_clusters(clusters, types, np.eye(4), list("abcd"), "hungarian")
    agreement = {
        p: sum((clusters == c).astype(int) @ (types == t) for c, t in enumerate(p))
        for p in itertools.permutations(range(4))
    }
    assert sorted(match.group_type) == [0, 1, 2, 3]
    assert agreement[tuple(match.group_type)] == max(agreement.values())
    assert match.notes == []


def test_hungarian_matching_names_a_type_that_has_nothing_in_its_cluster():
    types, clusters = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 0])
    match = match_clusters(clusters, types, np.eye(2), ["a", "b"], "hungarian")
    assert match.group_type == [0, 1] or match.group_type == [1, 0]
    match = match_clusters(np.array([0, 0]), np.array([0, 0]), np.eye(2), ["a", "b"], "hungarian")
    assert match.notes == ["cluster 1 is matched to b without having a cell of it"]


def test_a_type_without_cluster_is_noted_and_not_explained(caplog):
    adata = blobs()
    labels = adata.obs["cell_type"].to_numpy().copy()
    labels[[0, 1, 2, 3]] = "rare"
    adata.obs["cell_type"] = labels
    assign_split(adata)
    model, record = ace.fit(adata, seed=0, **SMALL)
    assert "no cluster is rare" in record["notes"]
    assert "no cluster is rare" in caplog.text
    assert model.columns_of("rare") == []
    ranking = explain_types(model, adata, "adversarial", {"iterations": 5}, seed=0)
    assert (ranking.loc[ranking["cell_type"] == "rare", "note"] == "no group of the model stands for this type").all()
    doubled = [name for name in model.cell_types if len(model.columns_of(name)) == 2]
    assert len(doubled) == 1
    assert (ranking.loc[ranking["cell_type"] == doubled[0], "rank"] > 0).all()


def test_an_autoencoder_reconstructs_what_two_dimensions_hold():
    rng = np.random.default_rng(0)
    x = torch.from_numpy((rng.normal(size=(200, 2)) @ rng.normal(size=(2, 10))).astype(np.float32))
    generator = torch.Generator().manual_seed(0)
    encoder, decoder = Layers([10, 16, 2]), Layers([2, 16, 10])
    for part in (encoder, decoder):
        part.initialise(generator)
    training = train_autoencoder(
        encoder, decoder, x, generator=generator, epochs=150, batch_size=50, learning_rate=0.01
    )
    assert training.loss[-1] < 0.02 * float(x.var())
    assert training.temperature == []


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ("one type", {}, "ACE needs cells of at least 2 types, not of 1: check obs\\['cell_type'\\]"),
        ("", {"concrete": True, "n_selected": 0}, "n_selected is 0: it must be at least 1, or set concrete to false"),
        ("", {"beta": 0.0}, "beta is 0.0: it must be above 0, for example 0.01"),
        ("", {"epochs": 0}, "epochs is 0: it must be at least 1"),
        ("no training cells", {}, "ACE makes 3 clusters of 0 training cells: use more cells"),
        ("", {"learning_rate": 1e30}, "the autoencoder diverged in epoch 1: lower learning_rate"),
    ],
)
def test_bad_input_is_refused(change, options, message):
    adata = blobs()
    if change == "one type":
        adata.obs["cell_type"] = "B cells"
    if change == "no training cells":
        adata.obs["split"] = "test"
    with pytest.raises(KratosError, match=message):
        ace.fit(adata, seed=0, **{**SMALL, "epochs": 2, **options})


def test_building_blocks_are_no_models():
    assert "ace" in available("models")
    assert not {"autoencoder", "concrete", "kmeans"} & set(available("models"))
