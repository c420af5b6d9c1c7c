from __future__ import annotations

import pytest

from launch.errors import CommandFailed
from launch.reach import gateway_address, usable_key


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        (" https://piecework.example/\n", "https://piecework.example"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_an_address_is_what_requests_begin_with(text: str, address: str) -> None:
    assert gateway_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost:8080",
        "ftp://localhost",
        "http://",
        "http://[::1",
        "http://..",
        "http://localhost:99999",
        "http://localhost:8080/api",
        "http://localhost?key=x",
        "http://me:secret@localhost",
    ],
)
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(CommandFailed) as refused:
        gateway_address(text)
    assert "http://127.0.0.1:8080" in refused.value.advice


def test_a_key_comes_without_what_is_around_it() -> None:
    assert usable_key(" pw_live_x\r\n") == "pw_live_x"
    assert usable_key("") == ""
    with pytest.raises(CommandFailed, match="control characters"):
        usable_key("pw_live_x\npw_live_y")
