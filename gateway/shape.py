"""Compares a JSON value with a struct and finds everything that is wrong with it, not only the first thing.

The fast road decodes a body straight into its struct; only when that fails does this module look at it again.
Messages are worded as those of the Joi library, which clients of the queue face know.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect

from gateway.errors import Detail

_MAX_SAFE = 2**53 - 1
_SHOWN_CHARACTERS = 200
_SHOWN_BYTES = 1000
_ABSENT = object()

Report = Callable[[str, str, Any], None]


class Shape:
    """What a struct expects of a JSON object.

    Args:
        struct: the class; its fields are `camelCase` in JSON.
    """

    def __init__(self, struct: type[msgspec.Struct]) -> None:
        self.struct = struct
        self._type = inspect.type_info(struct)

    def read(self, value: Any, details: list[Detail]) -> msgspec.Struct:
        """Return what could be read of `value`, and add what is wrong with it to `details`."""

        def report(path: str, message: str, offending: Any) -> None:
            details.append(Detail(path or "body", f'"{path or "body"}" {message}', shown(offending)))

        found: msgspec.Struct = _placeholder(_read(value, self._type, "", report), self._type)
        return found


def shown(value: Any) -> Any:
    """Return an offending value as it may be repeated to the caller: cut when it is long."""
    if isinstance(value, str):
        return value if len(value) <= _SHOWN_CHARACTERS else value[:_SHOWN_CHARACTERS] + "…"
    if isinstance(value, (dict, list)):
        text = msgspec.json.encode(value)
        return value if len(text) <= _SHOWN_BYTES else text[:_SHOWN_CHARACTERS].decode(errors="ignore") + "…"
    return value


def plain(kind: inspect.Type) -> inspect.Type:
    """Return a type without its annotations and alternatives."""
    while isinstance(kind, inspect.Metadata | inspect.UnionType):
        kind = kind.type if isinstance(kind, inspect.Metadata) else kind.types[0]
    return kind


def value_at(root: Any, path: str) -> Any:
    """Return the value at a path such as `tasks[3].typeId`; UNSET when there is none."""
    for step in path.replace("[", ".[").split("."):
        if isinstance(root, list) and step.startswith("["):
            index = int(step[1:-1])
            root = root[index] if index < len(root) else msgspec.UNSET
        elif isinstance(root, dict):
            root = root.get(step, msgspec.UNSET)
        else:
            return msgspec.UNSET
    return root


def _read(value: Any, kind: inspect.Type, path: str, report: Report) -> Any:
    if (
        value is None
        and isinstance(kind, inspect.UnionType)
        and any(isinstance(k, inspect.NoneType) for k in kind.types)
    ):
        return None
    kind = plain(kind)
    reader = _READERS.get(type(kind))
    return value if reader is None else reader(value, kind, path, report)


def _placeholder(found: Any, kind: Any) -> Any:
    if found is not _ABSENT:
        return found
    if isinstance(kind, inspect.StructType):
        return kind.cls(**{field.name: msgspec.UNSET for field in kind.fields})
    return 0 if isinstance(plain(kind), inspect.IntType) else ""


def _read_struct(value: Any, kind: Any, path: str, report: Report) -> Any:
    if not isinstance(value, dict):
        report(path, "must be of type object", value)
        return _ABSENT
    known = {field.encode_name: field for field in kind.fields}
    found: dict[str, Any] = {field.name: msgspec.UNSET for field in kind.fields}
    for name, field in known.items():
        inner = f"{path}.{name}" if path else name
        if name in value:
            read = _read(value[name], field.type, inner, report)
            found[field.name] = msgspec.UNSET if read is _ABSENT else read
        elif field.required:
            report(inner, "is required", None)
    if kind.forbid_unknown_fields:
        for name, extra in value.items():
            if name not in known:
                report(f"{path}.{name}" if path else name, "is not allowed", extra)
    return kind.cls(**found)


def _read_list(value: Any, kind: Any, path: str, report: Report) -> Any:
    if not isinstance(value, list):
        report(path, "must be an array", value)
        return _ABSENT
    # A bad item leaves a place behind, so that the rules name the others by their true index.
    return [
        _placeholder(_read(item, kind.item_type, f"{path}[{index}]", report), kind.item_type)
        for index, item in enumerate(value)
    ]


def _read_dict(value: Any, kind: Any, path: str, report: Report) -> Any:
    if not isinstance(value, dict):
        report(path, "must be of type object", value)
        return _ABSENT
    read = {name: _read(item, kind.value_type, f"{path}.{name}", report) for name, item in value.items()}
    return {name: item for name, item in read.items() if item is not _ABSENT}


def _read_text(value: Any, _kind: Any, path: str, report: Report) -> Any:
    if isinstance(value, str):
        return value
    report(path, "must be a string", value)
    return _ABSENT


def _read_switch(value: Any, _kind: Any, path: str, report: Report) -> Any:
    if isinstance(value, bool):
        return value
    report(path, "must be a boolean", value)
    return _ABSENT


def _read_number(value: Any, _kind: Any, path: str, report: Report) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        report(path, "must be a number", value)
        return _ABSENT
    if abs(value) > _MAX_SAFE:
        report(path, "must be a safe number", value)
        return _ABSENT
    return value


def _read_integer(value: Any, kind: Any, path: str, report: Report) -> Any:
    number = _read_number(value, kind, path, report)
    if number is _ABSENT:
        return _ABSENT
    # To JSON, 5.0 is the integer 5.
    if isinstance(number, float) and not (math.isfinite(number) and number.is_integer()):
        report(path, "must be an integer", value)
        return _ABSENT
    if kind.ge is not None and number < kind.ge:
        report(path, f"must be greater than or equal to {kind.ge}", value)
        return _ABSENT
    if kind.le is not None and number > kind.le:
        report(path, f"must be less than or equal to {kind.le}", value)
        return _ABSENT
    return int(number)


def _read_word(value: Any, kind: Any, path: str, report: Report) -> Any:
    if value in kind.values and isinstance(value, str):
        return value
    report(path, f"must be one of [{', '.join(sorted(kind.values))}]", value)
    return _ABSENT


_READERS: dict[type, Callable[[Any, Any, str, Report], Any]] = {
    inspect.StructType: _read_struct,
    inspect.ListType: _read_list,
    inspect.DictType: _read_dict,
    inspect.StrType: _read_text,
    inspect.BoolType: _read_switch,
    inspect.IntType: _read_integer,
    inspect.FloatType: _read_number,
    inspect.LiteralType: _read_word,
}
