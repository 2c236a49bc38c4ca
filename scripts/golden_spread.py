"""Write results/golden/spread.csv: how far every metric moves between machines and seeds, and its tolerance.

Usage: ``make golden-spread``, which makes the runs first
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from kratos.config import read_configs
from kratos.errors import KratosError
from kratos.files import atomic_path
from kratos.golden import metric_rows
from kratos.regression import spread_rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Collect the metrics of the runs and write their spread; that of data sets which were not run stays."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configfile", nargs="+", required=True, help="configuration files of the runs")
    parser.add_argument("--results", type=Path, required=True, help="folder results of the reference run, seed 0")
    parser.add_argument("--machines", type=Path, nargs="+", required=True, help="results of other machines, seed 0")
    parser.add_argument("--seed-results", type=Path, required=True, help="folder results of the run with other seeds")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        config = read_configs(options.configfile)
        table = spread_rows(
            metric_rows(options.results, config),
            [metric_rows(folder, config) for folder in options.machines],
            [metric_rows(options.seed_results, config, seed) for seed in options.seeds],
        )
    except KratosError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    if options.output.is_file():
        known = pd.read_csv(options.output, keep_default_na=False)
        table = pd.concat([table, known[~known["dataset"].isin(config["datasets"])]], ignore_index=True)
    with atomic_path(options.output) as part:
        table.to_csv(part, index=False, float_format="%.3g")
    print(table.groupby("metric")[["machine_worst", "seed_sd", "tolerance"]].max().to_string())
    return 0


if __name__ == "__main__":
    sys.exit(main())
