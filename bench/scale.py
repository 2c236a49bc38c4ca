"""Measure time and memory of every step against the number of cells, and check that they stay within 4 GB and linear.

Cells are simulated (kratos.simulate, five populations): transcripts of `STATES` of them are captured once and sequenced
anew for every block of the file, so that a file of any size has the same populations. Each step is the workflow's own
script, in a process of its own. Epochs are few, since each costs the same.

Usage: ``OMP_NUM_THREADS=1 PYTHONPATH=scripts python bench/scale.py --cells 10000 100000 1000000``
"""

import argparse
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from kratos.simulate import simulate
from kratos.stored import write_block

# Cells of a block, and the shares of their transcripts that are captured, and of those sequenced.
STATES, CAPTURED, SEQUENCED = 5000, 0.005, 0.4
LIMIT_GB = 4.0
# Time may grow with at most this power of the number of cells; processor time, which other processes do not change.
STEEPEST = 1.1
STEPS = ("cells", "train", "kratos_cw", "kratos_sg", "kratos_ig", "wilcoxon", "auroc", "clustering")
EXPLAINERS = {
    "kratos_cw": {"kind": "adversarial", "params": {}},
    "kratos_sg": {"kind": "smoothgrad", "params": {}},
    "kratos_ig": {"kind": "integrated_gradients", "params": {}},
}
PROTOCOLS = ["crossval", "heldout"]
AUROC = {"draws": 10, "folds": 3, "inner_folds": 3, "c_scale": 100.0, "gamma_scale": 0.1, "bandwidth": "gamma"}


def write_counts(path: Path, n_cells: int, n_genes: int) -> None:
    """Write simulated counts (n_cells, n_genes) as a user would bring them, a block at a time."""
    states = simulate(n_cells=min(STATES, n_cells), n_genes=n_genes, sigma=0.4, seed=0)
    names = np.array([f"cell{i}" for i in range(n_cells)], dtype=object)
    labels = states.obs["cell_type"].astype(str).to_numpy()
    obs = pd.DataFrame({"cell_type": pd.Categorical(np.resize(labels, n_cells))}, index=names)
    ad.AnnData(obs=obs, var=states.var[[]]).write_h5ad(path)
    rng = np.random.default_rng(1)
    captured = sparse.csr_matrix(rng.binomial(states.layers["counts"], CAPTURED))
    with h5py.File(path, "a") as file:
        file.pop("X", None)
        for start in range(0, n_cells, states.n_obs):
            counts = captured[: n_cells - start].astype(np.float32)
            counts.data = rng.binomial(counts.data.astype(np.int64), SEQUENCED).astype(np.float32)
            counts.eliminate_zeros()
            write_block(file, "X", counts)


def run_step(step: str, folder: Path, options: argparse.Namespace) -> None:
    """Run the script of one step on the cells in `folder`."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
    import torch

    torch.set_num_threads(1)
    cells, model, seed = str(folder / "cells.h5ad"), str(folder / "kratos" / "model.pt"), 0
    identity = {"dataset": "simulated", "method": step, "seed": seed}
    if step == "cells":
        import cells as script

        spec = {"loader": "h5ad", "params": {"path": str(folder / "counts.h5ad")}, "expect": {}, "split": {}}
        script.main("simulated", spec, [], cells)
    elif step == "train":
        import train as script

        params = {"epochs": options.epochs, "batch_size": options.batch_size}
        outputs = {key: str(folder / "kratos" / name) for key, name in OUTPUTS.items()}
        script.main(cells, {"kind": "classifier", "device": "cpu", "params": params}, seed, outputs)
    elif step in EXPLAINERS or step == "wilcoxon":
        import rank as script

        ranker = {"ranker": "scanpy_groups", "params": {"method": "wilcoxon", "tie_correct": True}}
        spec: dict[str, Any] = {
            "method": {"explained_input": "prepared"} if step in EXPLAINERS else ranker,
            "explainer": EXPLAINERS.get(step, {}),
            "protocols": PROTOCOLS,
            "maximum_cells_per_type": options.ranked,
        }
        script.main(cells, model if step in EXPLAINERS else None, spec, identity, str(folder / f"{step}.parquet"))
    elif step == "auroc":
        import auroc as script

        protocol = {**AUROC, "protocols": PROTOCOLS, "minimum_cells": 50, "fractions": [0.01]}
        protocol["maximum_cells_per_type"] = options.evaluated
        output = folder / "auroc.parquet"
        script.main(cells, str(folder / "kratos_ig.parquet"), protocol, identity, str(output))
        rows = pd.read_parquet(output)
        used, available = rows.loc[0, ["cells_used", "cells_available"]]
        logging.info("AUROC %.4f on %d of %d cells", rows["value"].mean(), used, available)
    else:
        import clustering as script

        embeddings = [str(folder / "kratos" / OUTPUTS["embedding"])]
        script.main(cells, embeddings, options.silhouette, identity, str(folder / "clustering.parquet"))


OUTPUTS = {"model": "model.pt", "embedding": "embedding.npz", "training": "training.json"}


def measure(step: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds, processor seconds and peak GB of one step, in a process of its own."""
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder)]
    for name in ("epochs", "batch_size", "ranked", "evaluated", "silhouette"):
        command += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(result.stdout.splitlines()[-1])


