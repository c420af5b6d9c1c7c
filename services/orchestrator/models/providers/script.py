"""What a prompt tells the mock to do.

A directive is `[[mock WORDS]]` anywhere in a message, the words parted by spaces, for example
`[[mock delay=0.5 tokens=200 pace=0.01]]`. It counts for the calls whose messages hold it; with `if=WORD` only for those
that also hold WORD outside of any directive, so that one prompt can tell the agents of a run apart by their roles.
Later directives win.

delay=SECONDS       wait before the first word
pace=SECONDS        wait between words
tokens=N            answer N words
answer=TEXT         answer this; `_` stands for a space
fail=KIND[:TIMES]   fail: rate_limited, server_error, unreachable, auth, refused or garbage; only the first TIMES calls
                    of this process with these messages
retry_after=SECONDS tell when to come back, with fail=rate_limited or server_error
cut=N               break off after N words
empty, garbage, endless, hang    answer nothing, nonsense, without an end, or never
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

_DIRECTIVE = re.compile(r"\[\[mock\b([^\[\]]{0,1000})\]\]")
_FLAGS = frozenset({"empty", "garbage", "endless", "hang"})


class Script(msgspec.Struct, frozen=True):
    """What the mock is to do; times in seconds."""

    delay: float = 0.0
    pace: float = 0.0
    tokens: int | None = None
    answer: str = ""
    fail: str = ""
    times: int | None = None
    retry_after: float | None = None
    cut: int | None = None
    flag: str = ""


def strip(text: str) -> str:
    """Return `text` without its directives."""
    return _DIRECTIVE.sub("", text).strip() if "[[mock" in text else text


def read(texts: Sequence[str]) -> Script:
    """Return what the directives in `texts` say; words that mean nothing are passed over."""
    found = [match[1].split() for text in texts if "[[mock" in text for match in _DIRECTIVE.finditer(text)]
    if not found:
        return _NOTHING
    rest = "\n".join(strip(text) for text in texts)
    values: dict[str, object] = {}
    for words in found:
        pairs = [word.partition("=") for word in words]
        if all(value in rest for name, _, value in pairs if name == "if"):
            for name, _, value in pairs:
                values.update(_meaning(name, value))
    return Script(**values)  # type: ignore[arg-type]


def _meaning(name: str, value: str) -> dict[str, object]:
    if name in _FLAGS:
        return {"flag": name}
    if name == "answer":
        return {"answer": value.replace("_", " ")}
    if name == "fail":
        kind, _, times = value.partition(":")
        return {"fail": kind, "times": int(times) if times.isdecimal() else None}
    try:
        if name in ("tokens", "cut"):
            return {name: int(value)}
        if name in ("delay", "pace", "retry_after"):
            return {name: max(0.0, float(value))}
    except ValueError:
        pass
    return {}


_NOTHING = Script()
