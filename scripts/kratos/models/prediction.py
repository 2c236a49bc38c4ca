"""A trained model on new cells: genes aligned by name, and a probability per cell type."""

import logging
import warnings
from typing import Any

import numpy as np
import pandas as pd
import torch

from kratos.errors import KratosError
from kratos.matrices import to_dense
from kratos.models.base import CellModel, apply_in_batches

log = logging.getLogger(__name__)
MOST_MISSING = 0.5
"""Largest share of a model's genes that new cells may lack."""


class AlignedCells:
    """Cells with a model's genes in its order, made dense a batch at a time.

    Parameters
    ----------
    x
        Log-normalised values (n, q), dense or sparse.
    genes
        The q gene names.
    model
        The model. Genes that it knows and the cells lack take `CellModel.absent_values`; other genes are left out.

    Raises
    ------
    KratosError
        When no gene, or fewer than half, of the model's are there.
    """

    def __init__(self, x: Any, genes: pd.Index, model: CellModel) -> None:
        columns = pd.Index(genes).get_indexer(model.genes)
        self.present = np.flatnonzero(columns >= 0)
        self.missing = [model.genes[i] for i in np.flatnonzero(columns < 0)]
        self.columns, self.x = columns[self.present], x
        self.fill = model.absent_values()
        self.shape = (x.shape[0], len(model.genes))
        n, total = len(self.missing), len(model.genes)
        if len(self.present) == 0:
            cased = len(set(map(str.casefold, genes)) & set(map(str.casefold, model.genes)))
            hint = f"; {cased} agree when case is ignored" if cased else ""
            raise KratosError(
                f"none of the model's {total} genes is among the {len(genes)} given (the model has {model.genes[0]!r}, "
                f"the cells {next(iter(genes), 'none')!r}{hint}); rename the genes as in model.genes"
            )
        if n > MOST_MISSING * total:
            raise KratosError(
                f"{n} of the model's {total} genes are missing (first: {', '.join(self.missing[:3])}), more than half; "
                "give cells with these genes, or train a model on the genes that there are"
            )
        if n:
            message = (
                f"{n} of the model's {total} genes are missing (first: {', '.join(self.missing[:3])}) "
                "and taken as not expressed"
            )
            warnings.warn(message, stacklevel=4)
            log.warning(message)

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Some cells (m, p), float32."""
        block = np.tile(self.fill, (len(range(*rows.indices(self.shape[0]))), 1))
        block[:, self.present] = to_dense(self.x[rows][:, self.columns])
        return block


def type_probabilities(model: CellModel, cells: AlignedCells) -> np.ndarray:
    """Probability of every cell type (n, K): the softmax of the scores (Eq. 10), summed over a type's groups.

    A type that no group of the model stands for has probability 0.
    """
    groups = apply_in_batches(lambda x: torch.softmax(model.scores(x), dim=1), model, cells)
    probabilities = np.zeros((len(groups), len(model.cell_types)), dtype=np.float32)
    for group, cell_type in enumerate(model.group_type):
        probabilities[:, cell_type] += groups[:, group]
    return probabilities
