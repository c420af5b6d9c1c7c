"""The idempotency key of the call that runs here, for those who put it on what they create."""

from __future__ import annotations

from contextvars import ContextVar

METADATA_KEY = "idempotency-key"
REPLAYED_METADATA_KEY = "idempotency-replayed"

_current: ContextVar[str | None] = ContextVar("piecework_idempotency_key", default=None)


def current_idempotency_key() -> str | None:
    """Return what names this very request: the caller's key with a digest of what is asked for.

    It is None when the caller gave no key, or the method takes none.

    A document that the call creates carries it in a unique index together with its owner: when a crash came between
    effect and answer, the call runs again and must find that document.
    """
    return _current.get()


def set_idempotency_key(key: str) -> None:
    """Set the key of the call that runs here. Each call runs in a context of its own."""
    _current.set(key)
