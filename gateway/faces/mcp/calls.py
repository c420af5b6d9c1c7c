"""Turns the arguments of a tool into the call of the market face that they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from yarl import URL

from gateway.faces.mcp.tools import Tool

_PREFIX = "/api/v1"
_PLACE = re.compile(r"\{(\w+)\}")
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
# Stands in a path for what is no id at all. No route has such a word: the route of the id refuses it.
_NO_ID = "-"


class MarketCall(msgspec.Struct, frozen=True):
    """A request to the market face.

    Attributes:
        method: HTTP method.
        url: path and query.
        body: JSON; empty for none.
    """

    method: str
    url: URL
    body: bytes = b""


def unknown(tool: Tool, arguments: Mapping[str, Any]) -> list[str]:
    """Return the names in `arguments` that `tool` does not take."""
    return [name for name in arguments if name not in tool.arguments.__struct_fields__]


def market_call(tool: Tool, arguments: Mapping[str, Any]) -> MarketCall:
    """Return the request that calling `tool` means.

    Values are passed on as they came, so that the route says what is wrong with them, as it says it to everybody.
    """
    places = set(_PLACE.findall(tool.path))
    path = _PLACE.sub(lambda place: _id(arguments.get(place[1])), tool.path)
    url = URL.build(path=f"{_PREFIX}{path}", encoded=True)
    rest = {name: value for name, value in arguments.items() if name not in places}
    if tool.method == "GET":
        return MarketCall(
            tool.method, url.with_query({name: _text(rest[name]) for name in rest if rest[name] is not None})
        )
    takes_body = any(name not in places for name in tool.arguments.__struct_fields__)
    return MarketCall(tool.method, url, msgspec.json.encode(rest) if takes_body else b"")


def _id(value: Any) -> str:
    # Only digits may come into a path: `search` instead of an id would be another route.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "" if isinstance(value, bool) else str(value)
    return text if _NUMBER.fullmatch(text) else _NO_ID


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return msgspec.json.encode(value).decode()
