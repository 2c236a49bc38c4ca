"""What a job was made with: package versions and the commit, written into its log and read back for the receipts."""

import importlib.metadata
import json
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
# Import name -> distribution, of what numbers can depend on; a job records those that it has loaded.
PACKAGES = {
    "anndata": "anndata",
    "captum": "captum",
    "cosg": "cosg",
    "jinja2": "Jinja2",
    "matplotlib": "matplotlib",
    "nsforest": "nsforest",
    "numba": "numba",
    "numpy": "numpy",
    "pandas": "pandas",
    "plotly": "plotly",
    "pyarrow": "pyarrow",
    "rdata": "rdata",
    "scanpy": "scanpy",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "torch": "torch",
    "umap": "umap-learn",
}
MARK = "made with "


def loaded_versions() -> dict[str, str]:
    """Versions of Python, of this library and of the packages of `PACKAGES` that have been imported."""
    import kratos

    own = {"python": platform.python_version(), "kratos": kratos.__version__}
    loaded = (distribution for module, distribution in PACKAGES.items() if module in sys.modules)
    return own | {distribution: importlib.metadata.version(distribution) for distribution in loaded}


def commit(project: str | Path = PROJECT) -> tuple[str, str]:
    """The commit of the workflow's repository, and whether tracked files differ from it.

    Returns
    -------
    commit, dirty
        The commit's hash with ``yes`` or ``no``; ``unknown`` twice where `project` is not the root of a git
        repository, or git is not installed.
    """
    try:
        top, head = _git(project, "rev-parse", "--show-toplevel", "HEAD").splitlines()
        if Path(top).resolve() != Path(project).resolve():
            return "unknown", "unknown"
        return head, "yes" if _git(project, "status", "--porcelain", "--untracked-files=no") else "no"
    except (OSError, subprocess.SubprocessError, ValueError):
        return "unknown", "unknown"


def _git(project: str | Path, *arguments: str) -> str:
    command = ["git", "-C", str(project), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()


def made_with() -> str:
    """One line for a job's log, which `recorded` reads."""
    head, dirty = commit()
    return MARK + json.dumps({"commit": head, "dirty": dirty, "versions": loaded_versions()}, sort_keys=True)


def recorded(log_file: str | Path) -> dict[str, Any] | None:
    """What a job's log says that it was made with; None where there is no log, or an older one without the line."""
    path = Path(log_file)
    if not path.is_file():
        return None
    lines = re.findall(rf"{MARK}(\{{.*\}})$", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    return json.loads(lines[-1]) if lines else None
