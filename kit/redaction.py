"""Takes secrets out of text before anybody reads it."""

from __future__ import annotations

import re

# Looking for these is many times cheaper than the expression below, and nearly every line has none of them.
_SIGNS = (b"pw_", b"pws_", b"th_agent_", b"whsec_", b"earer", b"EARER", b"eyJ", b"://")

_SECRETS = re.compile(
    rb"(?P<key>pw_(?:live|test)_|pws_|th_agent_|whsec_)[A-Za-z0-9_-]+"  # the kind stays, to tell what it was
    rb"|(?P<scheme>[Bb](?:earer|EARER)(?:\s|%20|\+)+)[^\s\"'\\,;}\]]+"
    rb"|eyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){1,2}"  # a JSON Web Token
    rb"|(?P<user>[a-z][a-z0-9+.-]*://[^\s:/@\"]*:)[^\s@/\"]+(?=@)"  # the password in a URL
)


def redact(text: bytes) -> bytes:
    """Return `text` with everything masked that looks like a key, a token or a password in a URL."""
    if not any(sign in text for sign in _SIGNS):
        return text
    return _SECRETS.sub(_mask, text)


def _mask(found: re.Match[bytes]) -> bytes:
    return (found["key"] or found["scheme"] or found["user"] or b"") + b"***"
