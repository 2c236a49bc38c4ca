"""Compare a run with the golden values of results/golden/; ``--update`` takes the run's values as the new golden ones.

Usage: ``python scripts/check_golden.py --results ci/results --configfile config/ci.yaml config/ci_real.yaml``
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kratos.config import read_configs
from kratos.errors import KratosError
from kratos.files import atomic_path
from kratos.golden import metric_rows
from kratos.regression import compare, read_golden, report

GOLDEN = Path(__file__).resolve().parent.parent / "results" / "golden"


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print what moved, and give the exit status: 1 when something did and it was not to be updated."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, required=True, help="folder results of the run")
    parser.add_argument("--configfile", nargs="+", required=True, help="the run's configuration files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--golden", type=Path, default=GOLDEN, help="folder of the golden values and spread.csv")
    parser.add_argument("--update", action="store_true", help="show the difference, then write the golden values")
    options = parser.parse_args(arguments)
    try:
        config = read_configs(options.configfile)
        fresh = metric_rows(options.results, config, options.seed)
        golden, spread = read_golden(options.golden)
    except KratosError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    own = golden[golden["dataset"].isin(config["datasets"])]
    moved = compare(own, fresh, spread)
    print(f"{len(own)} golden values of {', '.join(config['datasets'])}: {report(moved)}")
    if left_out := sorted(set(golden["dataset"]) - set(config["datasets"])):
        print(f"NOT COMPARED, for their data are not at hand (set KRATOS_MIRROR): {', '.join(left_out)}")
    if options.update:
        for dataset, rows in fresh.groupby("dataset"):
            with atomic_path(options.golden / f"{dataset}.csv") as part:
                rows.to_csv(part, index=False, float_format="%.8g")
        print(f"golden values written to {options.golden}")
        return 0
    if len(moved):
        print("If this is meant, take the values with `make golden-update` and say why in the commit.")
    return int(len(moved) > 0)


if __name__ == "__main__":
    sys.exit(main())
