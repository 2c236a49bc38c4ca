"""Did the results move? Compare fresh metrics with golden ones, within what another machine may change."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from kratos.errors import KratosError
from kratos.evaluate.recovery import ROLES
from kratos.golden import KEY

GROUP = ["dataset", "name", "metric"]
"""Values that share a tolerance."""
RELATIVE = ("score", "training_loss", "mean_expression")
"""Metrics in units of their own: deviations are shares of the golden value."""
EXACT = 1e-9
"""Largest deviation between machines of what is computed in double precision without training."""
ROUNDING = 1e-5
"""Least tolerance: float32 has seven digits, and sums of many terms keep about five."""
FACTOR = 3.0
"""Of the largest deviation that machines gave, and of the standard deviation between seeds."""
CELLS_MOVED = 3
"""Cells of the smaller of training and test cells that may change sides; one changes ARI by some 2/n."""
OF_CELLS = ("accuracy", "ari", "ami")
FORMULAS = {
    "exact": "1e-5",
    "continuous": "max(1e-5, machine_worst, min(3 machine_worst, 3 seed_sd))",
    "discrete": "max(step, machine_worst, min(max(3 machine_worst, seed_sd), 3 seed_sd))",
}
MOVED_COLUMNS = [*KEY, "verdict", "golden", "fresh", "difference", "tolerance"]


def read_golden(folder: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the golden values of all data sets, one file each, and their spread.

    Raises
    ------
    KratosError
        When there is no spread, or a file has other columns.
    """
    folder = Path(folder)
    if not (folder / "spread.csv").is_file():
        raise KratosError(f"{folder / 'spread.csv'} does not exist: write it with `make golden-spread`")
    spread = pd.read_csv(folder / "spread.csv", keep_default_na=False)
    frames = [pd.DataFrame(columns=[*KEY, "value"])]
    for path in sorted(set(folder.glob("*.csv")) - {folder / "spread.csv"}):
        rows = pd.read_csv(path, keep_default_na=False, dtype=dict.fromkeys(set(KEY) - {"n_genes"}, str))
        if list(rows) != [*KEY, "value"]:
            raise KratosError(f"{path} has columns {', '.join(rows)}, not {', '.join([*KEY, 'value'])}: restore it")
        frames.append(rows)
    return pd.concat(frames[1:] or frames, ignore_index=True), spread