def slopes(table: pd.DataFrame) -> pd.DataFrame:
    """Slope of log processor seconds, seconds and GB against log cells, over the two largest sizes, per step."""
    measured = ["processor_s", "seconds", "peak_gb"]
    rows = []
    for step, own in table.groupby("step", sort=False):
        last = np.log(own.sort_values("cells")[["cells", *measured]].tail(2).to_numpy())
        growth = last[1] - last[0]
        rows.append((step, *(growth[1:] / growth[0])))
    return pd.DataFrame(rows, columns=["step", *(f"slope_{name}" for name in measured)])


def main() -> None:
    """Measure every step at every size; end with an error where a bound is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--genes", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--ranked", type=int, default=1000, help="cells of a type that genes are ranked from")
    parser.add_argument("--evaluated", type=int, default=300, help="cells of a type that the SVM sees")
    parser.add_argument("--silhouette", type=int, default=5000, help="cells of the silhouette")
    parser.add_argument("--folder", type=Path, default=None, help="where the files go; a temporary folder")
    parser.add_argument("--output", type=Path, help="CSV to which measurements are added, and whose rows are shown")
    parser.add_argument("--step", choices=STEPS, help="one step in this process (used by the program itself)")
    options = parser.parse_args()
    if options.step:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
        start, processor = time.perf_counter(), time.process_time()
        run_step(options.step, options.folder, options)
        # ru_maxrss is in kilobytes on Linux.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        seconds = {"seconds": time.perf_counter() - start, "processor_s": time.process_time() - processor}
        print(json.dumps({**seconds, "peak_gb": peak}))
        return
    rows = []
    for n_cells in options.cells:
        with tempfile.TemporaryDirectory(prefix="kratos-scale-", dir=options.folder) as folder:
            write_counts(Path(folder) / "counts.h5ad", n_cells, options.genes)
            for step in STEPS:
                rows.append({"cells": n_cells, "step": step, **measure(step, Path(folder), options)})
                print(rows[-1], file=sys.stderr, flush=True)
            disk = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file()) / 1e9
            print(f"{n_cells} cells: {disk:.2f} GB on disk", file=sys.stderr, flush=True)
    table = pd.DataFrame(rows)
    if options.output:
        table.to_csv(options.output, mode="a", index=False, header=not options.output.exists())
        table = pd.read_csv(options.output)
    table = table.sort_values("cells", kind="stable")
    table["ms_per_cell"] = 1000 * table["seconds"] / table["cells"]
    print(f"{options.genes} genes, {options.epochs} epochs, batches of {options.batch_size}, one thread")
    print(table.round(4).to_string(index=False))
    large = table[table["peak_gb"] > LIMIT_GB]
    failed = [f"{r.step} takes {r.peak_gb:.2f} GB at {r.cells} cells" for r in large.itertuples()]
    if len(set(table["cells"])) > 1:
        steepness = slopes(table)
        print(steepness.round(2).to_string(index=False))
        steep = steepness[steepness["slope_processor_s"] > STEEPEST]
        failed += [f"{r.step} grows with the power {r.slope_processor_s:.2f} of the cells" for r in steep.itertuples()]
    if failed:
        sys.exit("; ".join(failed))


if __name__ == "__main__":
    main()
