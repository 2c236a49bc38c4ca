# Where the library is: rules import it here, scripts find it beside them.
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError


def project_folder():
    """Folder of this repository, whose library the rules and their scripts import.

    From a Git host (a module's `github(...)`) Snakemake fetches the files that rules name and no library: fetch it
    too. Its cache keeps the layout of the repository, so scripts find the package beside them.
    """
    here = workflow.current_basedir
    if hasattr(here, "hosted_repo"):
        folders = ["scripts", "config", "report", "results/golden/paper/deviations.csv"]
        listing = here.hosted_repo.repo.git.ls_tree("-r", "--name-only", here.ref, *folders)
        paths = [workflow.sourcecache.get_path(here.join(f"../{file}")) for file in listing.splitlines()]
        return Path(os.path.commonpath(paths))
    try:
        return Path(here).resolve().parent
    except TypeError:
        raise WorkflowError(f"The library cannot be imported from {here}: name a folder, or use github().") from None


PROJECT = project_folder()
sys.path.insert(0, str(PROJECT / "scripts"))
