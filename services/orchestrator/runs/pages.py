"""The text of a web page. No I/O.

Whoever wrote the page may want to keep us busy: each of these looks at every character a few times at most.
"""

from __future__ import annotations

import re
from html import unescape

_OPENING = re.compile(r"<(script|style|head|svg|noscript)\b[^<>]{0,2000}>", re.IGNORECASE)
_CLOSING = {
    name: re.compile(rf"</{name}\s*+>", re.IGNORECASE) for name in ("script", "style", "head", "svg", "noscript")
}
_TAG = re.compile(r"<[^<>]{0,2000}>")
_BLANKS = re.compile(r"[ \t\r\f\v]+|\n\s*\n+")
# No character has such a number, and Python refuses to read it.
_NO_CHARACTER = re.compile(r"&#[0-9]{8,};?")


def readable(html: str) -> str:
    """Return the text of a page."""
    text = unescape(_NO_CHARACTER.sub("\ufffd", _TAG.sub(" ", _without_hidden(html))))
    # References may name halves of a surrogate pair, which are no text.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return _BLANKS.sub(lambda blank: "\n\n" if "\n" in blank.group() else " ", text).strip()


def _without_hidden(html: str) -> str:
    """Return a page without what nobody sees of it; what is opened and never closed stays."""
    kept: list[str] = []
    done = at = 0
    never_closed: set[str] = set()
    while opening := _OPENING.search(html, at):
        name = opening[1].lower()
        closing = None if name in never_closed else _CLOSING[name].search(html, opening.end())
        if closing is None:
            never_closed.add(name)
            at = opening.end()
            continue
        kept.append(html[done : opening.start()])
        done = at = closing.end()
    kept.append(html[done:])
    return " ".join(kept)
