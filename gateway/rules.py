"""Reads the rules of shape from the contract, where they stand once, for the documentation and for error messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor import FieldDescriptor

_CEL_PATTERN = re.compile(r"this\.matches\('(.+)'\)")
_INTEGERS = frozenset({"int32", "int64", "uint32", "uint64"})
_NUMBERS = _INTEGERS | {"double", "float"}
INTEGER_LIMITS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
}


def walk(message: Any, path: str) -> Iterator[FieldDescriptor]:
    """Yield the fields along a dotted path such as `task.variables`.

    Raises:
        KeyError: the contract has no such field.
    """
    for name in path.split("."):
        field = message.fields_by_name[name]
        yield field
        message = field.message_type


def field_at(message: Any, path: str) -> FieldDescriptor:
    """Return the field at the end of a dotted path.

    Raises:
        KeyError: the contract has no such field.
    """
    return list(walk(message, path))[-1]


def is_map(field: FieldDescriptor) -> bool:
    """Tell whether `field` is a map."""
    return field.message_type is not None and field.message_type.GetOptions().map_entry


@lru_cache(maxsize=1024)
def rules_of(field: FieldDescriptor) -> Any:
    """Return the `buf.validate.FieldRules` of a field; empty when it has none."""
    return field.GetOptions().Extensions[validate_pb2.field]


def bound(rules: Any, *names: str) -> Any:
    """Return the value of the first rule of these names that is set, of whatever type the rules are, or None."""
    kind = rules.WhichOneof("type")
    if kind is None:
        return None
    typed = getattr(rules, kind)
    for name in names:
        if name in typed.DESCRIPTOR.fields_by_name and typed.HasField(name):
            return getattr(typed, name)
    return None


def constraints(rules: Any) -> dict[str, Any]:
    """Return what JSON Schema says for the rules of one value."""
    kind = rules.WhichOneof("type")
    found: dict[str, Any] = {}
    if kind == "string":
        found = _text(rules.string)
    elif kind in _NUMBERS:
        typed = getattr(rules, kind)
        found = {name: getattr(typed, rule) for rule, name in _BOUNDS if typed.HasField(rule)}
    elif kind == "repeated":
        found = _array(rules.repeated)
    elif kind == "map":
        found = _object(rules.map)
    for rule in rules.cel:
        if pattern := _CEL_PATTERN.search(rule.expression):
            found["pattern"] = pattern.group(1)
    return found


_BOUNDS = (("gte", "minimum"), ("lte", "maximum"), ("gt", "exclusiveMinimum"), ("lt", "exclusiveMaximum"))
_LENGTHS = (("min_len", "minLength"), ("max_len", "maxLength"), ("max_bytes", "maxLength"), ("pattern", "pattern"))


def _text(rules: Any) -> dict[str, Any]:
    found = {name: getattr(rules, rule) for rule, name in _LENGTHS if rules.HasField(rule)}
    if rules.uuid:
        found["format"] = "uuid"
    return found


def _array(rules: Any) -> dict[str, Any]:
    found = _set(rules, (("min_items", "minItems"), ("max_items", "maxItems")))
    if rules.unique:
        found["uniqueItems"] = True
    if items := constraints(rules.items):
        found["items"] = items
    return found


def _object(rules: Any) -> dict[str, Any]:
    found = _set(rules, (("min_pairs", "minProperties"), ("max_pairs", "maxProperties")))
    if keys := constraints(rules.keys):
        found["propertyNames"] = keys
    if values := constraints(rules.values):
        found["additionalProperties"] = values
    return found


def _set(rules: Any, names: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {name: getattr(rules, rule) for rule, name in names if rules.HasField(rule)}
