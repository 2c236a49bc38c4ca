"""The simulated data set that the Kratos authors published: 500 cells, 20 causal, 20 dependent, 100 noise genes."""

import re
from pathlib import Path
from typing import Literal

import anndata as ad
import numpy as np
import pandas as pd

from kratos.cells import check_names, first_entry
from kratos.datasets._counts import log_normalize, whole_counts
from kratos.datasets._files import pick
from kratos.errors import KratosError

ROLES = {"causal": "causal", "dep": "dependent", "useless": "noise"}
"""What the letters of a gene's name in the file mean."""

NORMALIZE = ("none", "log1p", "log_normalize")


def load(
    files: dict[str, Path],
    *,
    normalize: Literal["none", "log1p", "log_normalize"] = "log1p",
    negative: Literal["error", "zero"] = "error",
) -> ad.AnnData:
    """Load ``140var_clean.csv``: a row per cell, named ``<cell>_<population>``, and a column per gene.

    Parameters
    ----------
    files
        ``counts`` (or the only file).
    normalize
        ``none``: ``X`` is the counts (what the released code min-max scales); ``log1p``: log(1 + counts);
        ``log_normalize``: each cell scaled to 10,000 counts first. The 20 causal genes carry 45 % of
        the counts, so scaling by a cell's total would carry their differences into the noise genes; hence ``log1p``.
    negative
        Simulated dependent genes may fall below 0 (the published file has none). ``error``, or ``zero``: set them
        to 0 and record how many in ``uns["negative_counts_set_to_zero"]``.

    Returns
    -------
    anndata.AnnData
        Cells x genes, ``var["role"]`` causal, dependent or noise, cell types ``population_<k>``.

    Raises
    ------
    KratosError
        For a gene without role or a cell without population in its name, or a value that is not a count.
    """
    for parameter, value, choices in (("normalize", normalize, NORMALIZE), ("negative", negative, ("error", "zero"))):
        if value not in choices:
            raise KratosError(f"kratos_simulated: {parameter} is {value!r}; choose one of {', '.join(choices)}")
    path = next(iter(files.values())) if len(files) == 1 else pick(files, "counts")
    table = _read(path)
    roles = [_role(gene, path) for gene in table.columns]
    populations = [_population(cell, path) for cell in table.index]
    adata = ad.AnnData(
        obs=pd.DataFrame({"cell_type": pd.Categorical(populations)}, index=table.index),
        var=pd.DataFrame({"role": pd.Categorical(roles, categories=list(ROLES.values()))}, index=table.columns),
    )
    check_names(adata, str(path))
    values = table.to_numpy(dtype=np.float64)
    below = first_entry(values, lambda x: x < 0)
    if below and negative == "error":
        raise KratosError(
            f"{path}: {int((values < 0).sum())} negative values (first: {below[2]:g}, cell {table.index[below[0]]!r}, "
            f"gene {table.columns[below[1]]!r}); counts are 0 or more, set `negative: zero` to set them to 0"
        )
    if below:
        adata.uns["negative_counts_set_to_zero"] = int((values < 0).sum())
        values = np.maximum(values, 0)
    counts = whole_counts(adata, values, str(path))
    adata.layers["counts"] = counts
    adata.obs["total_counts"] = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel().astype(np.int64)
    adata.X = {"none": counts.copy, "log1p": counts.log1p, "log_normalize": lambda: log_normalize(counts)}[normalize]()
    return adata


def _read(path: Path) -> pd.DataFrame:
    """Cells x genes; an error names a cell and gene whose value is not a number."""
    if not path.is_file():
        raise KratosError(f"{path} does not exist; run the download rule, or correct the path")
    try:
        # header=None keeps the gene names as written: pandas would rename a duplicate.
        text = pd.read_csv(path, header=None, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise KratosError(f"{path} is not a CSV table ({error}); download it again") from error
    genes, cells = text.iloc[0, 1:].to_list(), text.iloc[1:, 0].to_list()
    values = text.iloc[1:, 1:].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    bad = np.argwhere(np.isnan(values))
    if len(bad):
        cell, gene = bad[0]
        raise KratosError(
            f"{path}: the value {text.iloc[cell + 1, gene + 1]!r} of cell {cells[cell]!r}, gene {genes[gene]!r} "
            "is not a number; download the file again"
        )
    return pd.DataFrame(values, index=cells, columns=genes)


def _role(gene: str, path: Path) -> str:
    match = re.fullmatch(r"([a-z]+)\d+", gene)
    if not match or match[1] not in ROLES:
        raise KratosError(
            f"{path}: the gene name {gene!r} has no known role; it must be one of {', '.join(ROLES)} "
            "followed by a number"
        )
    return ROLES[match[1]]


def _population(cell: str, path: Path) -> str:
    match = re.fullmatch(r".*_(\w+)", cell)
    if not match:
        raise KratosError(f"{path}: the cell name {cell!r} has no population; it must look like '12_3'")
    return f"population_{match[1]}"
