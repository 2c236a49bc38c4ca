"""Writing files so that a final name always means a whole file."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


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
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name[:40]}.", dir=path.parent) as folder:
        part = Path(folder) / path.name
        yield part
        with part.open("rb+") as handle:
            os.fsync(handle.fileno())
        part.replace(path)


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
