"""A publisher's test cells stay the test cells; without them the split is drawn."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from sklearn.model_selection import train_test_split

from kratos.cells import assign_split
from kratos.errors import KratosError
from kratos.split import split_cells


def cells(kinds, published):
    obs = pd.DataFrame(
        {"cell_type": list(kinds), "upstream_split": published}, index=[f"c{i}" for i in range(len(kinds))]
    )
    return AnnData(np.ones((len(kinds), 2), dtype=np.float32), obs=obs)


@pytest.fixture
def adata():
    """40 cells of two types, of which the last ten are the publisher's test cells."""
    return cells("ab" * 20, ["train"] * 30 + ["t10k"] * 10)


def test_the_publishers_test_cells_are_the_test_cells(adata):
    split_cells(adata, column="upstream_split", test_value="t10k")
    assert adata.obs["split"].tolist()[30:] == ["test"] * 10
    assert "test" not in adata.obs["split"].tolist()[:30]
    assert list(adata.obs["split"].cat.categories) == ["train", "validation", "test"]


def test_validation_cells_are_stratified_as_scikit_learn_does_it(adata):
    split_cells(adata, column="upstream_split", test_value="t10k", validation_fraction=0.2, seed=3)
    labels = adata.obs["cell_type"].to_numpy()
    _, expected = train_test_split(np.arange(30), test_size=0.2, random_state=3, stratify=labels[:30])
    assert np.flatnonzero(adata.obs["split"] == "validation").tolist() == sorted(expected)


def test_the_last_training_cells_validate_as_in_keras(adata):
    """The rows that ``train_test_split`` puts last, as many as Keras's ``validation_split`` takes."""
    split_cells(adata, validation_cells="last", validation_fraction=0.1, seed=7)
    rows = np.arange(40)
    training, test = train_test_split(rows, test_size=0.3, random_state=7, stratify=adata.obs["cell_type"])
    assert set(np.flatnonzero(adata.obs["split"] == "test")) == set(test)
    assert set(np.flatnonzero(adata.obs["split"] == "validation")) == set(training[int(28 * 0.9) :])
    assert list(adata.obs["split"].cat.categories) == ["train", "validation", "test"]


def test_a_type_whose_cells_are_all_among_the_last_is_named():
    adata = cells("a" * 20 + "b" * 3, ["train"] * 23)
    with pytest.raises(KratosError, match=r"training cells hold all of type 'b'; use validation_cells: stratified"):
        for seed in range(50):
            split_cells(adata, validation_cells="last", validation_fraction=0.6, seed=seed)


def test_there_may_be_no_validation_cells(adata):
    split_cells(adata, column="upstream_split", test_value="t10k", validation_fraction=0)
    assert adata.obs["split"].value_counts().to_dict() == {"train": 30, "test": 10, "validation": 0}


def test_without_a_column_the_split_is_drawn(adata):
    drawn = adata.copy()
    assign_split(drawn, 0.25, 0.1, 9)
    split_cells(adata, test_fraction=0.25, validation_fraction=0.1, seed=9)
    assert adata.obs["split"].tolist() == drawn.obs["split"].tolist()


@pytest.mark.parametrize(
    ("published", "arguments", "message"),
    [
        (
            ["train"] * 40,
            {"column": "fold"},
            r"split: the cells have no column 'fold' \(columns: cell_type, upstream_split\); correct split.column",
        ),
        (
            ["train"] * 40,
            {"column": "upstream_split"},
            r"0 of 40 cells have 'test' in column 'upstream_split' \(values: train\); correct split.test_value",
        ),
        (["test"] * 40, {"column": "upstream_split"}, r"40 of 40 cells have 'test'"),
        (
            ["train", "test"] * 20,
            {"column": "upstream_split"},
            r"split: all cells of type 'b' are test cells; drop the type or split.column",
        ),
        (
            ["train"] * 4 + ["test"] * 36,
            {"column": "upstream_split", "validation_fraction": 0.1},
            r"split: 4 training cells cannot be stratified with validation_fraction 0.1",
        ),
    ],
)
def test_a_split_that_cannot_be_made_is_an_error(published, arguments, message):
    with pytest.raises(KratosError, match=message):
        split_cells(cells("ab" * 20, published), **arguments)