def spread_rows(golden: pd.DataFrame, machines: Sequence[pd.DataFrame], seeds: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tolerance of every group of metrics from repeated runs.

    Parameters
    ----------
    golden
        Rows of the reference run (`kratos.golden.metric_rows`).
    machines
        Rows of runs with the same seed whose arithmetic rounds as that of other machines does.
    seeds
        Rows of runs with other seeds, on the same machine.

    Returns
    -------
    pandas.DataFrame
        One row per `GROUP`: ``scale`` (absolute, or relative to the golden value), number of rows and runs,
        ``machine_sd`` and ``seed_sd`` (root mean square over the group's rows of the standard deviation between runs,
        the golden one included), ``machine_worst`` (largest deviation of a machine's run from the golden value),
        ``tolerance`` and the formula that gave it (`FORMULAS`).

    Raises
    ------
    KratosError
        Without two runs of either kind, or when a run has other rows than the golden one.
    """
    if len(machines) < 2 or len(seeds) < 2:
        raise KratosError(
            f"a spread needs two runs or more of either kind, not {len(machines)} (machines) and {len(seeds)} (seeds): "
            "see `make golden-spread`"
        )
    indexed = _indexed(golden, "the golden run")
    by_machine = pd.concat([_indexed(run, "a machine's run") for run in machines], axis=1)
    if len(by_machine) != len(indexed) or by_machine.isna().to_numpy().any():
        raise KratosError("a machine's run has other rows than the golden run: run both with the same configuration")
    # A model of another seed may assign no cell to a type, which then has no value and says nothing of the spread.
    by_seed = pd.concat([_indexed(run, "a seed's run") for run in seeds], axis=1).reindex(indexed.index)
    scale = _scale(indexed)
    deviations = by_machine.sub(indexed, axis=0).div(scale, axis=0)
    parts = {
        "machine_sd": deviations.assign(golden=0.0).std(axis=1).pow(2),
        "seed_sd": by_seed.sub(indexed, axis=0).div(scale, axis=0).assign(golden=0.0).std(axis=1).pow(2),
        "machine_worst": deviations.abs().max(axis=1),
    }
    groups = pd.DataFrame(parts).groupby(level=GROUP)
    table = groups.size().rename("rows").to_frame().assign(machines=len(machines), seeds=len(seeds))
    table["machine_sd"], table["seed_sd"] = groups["machine_sd"].mean().pow(0.5), groups["seed_sd"].mean().pow(0.5)
    table["machine_worst"] = groups["machine_worst"].max()
    table = table.reset_index()
    table.insert(3, "scale", table["metric"].isin(RELATIVE).map({True: "relative", False: "absolute"}))
    return _with_tolerance(table.assign(step=_steps(table, golden)))


def _steps(table: pd.DataFrame, golden: pd.DataFrame) -> pd.Series:
    """Least change of a group that counts cells or genes: `CELLS_MOVED` cells, one gene; rounding for others."""
    counts = golden[(golden["metric"] == "n_cells") & golden["cells"].isin(("train", "test"))]
    of_cells = CELLS_MOVED / table["dataset"].map(counts.groupby("dataset")["value"].min())
    steps = pd.Series(ROUNDING, index=table.index).mask(table["metric"].isin(OF_CELLS), of_cells)
    return steps.mask(table["metric"].isin(ROLES), 1.0)


def _with_tolerance(table: pd.DataFrame) -> pd.DataFrame:
    """Add what a group may move by.

    A method none of whose metrics moved on any machine is exact: seeds do not matter. Otherwise three times the largest
    deviation, for there are more machines than those emulated, but not more than three standard deviations between
    seeds, for another machine differs less than another seed. Panels, groups and accuracies jump when a gene or a cell
    passes another, which few runs see rarely; they are allowed a standard deviation between seeds and a step at least.
    """
    worst, seeds = table["machine_worst"], table["seed_sd"]
    # "kratos_cw_pairs kratos" is what the model kratos reads in the method's images: both move with the method.
    method = table["name"].str.split(" ").str[0]
    exact = worst.groupby([table["dataset"], method]).transform("max") <= EXACT
    table["rule"] = table["scale"].map({"relative": "continuous", "absolute": "discrete"}).mask(exact, "exact")
    wanted = (FACTOR * worst).clip(lower=seeds.where(table["rule"] == "discrete", 0.0))
    tolerance = pd.concat([wanted.clip(upper=FACTOR * seeds), worst], axis=1).max(axis=1)
    table["tolerance"] = tolerance.clip(lower=table["step"]).mask(exact, ROUNDING)
    table["formula"] = table["rule"].map(FORMULAS)
    return table.drop(columns="rule")


def compare(golden: pd.DataFrame, fresh: pd.DataFrame, spread: pd.DataFrame) -> pd.DataFrame:
    """List what moved beyond its tolerance, what is gone, and what is new.

    Parameters
    ----------
    golden, fresh
        Rows of `kratos.golden.metric_rows`.
    spread
        Rows of `spread_rows`.

    Returns
    -------
    pandas.DataFrame
        Columns `MOVED_COLUMNS`, empty when nothing moved. ``verdict`` is ``moved``, ``missing`` (only golden), ``new``
        (only fresh) or ``no tolerance`` (its group is not in `spread`).

    Raises
    ------
    KratosError
        When rows are repeated.
    """
    both = pd.concat({"golden": _indexed(golden, "golden"), "fresh": _indexed(fresh, "fresh")}, axis=1)
    tolerances = spread.set_index(GROUP)["tolerance"]
    if tolerances.index.has_duplicates:
        raise KratosError("spread: a group has two tolerances: write it again with `make golden-spread`")
    both["difference"] = both["fresh"] - both["golden"]
    groups = pd.MultiIndex.from_arrays([both.index.get_level_values(level) for level in GROUP], names=GROUP)
    both["tolerance"] = tolerances.reindex(groups).to_numpy() * _scale(both["golden"])
    both["verdict"] = ""
    both.loc[both["tolerance"].isna(), "verdict"] = "no tolerance"
    both.loc[both["difference"].abs() > both["tolerance"], "verdict"] = "moved"
    both.loc[both["golden"].isna(), "verdict"] = "new"
    both.loc[both["fresh"].isna(), "verdict"] = "missing"
    return both[both["verdict"] != ""].reset_index()[MOVED_COLUMNS]


def report(moved: pd.DataFrame, rows: int = 40) -> str:
    """Text of what moved, the furthest beyond its tolerance first, at most `rows` lines of it."""
    if moved.empty:
        return "nothing moved"
    excess = (moved["difference"].abs() / moved["tolerance"]).fillna(float("inf"))
    ordered = moved.iloc[excess.argsort(kind="stable")[::-1]]
    counts = ", ".join(f"{count} {verdict}" for verdict, count in moved["verdict"].value_counts().items())
    text = ordered.head(rows).to_string(index=False, na_rep="", float_format=lambda value: f"{value:.6g}")
    more = f"\n… {len(moved) - rows} more" if len(moved) > rows else ""
    return f"{counts}\n{text}{more}"


def _scale(golden: pd.Series) -> pd.Series:
    """What a deviation is divided by: 1, or the golden value's size for `RELATIVE` metrics."""
    relative = golden.index.get_level_values("metric").isin(RELATIVE)
    return golden.abs().where(relative, 1.0)


def _indexed(rows: pd.DataFrame, what: str) -> pd.Series:
    values = rows.set_index(KEY)["value"]
    if values.index.has_duplicates:
        first = values.index[values.index.duplicated()][0]
        raise KratosError(f"{what}: two values of {' / '.join(map(str, first))}: remove one")
    return values
