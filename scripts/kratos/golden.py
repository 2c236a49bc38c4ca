"""The numbers that the regression gate watches: one tidy row per value, from the results of a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from kratos.cells import read_cells
from kratos.config import models_of
from kratos.errors import KratosError
from kratos.evaluate.recovery import ROLES, rankings_with_roles, role_counts
from kratos.files import read_json

KEY = ["dataset", "name", "metric", "protocol", "cells", "cell_type", "n_genes"]
"""What identifies a value; ``name`` is a method, a model, or empty. Parts that do not apply are empty, or 0 genes."""
MEAN = "mean of types"
TOP = 20
"""Genes whose roles are counted (Table 1)."""


def metric_rows(results: str | Path, config: Mapping[str, Any], seed: int = 0) -> pd.DataFrame:
    """Read the metrics of every data set, model and method of a configuration.

    Parameters
    ----------
    results
        Folder ``results`` of a finished run.
    config
        Its configuration; what it does not name is not read, whatever an earlier run left in the folder.
    seed
        The run's seed to read.

    Returns
    -------
    pandas.DataFrame
        Columns `KEY` and value; no NaN: what was not measured has no row. Training and timing take what time they take,
        so no row is a duration.

    Raises
    ------
    KratosError
        Naming a file that the run has not made.
    """
    frames = []
    for dataset, spec in config["datasets"].items():
        folder = Path(results) / dataset
        rows = [_cells(folder / "cells.h5ad"), *_clustering(folder / str(seed) / "clustering.parquet")]
        rows += [_training(folder / str(seed) / model / "training.json", model) for model in models_of(config, dataset)]
        for method in spec["methods"]:
            rows += _method(folder / str(seed), method, spec.get("evaluations", ["auroc"]))
        frames += [frame.assign(dataset=dataset) for frame in rows]
    table = pd.concat(frames, ignore_index=True).reindex(columns=[*KEY, "value"]).dropna(subset="value")
    table = table.fillna({key: 0 if key == "n_genes" else "" for key in KEY})
    return table.astype({"n_genes": int, "value": float}).sort_values(KEY, ignore_index=True)


def _method(folder: Path, method: str, evaluations: Sequence[str]) -> list[pd.DataFrame]:
    ranking = _read(folder / "rankings" / f"{method}.parquet")
    rows = [_scores(ranking)]
    if "role" in ranking:
        rows.append(_roles(ranking))
    for evaluation, read in (("auroc", _auroc), ("redundancy", _redundancy), ("transfer", _transfer)):
        if evaluation in evaluations:
            rows.append(read(_read(folder / evaluation / f"{method}.parquet")))
    return [frame.assign(name=method if "name" not in frame else method + " " + frame["name"]) for frame in rows]


def _read(path: Path) -> pd.DataFrame:
    return pd.read_parquet(_existing(path))


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise KratosError(
            f"{path} does not exist: finish the run, or name the configuration files that it was made with"
        )
    return path


def _cells(path: Path) -> pd.DataFrame:
    """Size of the data set and of its parts, and the mean of its matrix."""
    adata = read_cells(path)
    parts = adata.obs["split"].value_counts()
    rows = [("n_cells", part, count) for part, count in parts.items()]
    rows += [("n_genes", "all", adata.n_vars), ("mean_expression", "all", adata.X.mean(dtype="float64"))]
    return pd.DataFrame(rows, columns=["metric", "cells", "value"])


def _clustering(path: Path) -> list[pd.DataFrame]:
    """Silhouette, ARI and AMI; a run has them only where a table shows them, and lost rows are the gate's to report."""
    if not path.is_file():
        return []
    return [pd.read_parquet(path).rename(columns={"model": "name"})[["name", "metric", "cells", "value"]]]


def _training(path: Path, model: str) -> pd.DataFrame:
    """Accuracy on training and test cells (of validation cells, one is a jump), and the loss of the last epoch."""
    record = read_json(_existing(path))
    rows = [("accuracy", part, record["accuracy"][part]) for part in ("train", "test")]
    rows.append(("training_loss", "train", record["loss"][-1]))
    return pd.DataFrame(rows, columns=["metric", "cells", "value"]).assign(name=model)


def _scores(ranking: pd.DataFrame) -> pd.DataFrame:
    """Mean absolute score over genes, on all cells: it moves with the method long before a panel's AUROC does."""
    own = ranking[ranking["protocol"] == "crossval"].assign(value=lambda rows: rows["score"].abs())
    own["cell_type"] = own["cell_type"].str.cat(own["target"], sep=" to ").str.removesuffix(" to ")
    return _with_mean(own.groupby("cell_type", as_index=False)["value"].mean().assign(metric="score", cells="all"))


def _roles(ranking: pd.DataFrame) -> pd.DataFrame:
    counts = role_counts(rankings_with_roles(ranking, "golden values"), TOP).reset_index()
    rows = counts.melt("cell_type", list(ROLES), var_name="metric").assign(n_genes=TOP, cells="all")
    return _with_mean(rows)


def _auroc(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean over folds."""
    means = rows.dropna(subset="value").groupby(["protocol", "cell_type", "n_genes"], as_index=False)["value"].mean()
    cells = means["protocol"].map({"crossval": "all", "heldout": "test"})
    return _with_mean(means.assign(metric="auroc", cells=cells))


def _redundancy(rows: pd.DataFrame) -> pd.DataFrame:
    return _with_mean(rows[["cell_type", "n_genes", "value"]].assign(metric="redundancy", cells="all"))


def _transfer(rows: pd.DataFrame) -> pd.DataFrame:
    """Share read as the target, after clipping to the pixels' range; ``name`` is the model that reads."""
    own = rows[rows["clipped"]].rename(columns={"model": "name", "read_as_target": "value", "change": "protocol"})
    own = own.assign(metric="read_as_target", cells="test", cell_type=own["cell_type"] + " to " + own["target"])
    return _with_mean(own[["name", "metric", "protocol", "cells", "cell_type", "value"]])


def _with_mean(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the mean over cell types."""
    keys = [column for column in rows if column not in ("cell_type", "value")]
    means = rows.groupby(keys, as_index=False, dropna=False)["value"].mean().assign(cell_type=MEAN)
    return pd.concat([rows, means], ignore_index=True)
