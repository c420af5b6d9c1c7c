"""The end of an engine's log, made readable for a message to a person."""

from __future__ import annotations

import json

_LINES = 10
_LINE_LENGTH = 300
_SEVERE = ("E", "F", "W")


def readable_tail(text: str) -> list[str]:
    """Return the lines of `text` that tell best what went wrong: severe ones of a MongoDB log, else the last ones."""
    lines = text.splitlines()
    parsed = [_parse(line) for line in lines]
    severe = [line for severity, line in parsed if severity in _SEVERE]
    chosen = severe or [line for _, line in parsed]
    return [line[:_LINE_LENGTH] for line in chosen[-_LINES:]]


def _parse(line: str) -> tuple[str, str]:
    """Return severity and words of a line; plain lines have no severity."""
    try:
        entry = json.loads(line)
        attributes = entry.get("attr")
        words = f"{entry['msg']} {json.dumps(attributes)}" if attributes else entry["msg"]
        return str(entry["s"]), str(words)
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", line
