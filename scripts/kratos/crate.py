"""A run described as a Workflow Run RO-Crate: the workflow, its configuration, inputs, outputs and software.

The crate is the folder ``results/``: ``ro-crate-metadata.json`` there names files relative to it, so that the folder,
published as it is, is a valid crate (https://w3id.org/ro/wfrun/workflow/0.5).
"""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from rocrate.model.contextentity import ContextEntity
from rocrate.model.entity import Entity
from rocrate.rocrate import ROCrate

from kratos.files import atomic_path
from kratos.receipts import file_digest

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
MEDIA_TYPES = {
    ".csv": "text/csv",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".smk": "text/plain",
    ".yaml": "application/yaml",
}


def copy_workflow(project: str | Path, config: Mapping[str, Any], folder: str | Path) -> list[Path]:
    """Copy ``Snakefile`` and ``rules/`` of `project` to `folder`, with the configuration that was run.

    Returns
    -------
    list of pathlib.Path
        The copies; ``Snakefile`` first, ``config.yaml`` (defaults filled in) last.
    """
    project, folder = Path(project), Path(folder)
    sources = [project / "Snakefile", *sorted((project / "rules").glob("*.smk"))]
    copies = [folder / source.relative_to(project) for source in sources]
    for source, copy in zip(sources, copies, strict=True):
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    settings = folder / "config.yaml"
    settings.write_text(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True), encoding="utf-8")
    return [*copies, settings]


def write_crate(
    path: str | Path,
    *,
    workflow: Sequence[Path],
    inputs: Mapping[str, Mapping[str, str]],
    outputs: Sequence[Mapping[str, str]],
    software: Sequence[tuple[str, str]],
    commit: str,
) -> None:
    """Write ``ro-crate-metadata.json``; its folder is the crate.

    Parameters
    ----------
    path
        Final name of the metadata file.
    workflow
        Copies from `copy_workflow`, inside the crate.
    inputs
        Upstream files by name: sha256, and url where one is known.
    outputs
        Keys file (inside the crate), rule and caption.
    software
        Names and versions of the packages that the run used.
    commit
        The workflow's commit, or ``unknown``.
    """
    path = Path(path)
    crate = ROCrate(version="1.1")
    crate.name = "A run of the Kratos workflow"
    crate.description = (
        "Tables and figures, the workflow and configuration that made them, and receipts for each number."
    )
    crate.license = "https://spdx.org/licenses/MIT"
    crate.root_dataset["conformsTo"] = [
        crate.add(ContextEntity(crate, url, {"@type": "CreativeWork", "name": name, "version": url.rsplit("/", 1)[1]}))
        for url, name in PROFILES.items()
    ]
    snakefile = crate.add_workflow(
        None,
        _inside(workflow[0], path),
        main=True,
        lang="snakemake",
        properties={"name": "Kratos", "sha256": file_digest(workflow[0]), "version": commit},
    )
    snakefile["hasPart"] = [_file(crate, copy, path) for copy in workflow[1:]]
    packages = [
        crate.add(
            ContextEntity(
                crate,
                f"#{name}-{version}",
                {"@type": "SoftwareApplication", "name": name, "softwareVersion": version},
            )
        )
        for name, version in software
    ]
    snakefile["softwareRequirements"] = packages
    used = [_input(crate, name, given) for name, given in inputs.items()]
    made = [
        _file(crate, Path(output["file"]), path, description=f"{output['caption']} (rule {output['rule']})".strip())
        for output in outputs
    ]
    crate.add_action(
        snakefile,
        "#run",
        object=[*used, snakefile["hasPart"][-1]],
        result=made,
        properties={"name": "Run of the Kratos workflow", "actionStatus": "http://schema.org/CompletedActionStatus"},
    )
    _publish(crate, path)


def _input(crate: ROCrate, name: str, given: Mapping[str, str]) -> Entity:
    """An upstream file: by its address, with its name since several may come out of one archive; or a user's own."""
    if "url" in given:
        return crate.add_file(f"{given['url']}#{name}", properties={"name": name, **given})
    return crate.add(ContextEntity(crate, f"#input-{name}", {"@type": "CreativeWork", "name": name, **given}))


def _file(crate: ROCrate, file: Path, metadata: Path, **properties: str) -> Entity:
    known = {"encodingFormat": MEDIA_TYPES[file.suffix]} if file.suffix in MEDIA_TYPES else {}
    facts = {"name": file.name, "sha256": file_digest(file), "contentSize": str(file.stat().st_size), **known}
    return crate.add_file(None, _inside(file, metadata), properties={**facts, **properties})


def _inside(file: Path, metadata: Path) -> str:
    return file.resolve().relative_to(metadata.resolve().parent).as_posix()


def _publish(crate: ROCrate, path: Path) -> None:
    # The library writes a folder; only its metadata is wanted, since the files are in their places already.
    with tempfile.TemporaryDirectory() as folder, atomic_path(path) as part:
        crate.metadata.write(folder)
        part.write_bytes((Path(folder) / path.name).read_bytes())
