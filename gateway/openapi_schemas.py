"""JSON Schemas of the structs, completed with the rules that the contract has for the same fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gateway.routing import Face, NoQuery, Route
from gateway.rules import INTEGER_LIMITS, constraints, field_at, rules_of
from gateway.words import snake

_REFERENCE = "#/components/schemas/{name}"


class Schemas:
    """The schemas of all bodies, queries and answers of the faces.

    Attributes:
        components: by name, for the document.
        failures: the schemas of the error bodies by name of the face.
    """

    def __init__(self, faces: Sequence[Face]) -> None:
        self._answers: dict[str, Any] = {}
        for face in faces:
            for route in face.routes:
                self._answers[_answer_key(route)] = _answer_type(route, face)
        routes = [route for face in faces for route in face.routes]
        failures = {face.name: face.dialect.failure_type for face in faces}
        structs = (struct for route in routes for struct in _structs(route))
        types = [*self._answers.values(), *structs, *failures.values()]
        references, self.components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
        self._references = dict(zip(map(str, types), references, strict=True))
        self.failures = {name: self._references[str(failure)] for name, failure in failures.items()}
        for route in routes:
            for struct in _structs(route):
                if route.request is not None:
                    self._complete(struct, route.request.DESCRIPTOR, route.places)
        self._queries = {
            route.query: self.components.pop(route.query.__name__)["properties"]
            for route in routes
            if route.query is not NoQuery and route.query.__name__ in self.components
        }

    def reference(self, struct: type[msgspec.Struct]) -> dict[str, Any]:
        """Return the reference to the schema of a struct."""
        found: dict[str, Any] = self._references[str(struct)]
        return found

    def of_answer(self, route: Route, face: Face) -> dict[str, Any]:
        """Return the schema of the body that `route` answers when all goes well."""
        if face.dialect is None or route.media_type != "application/json":
            return {"type": "string"}
        return dict(self._references[str(self._answers[_answer_key(route)])])

    def of_query(self, route: Route) -> dict[str, Any]:
        """Return the schemas of the query parameters of `route`, by name."""
        return dict(self._queries[route.query])

    def of_path(self, route: Route, name: str) -> dict[str, Any]:
        """Return the schema of a path parameter of `route`."""
        schema: dict[str, Any] = {"type": "string"}
        if route.request is not None:
            place = route.places.get(snake(name), snake(name))
            field = field_at(route.request.DESCRIPTOR, place)
            schema["type"] = "integer" if field.cpp_type in INTEGER_LIMITS else "string"
            schema |= constraints(rules_of(field))
        return schema

    def _complete(self, struct: type[msgspec.Struct], message: Any, places: Mapping[str, str]) -> None:
        properties = self.components[struct.__name__]["properties"]
        for field in msgspec.structs.fields(struct):
            place = places.get(field.name, field.name)
            if not place or place.endswith("_json"):
                continue
            found = field_at(message, place)
            _merge(properties[field.encode_name], constraints(rules_of(found)))
            for inner in _structs_in(field.type):
                self._complete(inner, found.message_type, {})


def _answer_key(route: Route) -> str:
    return str(route.answer)


def _answer_type(route: Route, face: Face) -> Any:
    if route.name == "getOpenApi" or route.media_type != "application/json":
        return route.answer
    return face.dialect.success_type(route.answer)


def _structs(route: Route) -> Iterator[type[msgspec.Struct]]:
    if route.body is not None:
        yield route.body
    if route.query is not NoQuery:
        yield route.query


def _structs_in(kind: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    for part in getattr(kind, "__args__", ()):
        yield from _structs_in(part)


def _merge(schema: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, Mapping) and isinstance(schema.get(name), dict):
            _merge(schema[name], value)
        else:
            schema.setdefault(name, value)  # a face may be stricter than the contract
