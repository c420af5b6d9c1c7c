"""What is known of a change without decoding it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import encode

from kit.events.frames import only_stream
from kit.events.model import change_document


def change(**fields: Any) -> dict[str, Any]:
    given = {"event_type": "t", "stream": "project:é", "subject": "s", "version": 1, "actor": "a", "data": {"n": [1]}}
    return change_document(**{"at": datetime(2026, 1, 1, tzinfo=UTC), **given, **fields})


@pytest.mark.parametrize("wrapped", [bytes, memoryview])
def test_the_stream_of_a_change_is_known_without_decoding_it(wrapped: type[bytes] | type[memoryview]) -> None:
    assert only_stream(wrapped(encode(change()))) == "project:é"
    assert only_stream(wrapped(encode(change(stream="")))) == ""


def test_what_a_change_says_before_its_stream_does_not_mislead() -> None:
    assert only_stream(encode(change(subject="\x02stream\x00\x02\x00\x00\x00x\x00"))) == "project:é"


def test_a_change_with_topics_has_to_be_decoded() -> None:
    assert only_stream(encode(change(topics=["agent:1"]))) is None


@pytest.mark.parametrize("name", ["id", "type", "stream"])
def test_a_change_that_begins_otherwise_has_to_be_decoded(name: str) -> None:
    document = change()
    assert only_stream(encode({"data": document.pop("data"), **document})) is None
    assert only_stream(encode({**change(), name: 7})) is None
    document = change()
    del document[name]
    assert only_stream(encode(document)) is None
    assert only_stream(encode({})) is None
