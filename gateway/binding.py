"""Fills a request message from the parts of an HTTP request, and tells which part a field of the message came from.

Struct fields are named as the fields of the message, so most of it goes by itself; a route names only what lies
elsewhere, for example `{"type_id": "task.type_id"}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gateway.rules import INTEGER_LIMITS, field_at, is_map
from gateway.words import camel

Words = Mapping[str, Mapping[str, int]]
Setter = Callable[[Any, Any], None]

_SEGMENT = re.compile(r'([A-Za-z_]\w*)((?:\[(?:\d+|"(?:[^"\\]|\\.)*")\])?)')
_KEY = re.compile(r'\["(.*)"\]$', re.DOTALL)


class Binding:
    """How the parts of a request become the message `request`.

    Args:
        request: the class of the message.
        structs: those of the query and of the body.
        path_names: the path parameters, in `snake_case`.
        places: where a field of these lies in the message, when not under its own name at the top; empty: nowhere.
        words: for each enum, by full name, the words of the face and their numbers.
        spell: how the face writes the name of a field.
    """

    def __init__(
        self,
        request: type[Message],
        *,
        structs: tuple[type[msgspec.Struct], ...] = (),
        path_names: tuple[str, ...] = (),
        places: Mapping[str, str] | None = None,
        words: Words | None = None,
        spell: Callable[[str], str] = camel,
    ) -> None:
        self.request = request
        self._spell = spell
        self.places = dict(places or {})
        self._words = words or {}
        descriptor = request.DESCRIPTOR
        self._path = [(camel(name), self._path_setter(descriptor, self.places.get(name, name))) for name in path_names]
        self._fillers = {struct: self._filler(struct, descriptor, self.places) for struct in structs}
        self._back = {place: name for name, place in self.places.items() if place}

    def fill(self, path: Mapping[str, str], *parts: msgspec.Struct) -> Message:
        """Return a new message with the values of the path and of the structs; fields that are not set are left out."""
        message = self.request()
        for name, setter in self._path:
            setter(message, path[name])
        for part in parts:
            self._fillers[type(part)](message, part)
        return message

    def is_wrapper(self, place: str) -> bool:
        """Tell whether `place` is a message that the request does not show: its fields lie at the top there."""
        return any(inner.startswith(f"{place}.") for inner in self._back)

    def source(self, place: str) -> str:
        """Return where a field of the message, such as `task.variables["a"]`, came from: here `variables.a`."""
        segments = [found.groups() for found in _SEGMENT.finditer(place)]
        names = [name for name, _ in segments]
        for count in range(len(names), 0, -1):
            origin = self._back.get(".".join(names[:count]))
            if origin is not None:
                rest = segments[count:]
                head = self._spell(origin) + _subscript(segments[count - 1][1])
                return ".".join([head, *(self._spell(name) + _subscript(sub) for name, sub in rest)])
        return ".".join(self._spell(name) + _subscript(sub) for name, sub in segments)

    def _filler(
        self, struct: type[msgspec.Struct], descriptor: Any, places: Mapping[str, str]
    ) -> Callable[[Any, Any], None]:
        groups: dict[tuple[str, ...], list[tuple[str, Setter]]] = {}
        for field in msgspec.structs.fields(struct):
            if place := places.get(field.name, field.name):
                setter = self._set_field(field_at(descriptor, place), field.type)
                groups.setdefault(tuple(place.split(".")[:-1]), []).append((field.name, setter))
        plan = list(groups.items())

        def fill(message: Any, part: Any) -> None:
            for parents, setters in plan:
                target = None
                for name, setter in setters:
                    value = getattr(part, name)
                    if value is not msgspec.UNSET:
                        if target is None:
                            target = _descend(message, parents) if parents else message
                        setter(target, value)

        return fill

    def _path_setter(self, descriptor: Any, place: str) -> Setter:
        field = field_at(descriptor, place)
        setter, parents = self._set_field(field, None), tuple(place.split(".")[:-1])
        if field.cpp_type in INTEGER_LIMITS and field.enum_type is None:
            return lambda message, value: setter(message, int(value))  # the endpoint has looked at it
        if not parents:
            return setter
        return lambda message, value: setter(_descend(message, parents), value)

    def _set_field(self, field: FieldDescriptor, kind: Any) -> Setter:
        name = field.name
        if is_map(field):
            return lambda message, value: getattr(message, name).update(value)
        if field.message_type is not None:
            return self._set_message(field, self._filler(_struct_in(kind), field.message_type, {}))
        if field.is_repeated and field.cpp_type in INTEGER_LIMITS:
            least, most = INTEGER_LIMITS[field.cpp_type]
            return lambda message, value: getattr(message, name).extend(max(least, min(item, most)) for item in value)
        if field.is_repeated:
            return lambda message, value: getattr(message, name).extend(value)
        if field.enum_type is not None:
            words = self._words[field.enum_type.full_name]
            return lambda message, value: setattr(message, name, words[value])
        if field.cpp_type in INTEGER_LIMITS:
            return _set_integer(name, *INTEGER_LIMITS[field.cpp_type])
        if name.endswith("_json"):
            return lambda message, value: setattr(message, name, msgspec.json.encode(value).decode())
        return lambda message, value: setattr(message, name, value)

    def _set_message(self, field: FieldDescriptor, fill: Callable[[Any, Any], None]) -> Setter:
        name = field.name

        def set_each(message: Any, value: Any) -> None:
            items = getattr(message, name)
            for item in value:
                fill(items.add(), item)

        def set_one(message: Any, value: Any) -> None:
            inner = getattr(message, name)
            inner.SetInParent()
            fill(inner, value)

        return set_each if field.is_repeated else set_one


def _descend(message: Any, parents: tuple[str, ...]) -> Any:
    for name in parents:
        message = getattr(message, name)
    message.SetInParent()
    return message


def _set_integer(name: str, least: int, most: int) -> Setter:
    # A number that the field cannot hold becomes the nearest one that it can: the field's own rule then refuses it.
    def set_integer(message: Any, value: int) -> None:
        setattr(message, name, least if value < least else min(value, most))

    return set_integer


def _struct_in(kind: Any) -> type[msgspec.Struct]:
    """Return the struct class inside a type such as `list[Item] | UnsetType`."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    for part in getattr(kind, "__args__", ()):
        try:
            return _struct_in(part)
        except TypeError:
            continue
    raise TypeError(f"no struct in {kind!r}")


def _subscript(text: str) -> str:
    key = _KEY.match(text)
    return f".{key.group(1)}" if key else text
