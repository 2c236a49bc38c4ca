"""What someone else gets: the installed library, the citation, the container's recipe, the catalog's entry."""

import hashlib
import re
import shutil
import subprocess
import sys
import zipfile

import yaml

from kratos import __version__


def test_an_installed_library_is_whole(project, tmp_path):
    """A wheel, unpacked where nothing of the repository is on the path, has every module and data file, and imports."""
    source = tmp_path / "source"
    shutil.copytree(project / "scripts", source / "scripts", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(project / name, source / name)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", str(source)]
    subprocess.run([*build, "--wheel-dir", str(tmp_path)], check=True, capture_output=True, text=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert f"-{__version__}-" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        archive.extractall(tmp_path / "site")
    library = project / "scripts" / "kratos"
    wanted = {p for p in library.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert names == {str(p.relative_to(project / "scripts")) for p in wanted}
    program = "import kratos; from kratos.plugins import available; print(kratos.__file__, *available('rank'))"
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path / "site", capture_output=True, text=True, check=True
    )
    assert str(tmp_path / "site") in shown.stdout
    assert "random_genes" in shown.stdout


def test_the_citation_names_this_version_and_the_paper(project):
    citation = yaml.safe_load((project / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["version"] == __version__
    assert citation["license"] in (project / "LICENSE").read_text(encoding="utf-8")
    (paper,) = citation["references"]
    assert paper["doi"] == "10.1145/3534678.3539455"
    assert [author["family-names"] for author in paper["authors"]] == ["Zhou", "Du", "Chaterji"]
    assert f"## {__version__}\n" in (project / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_container_s_recipe_builds_today_s_environments(project):
    """Snakemake looks for an environment in the image under the MD5 of its file."""
    recipe = (project / "Dockerfile").read_text(encoding="utf-8")
    wanted = {
        (f"envs/{path.name}", hashlib.md5(path.read_bytes()).hexdigest()) for path in (project / "envs").glob("*.yaml")
    }
    copied = set(re.findall(r"^COPY (\S+) /conda-envs/(\w+)/environment.yaml$", recipe, re.MULTILINE))
    assert copied == wanted, "run snakemake --containerize > Dockerfile"
    assert all(f"conda env create --prefix /conda-envs/{digest} " in recipe for _, digest in wanted)


def test_the_catalog_can_show_the_workflow(project):
    """What the catalog asks of a workflow with standardised usage (its README), and the keys that its pages read."""
    for name in ("workflow/Snakefile", "config/README.md", "README.md"):
        assert (project / name).exists()
    readme = (project / "README.md").read_text(encoding="utf-8").lower()
    assert "snakemake" in readme
    assert "workflow" in readme
    entry = yaml.safe_load((project / ".snakemake-workflow-catalog.yml").read_text(encoding="utf-8"))
    assert set(entry) == {"usage"}
    assert set(entry["usage"]) <= {"mandatory-flags", "software-stack-deployment", "report"}
    assert set(entry["usage"]["software-stack-deployment"]) == {"conda", "apptainer", "apptainer+conda"}
