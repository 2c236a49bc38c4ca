"""Keys of the config's schema as lines for a reader."""

from collections.abc import Iterator
from typing import Any

NAMES = {"object": "mapping", "array": "list", "string": "text"} | {t: t for t in ("integer", "number", "boolean")}
MANY = 6  # values that still make a readable line of a table


def resolved(spec: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """What a reference refers to; what stands beside it, as a description, goes before."""
    return {**definitions[spec["$ref"].rsplit("/", 1)[1]], **spec} if "$ref" in spec else spec


def keys(schema: dict[str, Any], definitions: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Every key of a schema: its dotted name, type, default and description."""
    for name, spec in schema.get("properties", {}).items():
        spec = resolved(spec, definitions)
        default = "" if "default" not in spec or spec["default"] == {} else f"`{spec['default']!r}`"
        yield prefix + name, words(spec), default, spec.get("description", "")
        yield from keys(spec, definitions, f"{prefix}{name}.")
        nested = spec.get("additionalProperties")
        if isinstance(nested, dict):
            yield from keys(resolved(nested, definitions), definitions, f"{prefix}{name}.<name>.")


def words(spec: dict[str, Any]) -> str:
    """The type of a key's values for a reader: ``integer``, ``gamma or sigma``, ``list of auroc or markers``."""
    items, values = spec.get("items", {}), spec.get("enum")
    if values:
        return " or ".join(map(str, values)) if len(values) <= MANY else "one of its list in the schema"
    return (
        f"list of {words(items)}" if "enum" in items or items.get("type", "array") != "array" else NAMES[spec["type"]]
    )
