"""Secrets have the form that was promised and do not show themselves."""

from __future__ import annotations

import hashlib
import re

import pytest

from services.agents.secret import Secret, new_agent_secret, new_operator_secret, new_session_token


@pytest.mark.parametrize(
    ("secret", "form"),
    [
        (new_operator_secret(test=False), r"pw_live_[A-Za-z0-9_-]{43}"),
        (new_operator_secret(test=True), r"pw_test_[A-Za-z0-9_-]{43}"),
        (new_agent_secret(), r"th_agent_[0-9a-f]{64}"),
        (new_session_token(), r"pws_[A-Za-z0-9_-]{43}"),
    ],
)
def test_its_form_tells_its_kind(secret: Secret, form: str) -> None:
    assert re.fullmatch(form, secret.reveal())
    assert secret.prefix == secret.reveal()[: len(secret.mark) + 4]
    assert secret.digest == hashlib.sha256(secret.reveal().encode()).hexdigest()
    assert secret.matches(secret.digest)
    assert not secret.matches(hashlib.sha256(b"another").hexdigest())


def test_it_does_not_show_itself() -> None:
    secret = new_operator_secret(test=False)
    for shown in (repr(secret), str(secret), f"{secret}", f"{[secret]}"):
        assert secret.reveal()[8:] not in shown


def test_no_two_are_the_same() -> None:
    assert len({new_operator_secret(test=False).reveal() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("text", ["", "pw_", "PW_LIVE_x", " pw_live_x", "Bearer pw_live_x", "\ud800"])
def test_what_is_none_of_ours_has_no_mark(text: str) -> None:
    secret = Secret(text)
    assert secret.mark == ""
    assert len(secret.digest) == 64
