"""Cursors of the market's lists."""

from __future__ import annotations

import base64

import pytest

from kit.errors import InvalidInput
from services.tasks.market.cursors import Place, decode_place, encode_place


def test_the_documented_form() -> None:
    assert encode_place(42) == "eyJpZCI6NDJ9"
    assert base64.b64decode(encode_place(42, 500)) == b'{"id":42,"v":500}'
    assert decode_place("eyJpZCI6NDJ9", with_value=False) == Place(42)
    assert decode_place(encode_place(42, 500), with_value=True) == Place(42, 500)
    assert decode_place("", with_value=True) is None


def of(json: str) -> str:
    return base64.b64encode(json.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "garbage",
        "eyJpZCI6NDJ9!",
        "eyJpZCI6NDJ",
        of("42"),
        of("{}"),
        of("[]"),
        of('{"id":"42"}'),
        of('{"id":0}'),
        of('{"id":-1}'),
        of('{"id":1.5}'),
        of('{"id":true}'),
        of('{"id":42,"x":1}'),
        of('{"id":42,"v":1}'),
        of('{"id":9223372036854775807}'),
        of('{"id":99999999999999999999999}'),
        of('{"id":' + "4" * 300 + "}"),
        "é",
    ],
)
def test_anything_else_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode_place(cursor, with_value=False)
    assert caught.value.reason == "CURSOR_INVALID"


@pytest.mark.parametrize("json", ['{"id":42}', '{"id":42,"v":-1}', '{"id":42,"v":null}', '{"id":42,"v":"1"}'])
def test_a_list_ordered_by_a_value_needs_the_value(json: str) -> None:
    with pytest.raises(InvalidInput):
        decode_place(of(json), with_value=True)
