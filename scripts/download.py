"""Fetch one upstream file, from the mirror when there is one, and verify it."""

import os
from pathlib import Path
from typing import Any

from kratos.download import fetch
from kratos.job import job


def main(name: str, source: dict[str, Any], destination: str, mirror: str) -> None:
    """Fetch `name` to `destination`; `mirror` is a folder, or empty."""
    folder = Path(mirror).expanduser() if mirror else None
    fetch(name, source["url"], source["sha256"], Path(destination), mirror=folder, member=source.get("member"))


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        main(
            smk.wildcards.resource,
            smk.params.source,
            smk.output[0],
            # Not a rule parameter: where bytes came from must not make anything run again.
            os.environ.get("KRATOS_MIRROR") or smk.config["mirror"],
        )
