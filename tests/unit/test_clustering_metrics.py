"""Clustering metrics are scikit-learn's, on the cells that each row names."""

import numpy as np
import pytest
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    normalized_mutual_info_score,
    silhouette_samples,
)

from kratos.evaluate.clustering import clustering_metrics
from kratos.evaluate.projections import project, projection_rows


@pytest.fixture
def embedded():
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b", "c"], [20, 15, 10])
    latent = rng.normal(size=(45, 4)) + 2 * (labels == "b")[:, None]
    group = np.where(rng.random(45) < 0.2, rng.integers(0, 3, 45), np.unique(labels, return_inverse=True)[1])
    split = np.array(["train", "train", "validation", "test", "test"] * 9)
    return latent, group, labels, split


def value(rows, cells, metric):
    return rows.set_index(["cells", "metric"])["value"][cells, metric]


def test_metrics_are_those_of_scikit_learn_on_the_named_cells(embedded):
    latent, group, labels, split = embedded
    rows = clustering_metrics(latent, group, labels, split)
    masks = {"all": split != "", "training": np.isin(split, ["train", "validation"]), "test": split == "test"}
    assert set(rows["cells"]) == set(masks)
    for cells, mask in masks.items():
        y, g = labels[mask], group[mask]
        assert set(rows.loc[rows["cells"] == cells, "n_cells"]) == {int(mask.sum())}
        assert value(rows, cells, "silhouette") == pytest.approx(silhouette_samples(latent[mask], y).mean(), rel=1e-12)
        assert value(rows, cells, "ari") == pytest.approx(adjusted_rand_score(y, g), rel=1e-12)
        assert value(rows, cells, "ami") == pytest.approx(adjusted_mutual_info_score(y, g), rel=1e-12)
    # Adjusted for chance, which the plain mutual information is not.
    assert value(rows, "all", "ami") < normalized_mutual_info_score(labels, group)


def test_the_rand_index_by_counting_pairs(embedded):
    """ARI from its definition: pairs of cells together in both, adjusted for chance (Hubert and Arabie 1985)."""
    latent, group, labels, split = embedded
    same_type, same_group = (np.equal.outer(v, v)[np.triu_indices(45, 1)] for v in (labels, group))
    both, types, groups = (same_type & same_group).sum(), same_type.sum(), same_group.sum()
    chance = types * groups / len(same_type)
    expected = (both - chance) / ((types + groups) / 2 - chance)
    assert value(clustering_metrics(latent, group, labels, split), "all", "ari") == pytest.approx(expected, rel=1e-12)


def test_a_perfect_assignment_scores_1_whatever_the_groups_are_called(embedded):
    latent, _, labels, split = embedded
    group = np.array([{"a": 7, "b": 0, "c": 3}[t] for t in labels])
    rows = clustering_metrics(latent, group, labels, split)
    assert set(rows.loc[rows["metric"].isin(["ari", "ami"]), "value"].round(12)) == {1.0}


def test_the_silhouette_judges_the_types_and_not_the_groups(embedded):
    latent, group, labels, split = embedded
    one, other = (clustering_metrics(latent, g, labels, split) for g in (group, np.zeros_like(group)))
    assert value(one, "all", "silhouette") == value(other, "all", "silhouette")
    assert value(other, "all", "ari") == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("labels", [["a"] * 6, ["a", "b", "c", "d", "e", "f"]])
def test_an_undefined_silhouette_is_nan_and_the_others_stay(labels):
    labels = np.array(labels)
    latent, group, split = np.random.default_rng(0).normal(size=(6, 2)), np.arange(6) % 2, np.array(["train"] * 6)
    rows = clustering_metrics(latent, group, labels, split)
    assert np.isnan(value(rows, "all", "silhouette"))
    assert np.isfinite(value(rows, "all", "ari"))


def test_no_test_cells_give_nan():
    labels, split = np.array(["a", "a", "b", "b"]), np.array(["train"] * 4)
    rows = clustering_metrics(np.random.default_rng(0).normal(size=(4, 2)), np.zeros(4), labels, split)
    assert set(rows.loc[rows["cells"] == "test", "n_cells"]) == {0}
    assert rows.loc[rows["cells"] == "test", "value"].isna().all()


def test_a_projection_has_a_row_per_cell_and_repeats_for_a_seed(planted_cells):
    x = planted_cells.X
    rows = projection_rows(x, "tsne", "input", 4, planted_cells.obs)
    assert rows["cell"].tolist() == planted_cells.obs_names.tolist()
    assert rows["cell_type"].tolist() == planted_cells.obs["cell_type"].astype(str).tolist()
    assert rows["split"].tolist() == planted_cells.obs["split"].astype(str).tolist()
    assert set(rows["space"]) == {"input"}
    assert set(rows["projection"]) == {"tsne"}
    np.testing.assert_array_equal(rows[["x", "y"]], project(x, "tsne", 4).astype(np.float64))
    assert np.isfinite(rows[["x", "y"]]).all(axis=None)


def test_a_projection_keeps_types_that_are_apart_apart():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 1, (40, 10)), rng.normal(9, 1, (40, 10))])
    labels = np.repeat(["a", "b"], 40)
    plane = project(x, "tsne", 0)
    assert silhouette_samples(plane, labels).mean() > 0.5


def test_few_cells_are_projected_too():
    assert project(np.random.default_rng(0).normal(size=(8, 3)), "tsne", 0).shape == (8, 2)
