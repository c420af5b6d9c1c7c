"""Fetches a page that a stranger names: only from public addresses, once, within ten seconds and a megabyte."""

from __future__ import annotations

import asyncio
import codecs
import re

from gateway.errors import Failure
from gateway.faces.market.errors import failed
from gateway.faces.tools import pages
from kit.outbound.client import Answer, OutboundClient
from kit.outbound.errors import OutboundError

_SECONDS = 10.0
_MAX_BYTES = 1024 * 1024
_HEADERS = {"User-Agent": "Piecework", "Accept": "text/html, text/plain", "Accept-Encoding": "identity"}
_HTML = ("text/html", "application/xhtml+xml")
_CHARSET = re.compile(r"charset=[\"']?([\w.:-]{1,40})", re.IGNORECASE | re.ASCII)
_ENCODINGS = frozenset({"utf-8", "ascii", "cp1252", "iso8859-1", "iso8859-15", "utf-16", "shift_jis", "euc_jp", "gbk"})
_SUGGESTION = "Send the address of a public HTTPS page of HTML or text that does not redirect"


async def fetch(outbound: OutboundClient, url: str) -> pages.Page:
    """Return what the page at `url` says.

    Raises:
        Failure: 422, it may not be asked, does not answer, or is no page.
    """
    try:
        answer = await outbound.request(
            "GET", url, headers=_HEADERS, timeout_seconds=_SECONDS, max_body_bytes=_MAX_BYTES
        )
    except OutboundError as error:
        raise _refused(str(error)) from error
    kind, encoding = _checked(answer)
    text = answer.body.decode(encoding, "replace")
    # Not on the event loop, which would stand still for everybody while a large page is read.
    return await asyncio.to_thread(pages.read if kind in _HTML else pages.plain, text)


def _checked(answer: Answer) -> tuple[str, str]:
    """Return the type and the encoding of a page that can be read."""
    if 300 <= answer.status < 400:
        raise _refused("The page redirects, which is not followed")
    if not 200 <= answer.status < 300:
        raise _refused(f"The page answered with status {answer.status}")
    content_type = answer.headers.get("content-type", "text/html")
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in _HTML and kind != "text/plain":
        raise _refused("The page is neither HTML nor text")
    if answer.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise _refused("The page is compressed, which was not asked for")
    return kind, _encoding(content_type)


def _encoding(content_type: str) -> str:
    named = _CHARSET.search(content_type)
    try:
        found = codecs.lookup(named[1]).name if named else "utf-8"
    except LookupError:
        return "utf-8"
    return found if found in _ENCODINGS else "utf-8"


def _refused(message: str) -> Failure:
    return failed(422, "VALIDATION_ERROR", message, _SUGGESTION)
