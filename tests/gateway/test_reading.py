"""The thorough reader agrees with the fast one on whatever it is given, and leads back to what the client wrote."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from piecework.tasks.v1 import queue_pb2

from gateway.binding import Binding
from gateway.errors import Detail
from gateway.faces.queue import requests
from gateway.faces.queue.dialect import WORDS
from gateway.faces.queue.routes import ROUTES
from gateway.rules import field_at
from gateway.shape import Shape, shown, value_at
from gateway.wording import broken_rules
from gateway.words import snake

_STRUCTS = [route.body for route in ROUTES if route.body is not None]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[type[msgspec.Struct], Any]:
    """A struct and an object that has some of its fields, with anything in them."""
    struct = draw(st.sampled_from(_STRUCTS))
    names = st.sampled_from([*struct.__struct_encode_fields__, "bogus"])
    good = st.sampled_from(["x", 5, True, "active", "ignore", {"a": "b"}, [{"typeId": "x"}], ["a"]])
    return struct, draw(st.dictionaries(names, good | _JSON, max_size=8))


def _accepts(struct: type[msgspec.Struct], text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=struct)
    except msgspec.ValidationError:
        return False
    return True


@given(bodies())
def test_both_readers_agree(body: tuple[type[msgspec.Struct], Any]) -> None:
    struct, value = body
    text = msgspec.json.encode(value)
    details: list[Detail] = []
    read = Shape(struct).read(msgspec.json.decode(text), details)
    if not details:
        # What it accepts beyond the fast one are whole numbers with a point.
        assert _accepts(struct, msgspec.json.encode(read))
    elif _accepts(struct, text):
        assert all(detail.message.endswith("must be a safe number") for detail in details)


@given(bodies())
def test_whatever_could_be_read_becomes_a_message(body: tuple[type[msgspec.Struct], Any]) -> None:
    struct, value = body
    route = next(route for route in ROUTES if route.body is struct)
    assert route.request is not None
    names = tuple(snake(name) for name in route.parameters)
    binding = Binding(route.request, structs=(struct,), path_names=names, places=route.places, words=WORDS)
    details: list[Detail] = []
    read = Shape(struct).read(msgspec.json.decode(msgspec.json.encode(value)), details)
    message = binding.fill(dict.fromkeys(route.parameters, "x"), read)
    for broken in broken_rules(message):
        assert binding.source(broken.place)


@given(_JSON)
def test_any_value_can_be_shown(value: Any) -> None:
    assert len(msgspec.json.encode(shown(value))) < 8000


@pytest.mark.parametrize(
    ("request_type", "places", "place", "source"),
    [
        (queue_pb2.CreateTaskRequest, {"type_id": "task.type_id"}, "task.type_id", "typeId"),
        (queue_pb2.CreateTaskRequest, {"variables": "task.variables"}, 'task.variables["a"]', "variables.a"),
        (queue_pb2.CreateTasksRequest, {}, "tasks[3].type_id", "tasks[3].typeId"),
        (queue_pb2.UpdateTaskTypeRequest, {"variables": "variables.names"}, "variables.names[0]", "variables[0]"),
        (queue_pb2.CreateProjectRequest, {}, "config.default_max_retries", "config.defaultMaxRetries"),
        (queue_pb2.CompleteTaskRequest, {"outputs": "outputs_json"}, "outputs_json", "outputs"),
    ],
)
def test_places_lead_back_to_the_request(request_type: Any, places: dict[str, str], place: str, source: str) -> None:
    assert Binding(request_type, places=places).source(place) == source


def test_every_place_of_the_table_exists() -> None:
    for route in ROUTES:
        for place in filter(None, route.places.values()):
            assert route.request is not None
            assert field_at(route.request.DESCRIPTOR, place)


def test_values_are_found_by_their_path() -> None:
    root = {"tasks": [{"typeId": 5}], "variables": {"x": "y"}}
    assert value_at(root, "tasks[0].typeId") == 5
    assert value_at(root, "variables.x") == "y"
    for path in ("tasks[1].typeId", "tasks[0].nope", "nope.x", "variables.x.y"):
        assert value_at(root, path) is msgspec.UNSET


def test_outputs_keep_their_numbers() -> None:
    binding = Binding(
        queue_pb2.CompleteTaskRequest,
        structs=(requests.Completion,),
        places={"outputs": "outputs_json", "agent_name": "lease.agent_name", "lease_token": "lease.lease_token"},
    )
    body = requests.Completion(result="", outputs={"big": 2**70, "n": 1.5, "deep": [None, {"a": "ü"}]})
    message: Any = binding.fill({}, body)
    assert msgspec.json.decode(message.outputs_json) == body.outputs
