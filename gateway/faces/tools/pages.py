"""Makes text of HTML that strangers wrote: bounded in time, and never more text than is wanted."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from html.parser import HTMLParser

import msgspec

from gateway.faces.tools.schemas import MAX_PAGE_TEXT

_SILENT = frozenset({"script", "style", "svg", "noscript", "template", "iframe"})
_BLOCKS = frozenset(
    (
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "td",
        "th",
        "tr",
        "ul",
    )
)
_MAX_META = 1000
_CHUNK = 16_384
_SECONDS = 2.0
# What is left over at the end is read with a search of its own from each `<`: too slow for much of it.
_MAX_REST = 16_384
_BLANKS = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n\s*")


class Page(msgspec.Struct, frozen=True):
    """What a page says."""

    title: str
    description: str
    text: str


def read(html: str) -> Page:
    """Return what a page says, as far as it can be read within two seconds."""
    reader = _Reader()
    until = time.monotonic() + _SECONDS
    for start in range(0, len(html), _CHUNK):
        reader.feed(html[start : start + _CHUNK])
        if reader.full or time.monotonic() > until:
            break
    else:
        if len(reader.rawdata) <= _MAX_REST:
            reader.close()
    return Page(_line(reader.title), _line([reader.description]), _plain("".join(reader.parts))[:MAX_PAGE_TEXT])


def plain(text: str) -> Page:
    """Return a page that is only text."""
    return Page("", "", _plain(text[: 4 * MAX_PAGE_TEXT])[:MAX_PAGE_TEXT])


class _Reader(HTMLParser):
    """Collects the text between tags, the title and the description."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.title: list[str] = []
        self.description = ""
        self._size = 0
        self._silent: list[str] = []
        self._in_title = False

    @property
    def full(self) -> bool:
        # Twice as much as is wanted: blanks are taken out later.
        return self._size > 2 * MAX_PAGE_TEXT

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._silent.clear()  # it ends what was left open in the head
        elif tag in _SILENT:
            self._silent.append(tag)
        elif tag == "title":
            self._in_title = "svg" not in self._silent
        elif tag == "meta":
            self._describe(dict(attrs))
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif tag in self._silent:
            del self._silent[self._silent.index(tag) :]
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data[:_MAX_META])
        elif not self._silent:
            self.parts.append(data)
            self._size += len(_BLANKS.sub(" ", data))

    def parse_marked_section(self, i: int, report: bool = True) -> int:  # noqa: FBT001, FBT002 - of the parser
        # The parser gives up on sections that are not SGML; browsers take all of them for comments.
        return self.parse_bogus_comment(i, report)

    def _describe(self, attributes: dict[str, str | None]) -> None:
        name = (attributes.get("name") or attributes.get("property") or "").lower()
        if name == "description" or (name == "og:description" and not self.description):
            self.description = attributes.get("content") or ""


def _line(parts: Sequence[str]) -> str:
    return " ".join(_plain("".join(parts)[: 4 * _MAX_META]).split())[:_MAX_META]


def _plain(text: str) -> str:
    shown = "".join(sign if sign.isprintable() or sign.isspace() else "" for sign in text)
    return _LINES.sub("\n", _BLANKS.sub(" ", shown)).strip()
