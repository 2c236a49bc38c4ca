"""Writing files so that a final name always means a whole file."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kratos.errors import KratosError

if TYPE_CHECKING:
    import pandas as pd

REMEDIES = {
    errno.ENOSPC: "free some space, or work in another folder (OUT, or Snakemake's --directory)",
    errno.EDQUOT: "free some of your quota, or work in another folder (OUT, or Snakemake's --directory)",
    errno.EROFS: "choose a folder that can be written (OUT, or Snakemake's --directory)",
    errno.EACCES: "choose a folder that can be written, or change its permissions",
    errno.EPERM: "choose a folder that can be written, or change its permissions",
}
LEAST_SPACE = 2**16
"""Bytes: a disk with less is full. Some libraries lose the system's error and raise one of their own."""


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends well.

    Parameters
    ----------
    path
        Final name. Its folder is created when missing.

    Yields
    ------
    pathlib.Path
        A path in the same folder, with the same suffixes, that does not exist yet. It is removed when the
        block raises, so nothing half-written ever stays under the final name.

    Raises
    ------
    KratosError
        When the disk is full, or the folder cannot be written: naming the file and what to do.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name[:40]}.", dir=path.parent) as folder:
            part = Path(folder) / path.name
            try:
                yield part
                with part.open("rb+") as handle:
                    os.fsync(handle.fileno())
                part.replace(path)
            except Exception as error:
                if not isinstance(error, KratosError) and shutil.disk_usage(folder).free < LEAST_SPACE:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
                raise
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        raise KratosError(
            f"{path} cannot be written ({os.strerror(error.errno)}): {REMEDIES[error.errno]}; "
            "nothing half-written is left"
        ) from error


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, atomically."""
    with atomic_path(path) as part:
        part.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_parquet(path: str | Path, frame: "pd.DataFrame") -> None:
    """Write a table without its index, atomically."""
    with atomic_path(path) as part:
        frame.to_parquet(part, index=False)
