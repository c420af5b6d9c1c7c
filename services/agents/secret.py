"""The secrets that this service hands out: shown once, stored only as a hash, and never printed."""

from __future__ import annotations

import hashlib
import hmac
import secrets

LIVE_KEY = "pw_live_"
TEST_KEY = "pw_test_"
AGENT_KEY = "th_agent_"
SESSION_TOKEN = "pws_"  # noqa: S105 - the mark that tells a token from a key, not a token
_MARKS = (LIVE_KEY, TEST_KEY, AGENT_KEY, SESSION_TOKEN)
_SHOWN_CHARACTERS = 4


class Secret:
    """A key or a token that does not show itself: neither in a representation nor in an f-string.

    All of them carry 256 bits from the operating system, so a plain SHA-256 is as strong as a slow hash would be.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return f"Secret({self.mark}…)"

    def reveal(self) -> str:
        """Return the secret itself, for the one answer that shows it."""
        return self._text

    @property
    def mark(self) -> str:
        """The first characters, which tell what kind of secret it is; empty when it is none of ours."""
        return next((mark for mark in _MARKS if self._text.startswith(mark)), "")

    @property
    def prefix(self) -> str:
        """The mark and four more characters, by which people tell their keys apart."""
        return self._text[: len(self.mark) + _SHOWN_CHARACTERS]

    @property
    def ending(self) -> str:
        """The last four characters, which tell keys apart whose first ones are alike."""
        return self._text[-_SHOWN_CHARACTERS:]

    @property
    def digest(self) -> str:
        """The SHA-256 under which it is stored, in hexadecimal."""
        return hashlib.sha256(self._text.encode("utf-8", "surrogatepass")).hexdigest()

    def matches(self, digest: str) -> bool:
        """Tell in constant time whether `digest` is the one of this secret."""
        return hmac.compare_digest(self.digest, digest)


def new_operator_secret(*, test: bool) -> Secret:
    """Return the secret of a new operator key: its mark and 43 characters of the URL-safe alphabet."""
    return Secret((TEST_KEY if test else LIVE_KEY) + secrets.token_urlsafe(32))


def new_agent_secret() -> Secret:
    """Return the secret of a new agent key: its mark and 64 hexadecimal digits."""
    return Secret(AGENT_KEY + secrets.token_hex(32))


def new_session_token() -> Secret:
    """Return the token of a new session: its mark and 43 characters of the URL-safe alphabet."""
    return Secret(SESSION_TOKEN + secrets.token_urlsafe(32))
