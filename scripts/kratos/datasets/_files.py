"""What loaders share about their input files: finding them by role, and opening gzip files."""

import gzip
import re
from pathlib import Path

from kratos.errors import KratosError


def pick(files: dict[str, Path], role: str) -> Path:
    """Find the file that plays a role.

    Parameters
    ----------
    files
        Key -> path.
    role
        A key of `files`; or words separated by blanks, all of which occur in the key or the name of one file
        (``"train images"`` finds ``train-images-idx3-ubyte.gz``).

    Returns
    -------
    pathlib.Path
        An existing file.

    Raises
    ------
    KratosError
        When no file or more than one fits, or the file does not exist.
    """
    if role in files:
        found = [files[role]]
    else:
        words = set(role.split())
        found = [path for key, path in files.items() if words <= set(re.split(r"[\W_]+", f"{key} {path.name}"))]
    if len(found) != 1:
        given = ", ".join(f"{key}: {path}" for key, path in files.items()) or "none"
        raise KratosError(
            f"{len(found)} of the given files fit {role!r} (given: {given}); "
            f"give one file the key {role!r} or a name with these words"
        )
    if not found[0].is_file():
        raise KratosError(f"{found[0]} does not exist; run the download rule, or correct the path")
    return found[0]


def unzip(path: Path) -> bytes:
    """Unpack a whole gzip file; a `KratosError` names a file that is cut short or not gzip."""
    try:
        return gzip.decompress(path.read_bytes())
    except (EOFError, OSError, ValueError) as error:
        raise KratosError(
            f"{path} ({path.stat().st_size:,} bytes) is not a whole gzip file ({error}); delete it and download again"
        ) from error
    except Exception as error:  # zlib.error has no base class of its own
        raise KratosError(f"{path} is a damaged gzip file ({error}); delete it and download it again") from error
