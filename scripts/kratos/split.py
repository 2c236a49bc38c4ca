"""Which cells train, validate and test: drawn (Algorithm 1, step 0), or as the publisher of a data set says."""

from typing import Literal

import numpy as np
import pandas as pd
from anndata import AnnData

from kratos.cells import PARTS, assign_split, split_off
from kratos.errors import KratosError


def split_cells(
    adata: AnnData,
    *,
    column: str = "",
    test_value: str = "test",
    test_fraction: float = 0.3,
    validation_fraction: float = 0.1,
    validation_cells: Literal["stratified", "last"] = "stratified",
    seed: int = 7,
) -> None:
    """Write ``obs["split"]``.

    Parameters
    ----------
    adata
        Cells x genes, with ``obs["cell_type"]``. Changed in place.
    column, test_value
        The test cells are those whose ``obs[column]`` is `test_value`; the others train, of which
        `validation_fraction`, stratified, validate. Empty: all parts are drawn, see `kratos.cells.assign_split`.
    test_fraction, validation_fraction, seed
        See `kratos.cells.assign_split`; `test_fraction` has no meaning with a column.

    validation_cells
        ``stratified``, or the ``last`` cells of the drawn training part, in the order in which scikit-learn gives it:
        what Keras's ``validation_split`` takes after ``train_test_split`` (released code). Not with a column.

    Raises
    ------
    KratosError
        For a column or value that the data set does not have, a type without training cells, and what
        `kratos.cells.assign_split` raises.
    """
    if not column:
        assign_split(adata, test_fraction, 0.0 if validation_cells == "last" else validation_fraction, seed)
        if validation_cells == "last":
            _last_validate(adata, test_fraction, validation_fraction, seed)
        return
    if column not in adata.obs:
        found = ", ".join(map(str, adata.obs.columns))
        raise KratosError(f"split: the cells have no column '{column}' (columns: {found}); correct split.column")
    values = adata.obs[column].astype(str)
    test = (values == test_value).to_numpy()
    if not test.any() or test.all():
        found = ", ".join(sorted(values.unique()))
        raise KratosError(
            f"split: {int(test.sum())} of {adata.n_obs} cells have '{test_value}' in column '{column}' "
            f"(values: {found}); correct split.test_value"
        )
    labels = adata.obs["cell_type"].astype(str).to_numpy()
    untrained = sorted(set(labels) - set(labels[~test]))
    if untrained:
        raise KratosError(f"split: all cells of type '{untrained[0]}' are test cells; drop the type or split.column")
    split = np.where(test, "test", "train").astype(object)
    if validation_fraction > 0:
        split[_validation(np.flatnonzero(~test), labels, validation_fraction, seed)] = "validation"
    adata.obs["split"] = pd.Categorical(split, categories=list(PARTS))


def _validation(training: np.ndarray, labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Validation cells among the training cells' rows, stratified by type."""
    from sklearn.model_selection import train_test_split

    try:
        return train_test_split(training, test_size=fraction, random_state=seed, stratify=labels[training])[1]
    except ValueError as error:
        raise KratosError(
            f"split: {len(training)} training cells cannot be stratified with validation_fraction {fraction} "
            f"({error}); change validation_fraction, or drop rare types"
        ) from error


def _last_validate(adata: AnnData, test_fraction: float, validation_fraction: float, seed: int) -> None:
    """Turn the last training cells, in the order of the split, into validation cells."""
    labels = adata.obs["cell_type"].astype(str).to_numpy()
    training, _ = split_off(np.arange(adata.n_obs), labels, test_fraction, seed)
    first = int(len(training) * (1 - validation_fraction))
    untrained = sorted(set(labels) - set(labels[training[:first]]))
    if untrained:
        raise KratosError(
            f"split: the last {len(training) - first} of {len(training)} training cells hold all of type "
            f"'{untrained[0]}'; use validation_cells: stratified, or another split.seed"
        )
    adata.obs.iloc[training[first:], adata.obs.columns.get_loc("split")] = "validation"
