from __future__ import annotations

import base64
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InvalidInput
from kit.pages import clamp_limit, decode_cursor, encode_cursor

SCOPE = "tasks:p1:queued"


class Key(msgspec.Struct, frozen=True, array_like=True):
    priority: int
    created_at: datetime
    id: str


KEY = Key(3, datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC), "0190-é")


@given(
    st.integers(-(2**63), 2**63 - 1),
    st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    st.text(max_size=60),
    st.text(max_size=30),
)
def test_a_cursor_comes_back_as_it_went(priority: int, at: datetime, row: str, scope: str) -> None:
    key = Key(priority, at, row)
    cursor = encode_cursor(key, scope)
    assert decode_cursor(cursor, Key, scope) == key
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.one_of(st.text(max_size=80), st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
def test_a_made_up_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode_cursor(cursor, Key, SCOPE)
    assert caught.value.reason == "CURSOR_INVALID"


@given(st.data())
def test_a_damaged_cursor_is_refused_or_still_a_key(data: st.DataObject) -> None:
    cursor = encode_cursor(KEY, SCOPE)
    place = data.draw(st.integers(0, len(cursor) - 1))
    damaged = cursor[:place] + data.draw(st.sampled_from("A_-z09=+/ \n\x00é")) + cursor[place + 1 :]
    with suppress(InvalidInput):  # any other error fails
        assert isinstance(decode_cursor(damaged, Key, SCOPE), Key)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "=",
        "A" * 5000,
        encode_cursor(KEY, SCOPE) + "=",
        encode_cursor(KEY, SCOPE) + "\n",
        encode_cursor(KEY, SCOPE)[:-2],
        encode_cursor(KEY, "tasks:p1:done"),
        base64.urlsafe_b64encode(b"\x02" + base64.urlsafe_b64decode(encode_cursor(KEY, SCOPE) + "==")[1:])
        .decode()
        .rstrip("="),
    ],
)
def test_what_does_not_belong_to_the_list_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode_cursor(cursor, Key, SCOPE, field="after")
    assert caught.value.violations[0].field == "after"


def test_a_key_of_another_shape_is_refused() -> None:
    class Other(msgspec.Struct, array_like=True):
        name: str

    with pytest.raises(InvalidInput):
        decode_cursor(encode_cursor(Other("x"), SCOPE), Key, SCOPE)


@pytest.mark.parametrize(("asked", "limit"), [(None, 20), (-5, 1), (0, 1), (1, 1), (99, 99), (100, 100), (10**9, 100)])
def test_limits_stay_in_bounds(asked: int | None, limit: int) -> None:
    assert clamp_limit(asked, default=20, largest=100) == limit
