"""Write the configuration of `make run` from config/run.yaml and what the user said; change nothing that is the same.

Usage: ``python scripts/run_config.py --data my.h5ad --label cell_type --output run/config.yaml``
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import yaml

from kratos.errors import KratosError
from kratos.files import atomic_path
from kratos.plugins import suggest

TEMPLATE = Path(__file__).resolve().parent.parent / "config" / "run.yaml"
HEADER = "# Written by `make run` from config/run.yaml.\n"


def run_config(data: str, label: str, values: str, layer: str, methods: list[str]) -> dict[str, Any]:
    """The configuration for a user's file; empty words keep what config/run.yaml says.

    Raises
    ------
    KratosError
        When `data` is empty or no file, or a method is unknown.
    """
    config = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    if not data:
        raise KratosError("say which file: make run DATA=my.h5ad LABEL=cell_type")
    if not Path(data).is_file():
        raise KratosError(f"{data} does not exist in {Path.cwd()}; correct DATA")
    own = config["datasets"]["own"]
    # Absolute, as Snakemake works in the folder of results; not resolved, so that a link keeps its name.
    said = {"path": str(Path(data).absolute()), "label": label, "values": values, "layer": layer}
    own["params"] |= {key: word for key, word in said.items() if word}
    own["title"] = Path(data).stem
    for method in methods:
        if method not in config["methods"]:
            raise KratosError(f"METHODS: unknown method '{method}'{suggest(method, list(config['methods']))}")
    own["methods"] = list(dict.fromkeys(methods)) or own["methods"]
    return config


def main() -> int:
    """Write the file; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    for word in ("data", "label", "values", "layer", "methods"):
        parser.add_argument(f"--{word}", default="")
    parser.add_argument("--output", required=True)
    said = parser.parse_args()
    try:
        config = run_config(said.data, said.label, said.values, said.layer, said.methods.replace(",", " ").split())
        text = HEADER + yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=100)
        output = Path(said.output)
        if not output.is_file() or output.read_text(encoding="utf-8") != text:
            with atomic_path(output) as part:
                part.write_text(text, encoding="utf-8")
    except KratosError as error:
        print(f"Error: {error}", file=sys.stderr)
        return os.EX_USAGE
    return 0


if __name__ == "__main__":
    sys.exit(main())
