"""Secrets are taken out of text, and nothing else is."""

from __future__ import annotations

import pytest

from kit.redaction import redact

KEY = "Ab0-_" * 8 + "xyz"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"pw_live_{KEY}", "pw_live_***"),
        (f'{{"key":"pw_test_{KEY}"}}', '{"key":"pw_test_***"}'),
        (f"got th_agent_{'0a' * 32}, and pws_{KEY}.", "got th_agent_***, and pws_***."),
        (f"signed with whsec_{'0a' * 24}", "signed with whsec_***"),
        (f"Authorization: Bearer {KEY}", "Authorization: Bearer ***"),
        (f"authorization: bearer  {KEY}==;", "authorization: bearer  ***;"),
        ("BEARER abc", "BEARER ***"),
        (f"['Bearer {KEY}']", "['Bearer ***']"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2ln-_ end", "token *** end"),
        ("mongodb://piecework:hunter2@127.0.0.1:1/?x=y", "mongodb://piecework:***@127.0.0.1:1/?x=y"),
        ("redis://:hunter2@localhost/0", "redis://:***@localhost/0"),
        (f"pw_live_{KEY} pw_live_{KEY}", "pw_live_*** pw_live_***"),
        (f"/api?key=pw_live_{KEY}&limit=3", "/api?key=pw_live_***&limit=3"),
    ],
)
def test_secrets_are_masked(text: str, wanted: str) -> None:
    assert redact(text.encode()) == wanted.encode()


@pytest.mark.parametrize(
    "text",
    ["", "a task of 3 words", "http://127.0.0.1:8080/api/tasks", "bearer", "pw_", "th_agent", "eyJ", "a://b:c", "ü€"],
)
def test_everything_else_stays(text: str) -> None:
    assert redact(text.encode()) == text.encode()
