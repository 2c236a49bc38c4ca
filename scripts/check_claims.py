"""Compare the verdicts of a run with the committed ones, so that none changes unnoticed.

Usage: ``python scripts/check_claims.py [FRESH] [COMMITTED]`` (``--update`` shows the difference, then commits to it by
copying FRESH over COMMITTED), or, of a run that made some of the results only, ``--folder FOLDER --files FILE ...``:
those claims that these files decide.
"""

import argparse
import shutil
import sys
from pathlib import Path

import pandas as pd

from kratos.claims.changes import verdict_changes
from kratos.claims.definitions import decided_by, read_claims
from kratos.claims.ledger import make_ledger
from kratos.config import read_schema
from kratos.errors import KratosError
from kratos.files import atomic_path

ROOT = Path(__file__).resolve().parent.parent
CLAIMS, SCHEMA = ROOT / "config" / "claims.yaml", ROOT / "config" / "schemas" / "claims.schema.yaml"


def main(arguments: list[str] | None = None) -> int:
    """Print what changed; the exit status is 1 when something did and it was not asked to update."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fresh", nargs="?", type=Path, default=ROOT / "results" / "claims.csv")
    parser.add_argument("committed", nargs="?", type=Path, default=ROOT / "results" / "golden" / "paper" / "claims.csv")
    parser.add_argument("--update", action="store_true", help="copy FRESH over COMMITTED after showing the difference")
    parser.add_argument("--files", nargs="+", default=[], metavar="FILE", help="judge what these result files decide")
    parser.add_argument("--folder", type=Path, default=ROOT, help="where the names of --files start")
    options = parser.parse_args(arguments)
    if options.update and options.files:
        parser.error("--update takes the ledger of a whole run, not of --files")
    if not options.committed.exists() and not options.update:
        print(f"Error: {options.committed} is not there: make it with --update, then commit it", file=sys.stderr)
        return 1
    committed = pd.read_csv(options.committed) if options.committed.exists() else None
    if options.files:
        try:
            claims = read_claims(CLAIMS, read_schema(SCHEMA))
            fresh = make_ledger(decided_by(claims, options.files), options.folder)
            # Claims that the file no longer has are kept, so that they show.
            committed = committed[~committed["id"].isin(set(claims) - set(fresh["id"]))]
        except KratosError as error:
            print(f"Error: {error}", file=sys.stderr)
            return 1
    elif options.fresh.exists():
        fresh = pd.read_csv(options.fresh)
    else:
        print(f"Error: {options.fresh} is not there: make it with `snakemake results/claims.csv`", file=sys.stderr)
        return 1
    committed = fresh.iloc[:0] if committed is None else committed
    changed = verdict_changes(fresh, committed)
    if len(changed):
        print(changed.to_string(index=False, na_rep=""))
    counts = ", ".join(f"{count} {verdict}" for verdict, count in fresh["verdict"].value_counts().items())
    print(f"{len(changed)} of {len(fresh)} claims differ from {options.committed} ({counts})")
    if options.update:
        with atomic_path(options.committed) as part:
            shutil.copyfile(options.fresh, part)
        print(f"{options.committed} updated: commit it, and say in the commit's message why the verdicts changed")
        return 0
    if len(changed):
        print("If this is meant: run with --update, commit the file, and say in the commit's message why")
    return int(len(changed) > 0)


if __name__ == "__main__":
    sys.exit(main())
