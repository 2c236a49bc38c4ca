"""How much the number of search draws changes the AUROC: the table behind the config's default.

Usage: ``OMP_NUM_THREADS=1 python bench/draws.py results/pbmc/cells.h5ad results/pbmc/0/rankings/kratos_ig.parquet``
"""

import argparse
import time

import pandas as pd

from kratos.cells import read_cells
from kratos.evaluate.auroc import auroc_rows
from kratos.evaluate.panels import grid_sizes


def main() -> None:
    """Print AUROC (mean over folds and types) against draws and panel size, for several search seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cells")
    parser.add_argument("ranking")
    parser.add_argument("--draws", type=int, nargs="+", default=[10, 20, 50, 200])
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.01, 0.1])
    parser.add_argument("--minimum-cells", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    adata, ranking = read_cells(options.cells), pd.read_parquet(options.ranking)
    settings = {"folds": 3, "inner_folds": 3, "c_scale": 100.0, "gamma_scale": 0.1}
    table = []
    for draws in options.draws:
        for seed in range(options.seeds):
            start = time.process_time()
            rows = auroc_rows(
                adata,
                ranking,
                grid_sizes(adata.n_vars, options.fractions),
                protocols=["crossval"],
                minimum_cells=options.minimum_cells,
                draws=draws,
                seed=seed,
                **settings,
            )
            means = rows.groupby("fraction")["value"].mean()
            table += [(draws, seed, f, v, time.process_time() - start) for f, v in means.items()]
    frame = pd.DataFrame(table, columns=["draws", "seed", "fraction", "auroc", "seconds"])
    print(frame.groupby(["fraction", "draws"]).agg({"auroc": ["mean", "std"], "seconds": "mean"}).round(5).to_string())


if __name__ == "__main__":
    main()
