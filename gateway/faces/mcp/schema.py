"""The JSON Schema of a tool's arguments."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.faces.mcp.arguments import Arguments

_REFERENCE = "#/$defs/"


def input_schema(arguments: type[Arguments]) -> dict[str, Any]:
    """Return the schema of `arguments` in one piece: not every client follows references."""
    schema = msgspec.json.schema(arguments)
    found: dict[str, Any] = _inline(schema, schema.get("$defs", {}))
    # The name and the docstring of the struct say nothing to a model that reads those of the tool.
    return {name: value for name, value in found.items() if name not in ("title", "description", "$defs")}


def _inline(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inline(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    reference = schema.get("$ref")
    if reference is not None:
        return _inline(definitions[reference.removeprefix(_REFERENCE)], definitions)
    return {name: _inline(part, definitions) for name, part in schema.items()}
