"""How many tokens a text has, when nobody has counted them.

Every model cuts text in its own way; on average a token is about four bytes of English or of source code, and a bit
more than one character of Chinese. So four bytes of UTF-8 are taken for a token, and where a budget must not be passed,
two.
"""

from __future__ import annotations

from collections.abc import Sequence

_BYTES_PER_TOKEN = 4
_LEAST_BYTES_PER_TOKEN = 2
# What the templates of chats add to each message, and to all of them.
_PER_MESSAGE, _PER_CALL = 4, 3
_MOST_PER_MESSAGE, _MOST_PER_CALL = 16, 64


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a text has; at least 1 when there is text."""
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)


def estimate_input(texts: Sequence[str]) -> int:
    """Return about how many tokens messages have with what frames them."""
    return sum(estimate_tokens(text) + _PER_MESSAGE for text in texts) + _PER_CALL


def most_tokens(texts: Sequence[str]) -> int:
    """Return how many tokens messages are charged for at most; text that is cut even finer costs no more."""
    size = sum(-(-len(text.encode("utf-8", "replace")) // _LEAST_BYTES_PER_TOKEN) for text in texts)
    return size + len(texts) * _MOST_PER_MESSAGE + _MOST_PER_CALL
