"""Time the AUROC evaluation against scikit-learn's own nested search, on one core, and check that both agree.

Usage: ``OMP_NUM_THREADS=1 python bench/auroc.py results/pbmc/cells.h5ad --cell-type "B cells" --draws 20``
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import expon
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold
from sklearn.svm import SVC

from kratos.cells import read_cells
from kratos.errors import KratosError
from kratos.evaluate.auroc import minmax_scaled
from kratos.evaluate.panels import grid_sizes
from kratos.evaluate.svm import FoldResult, crossval_auroc, grid_distances, sample_parameters
from kratos.matrices import to_dense

PAPER_FRACTIONS = [k / 100 for k in (*range(1, 10), *range(10, 39, 2), *range(40, 101, 4))]


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """Call a function; give its result and the processor time in seconds (other processes do not count)."""
    start = time.process_time()
    return function(*arguments), time.process_time() - start


def sklearn_crossval_auroc(x: np.ndarray, y: np.ndarray, draws: int, seed: int) -> list[FoldResult]:
    """Run the protocol as scikit-learn does it, on the features themselves."""
    results = []
    for fold, (train, test) in enumerate(StratifiedKFold(3, shuffle=True, random_state=seed).split(x, y)):
        found = RandomizedSearchCV(
            SVC(kernel="rbf", class_weight="balanced"),
            {"C": expon(scale=100), "gamma": expon(scale=0.1)},
            n_iter=draws,
            cv=3,
            scoring="roc_auc",
            random_state=seed,
        ).fit(x[train], y[train])
        score = roc_auc_score(y[test], found.decision_function(x[test]))
        results.append(FoldResult(fold, score, found.best_params_["C"], found.best_params_["gamma"], found.best_score_))
    return results


def compare(x_scaled_ranked: np.ndarray, y: np.ndarray, sizes: list[int], draws: int, seed: int = 0) -> pd.DataFrame:
    """Time both implementations at each panel size.

    Parameters
    ----------
    x_scaled_ranked
        (n, p) float64, genes in the order of a ranking, scaled to [0, 1].
    y
        (n,) bool, cells of the type.
    sizes
        Ascending panel sizes.
    draws
        Draws of the random search.
    seed
        Seed of folds and search.

    Returns
    -------
    pandas.DataFrame
        n_genes, ours_s and sklearn_s (processor seconds), same_parameters, and auroc_difference (largest of the folds).
    """
    parameters = sample_parameters(draws, seed)
    warm_up = next(grid_distances(x_scaled_ranked, sizes[:1]))[1]
    crossval_auroc(warm_up, y, parameters[:1], seed)  # compiled functions are loaded before the clock starts
    steps = grid_distances(x_scaled_ranked, sizes)
    rows = []
    for _ in sizes:
        (k, squared), distances_s = timed(next, steps)
        ours, search_s = timed(crossval_auroc, squared, y, parameters, seed)
        theirs, sklearn_s = timed(sklearn_crossval_auroc, x_scaled_ranked[:, :k], y, draws, seed)
        same = all((a.C, a.gamma) == (b.C, b.gamma) for a, b in zip(ours, theirs, strict=True))
        difference = max(abs(a.auroc - b.auroc) for a, b in zip(ours, theirs, strict=True))
        rows.append((k, distances_s + search_s, sklearn_s, same, difference))
    return pd.DataFrame(rows, columns=["n_genes", "ours_s", "sklearn_s", "same_parameters", "auroc_difference"])


def main() -> None:
    """Print, for each of the sizes, both sides' times, and whether they agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cells", type=Path)
    parser.add_argument("--cell-type", nargs="+", default=["B cells", "CD8 T cells"])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.01, 0.1, 1.0])
    parser.add_argument("--grid-draws", type=int, default=3, help="draws for the sum over the whole grid; 0 skips it")
    options = parser.parse_args()
    adata = read_cells(options.cells)
    x = minmax_scaled(to_dense(adata.X), np.ones(adata.n_obs, dtype=bool))
    for cell_type in options.cell_type:
        y = (adata.obs["cell_type"] == cell_type).to_numpy()
        if not y.any():
            raise KratosError(f"{options.cells}: no cell of type {cell_type!r}; see obs['cell_type'].")
        ranked = x[:, np.argsort(-np.abs(x[y].mean(axis=0) - x[~y].mean(axis=0)))]
        for fractions, draws in ((options.fractions, options.draws), (PAPER_FRACTIONS, options.grid_draws)):
            if draws:
                table = compare(ranked, y, grid_sizes(x.shape[1], fractions), draws)
                print(f"{cell_type}, {draws} draws\n{table.to_string(index=False)}")
                print(f"ratio of the sums: {table['sklearn_s'].sum() / table['ours_s'].sum():.1f}\n", flush=True)


if __name__ == "__main__":
    main()
