"""Names on both sides of the edge: `camelCase` in JSON, `snake_case` in messages, words for numbers of an enum."""

from __future__ import annotations

import re
from collections.abc import Mapping

from google.protobuf.descriptor import EnumDescriptor

_BOUNDARY = re.compile(r"_([a-z0-9])")
_CAPITAL = re.compile(r"([A-Z])")


def camel(name: str) -> str:
    """Return `lease_token` as `leaseToken`."""
    return _BOUNDARY.sub(lambda found: found.group(1).upper(), name)


def snake(name: str) -> str:
    """Return `leaseToken` as `lease_token`."""
    return _CAPITAL.sub(lambda found: "_" + found.group(1).lower(), name)


def enum_words(enum: EnumDescriptor, renamed: Mapping[str, str] | None = None) -> dict[str, int]:
    """Return the lower-case words of an enum's values without their common prefix, and their numbers.

    Args:
        enum: for example `piecework.tasks.v1.ProjectStatus`.
        renamed: words that the face uses instead, for example `{"leased": "running"}`.
    """
    prefix = snake(enum.name).lstrip("_").upper() + "_"
    words = {}
    for value in enum.values:
        if value.number:
            word = value.name.removeprefix(prefix).lower()
            words[(renamed or {}).get(word, word)] = value.number
    return words
