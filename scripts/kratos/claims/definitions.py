"""The claims file: reading, checking, and which result files it names. Light, since the Snakefile loads it."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from kratos.config import check_schema
from kratos.errors import KratosError
from kratos.plugins import suggest


def read_claims(path: str | Path, schema: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Read and check a claims file; claims by id, in the file's order.

    Raises
    ------
    KratosError
        One sentence that names the file and the first thing that is wrong.
    """
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_UniqueLoader)
    except FileNotFoundError:
        raise KratosError(f"config: claims: {path} is not there: name a claims file, or set claims to ''") from None
    except yaml.YAMLError as error:
        raise KratosError(f"{path} is not valid YAML ({' '.join(str(error).split())}): correct it there") from None
    check_schema(content, schema, str(path))
    for name, claim in content["claims"].items():
        _check_claim(f"{path}: claims.{name}", claim)
    return content["claims"]


class _UniqueLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML whose mappings may not name a key twice: the second claim of an id would silently replace the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if key.value != "<<"]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"'{key}' is there twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)


def _check_claim(place: str, claim: Mapping[str, Any]) -> None:
    testable = "not_testable" not in claim
    judged = [key for key in ("tolerance", "holds") if key in claim]
    if not testable and (judged or "direction" in claim):
        raise KratosError(
            f"{place}: a claim that is 'not_testable' has no verdict to judge: remove the one or the other"
        )
    if testable and len(judged) != 1:
        raise KratosError(
            f"{place}: needs 'tolerance' (a number), 'holds' (a statement) or 'not_testable', one of them"
        )
    if testable and ("measure" not in claim or "tolerance_reason" not in claim):
        raise KratosError(f"{place}: needs 'measure' and 'tolerance_reason', or 'not_testable' with why")
    if "tolerance" in claim and "published" not in claim:
        raise KratosError(f"{place}: 'tolerance' needs the published number ('published')")
    if "direction" in claim and "tolerance" not in claim:
        raise KratosError(f"{place}: 'direction' goes with 'tolerance'; a statement has 'holds'")
    if "measure" in claim:
        _check_measure(f"{place}.measure", claim["measure"])


def _check_measure(place: str, measure: Mapping[str, Any]) -> None:
    if ("against" in measure) != ("compare" in measure):
        raise KratosError(f"{place}: 'against' and 'compare' go together")
    if ("each" in measure) != ("across" in measure):
        raise KratosError(f"{place}: 'each' and 'across' go together")
    repeated = "over" in measure or "each" in measure
    for selection in selections(measure):
        if ("{seed}" in selection["file"]) != ("seeds" in selection):
            raise KratosError(f"{place}: {selection['file']}: '{{seed}}' in 'file' and 'seeds' go together")
        if repeated and ("interval" in selection or "largest" in selection):
            raise KratosError(f"{place}: 'over' and 'each' take no 'interval' or 'largest' of a selection")


def check_references(claims: Mapping[str, Mapping[str, Any]], config: Mapping[str, Any], path: str) -> None:
    """Check that data sets, methods, models and artefacts of the claims are in the config.

    Raises
    ------
    KratosError
        Naming the claim, the unknown name and the nearest known one.
    """
    known: dict[str, Collection[str]] = {
        "dataset": config["datasets"],
        "methods": [*config["methods"], *config["models"]],
        "figure_or_table": [*config.get("tables", {}), *config.get("figures", {})],
    }
    for name, claim in claims.items():
        for key, names in known.items():
            for value in claim.get(key, []) if key == "methods" else [claim[key]] if key in claim else []:
                if value not in names:
                    hint = suggest(value, [*names])
                    raise KratosError(f"{path}: claims.{name}: unknown {key} '{value}' of the config{hint}")
        for file in files_of(claim):
            section, stem = Path(file).parent.name, Path(file).stem
            if section in ("tables", "figures") and stem not in config.get(section, {}):
                hint = suggest(stem, [*config.get(section, {})])
                raise KratosError(f"{path}: claims.{name}: {file} is not among the config's {section}{hint}")


def files_of(claim: Mapping[str, Any]) -> list[str]:
    """Result files that a claim is computed from, each once."""
    own = [file for s in selections(claim.get("measure", {})) for file in selection_files(s)]
    return list(dict.fromkeys(own))


def claim_files(claims: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Result files that all claims are computed from, each once."""
    return list(dict.fromkeys(file for claim in claims.values() for file in files_of(claim)))


def decided_by(claims: Mapping[str, Mapping[str, Any]], files: Collection[str]) -> dict[str, Mapping[str, Any]]:
    """Claims that are computed from these result files alone, or from none.

    Raises
    ------
    KratosError
        For a file that no claim names.
    """
    unknown = sorted(set(files) - set(claim_files(claims)))
    if unknown:
        raise KratosError(f"no claim is computed from {unknown[0]}: leave it out, or correct its name")
    return {name: claim for name, claim in claims.items() if set(files_of(claim)) <= set(files)}


def listed(side: Any) -> list[Mapping[str, Any]]:
    return side if isinstance(side, list) else [side]


def selections(measure: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All selections of a measure."""
    return [s for side in ("of", "against") if side in measure for s in listed(measure[side])]


def sources(measure: Mapping[str, Any]) -> str:
    """Files of a measure for a reader, each once."""
    return "; ".join(dict.fromkeys(map(shown_files, selections(measure))))


def selection_files(selection: Mapping[str, Any]) -> list[str]:
    """Files of a selection: its name, or one for every seed."""
    if "seeds" not in selection:
        return [selection["file"]]
    return [selection["file"].replace("{seed}", str(seed)) for seed in selection["seeds"]]


def shown_files(selection: Mapping[str, Any]) -> str:
    """Files of a selection for a reader, in the shell's notation: ``results/pbmc/{0,1}/auroc/gce.parquet``."""
    if len(selection.get("seeds", [])) < 2:
        return selection_files(selection)[0]
    return selection["file"].replace("{seed}", "{" + ",".join(map(str, selection["seeds"])) + "}")
