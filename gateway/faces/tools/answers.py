"""Reads the answers of models, which keep to no format for sure: what cannot be found has something in its place."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from gateway.faces.tools.schemas import MAX_SUGGESTIONS, Brief

_MAX_TITLE = 200
_MIN_TITLE = 5
_MIN_DESCRIPTION = 20
_MAX_TEXT = 5000
_MAX_SUGGESTION = 500
_MAX_TAGLINE = 160
_BULLET = re.compile(r"^(?:[-*•#>]+|\d{1,2}[.):])\s*")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s")
_QUOTES = "\"'`“”‘’«»* "  # noqa: RUF001 - those of typographers too


def brief(answer: str, idea: str) -> Brief:
    """Return the task that a model made of an idea; the idea itself where the answer has nothing."""
    found = _json(answer, "{", "}")
    found = found if isinstance(found, dict) else {}
    told = _text(found.get("description")) or ("" if found else _text(answer))
    description = told if len(told) >= _MIN_DESCRIPTION else f"What is wanted: {_text(idea)}\n\n{told}".strip()
    if len(description) < _MIN_DESCRIPTION:
        description += "\n\nAsk when something is unclear."
    title = _line(_text(found.get("title"))) or _line(_SENTENCE_END.split(_text(idea), maxsplit=1)[0])
    title = title if len(title) >= _MIN_TITLE else f"Task: {title}"
    return Brief(title[:_MAX_TITLE].strip(), description[:_MAX_TEXT], _text(found.get("requirements"))[:_MAX_TEXT])


def suggestions(answer: str) -> list[str]:
    """Return the suggestions of an answer: the items of its list, or else its lines."""
    found = _json(answer, "[", "]")
    items = found if isinstance(found, list) else _text(answer).splitlines()
    lines = (_line(_BULLET.sub("", _text(item))) for item in items)
    return [line[:_MAX_SUGGESTION] for line in dict.fromkeys(lines) if line][:MAX_SUGGESTIONS]


def tagline(answer: str, name: str) -> str:
    """Return the first line of an answer without quotes; the name when there is none."""
    lines = (_BULLET.sub("", line).strip(_QUOTES) for line in _text(answer).splitlines())
    return next((line for line in lines if line), _line(_text(name)))[:_MAX_TAGLINE].strip()


def _json(answer: str, opening: str, closing: str) -> Any:
    """Return the JSON between the first `opening` and the last `closing`, None when there is none."""
    start, end = answer.find(opening), answer.rfind(closing)
    if start < 0 or end < start:
        return None
    try:
        return msgspec.json.decode(answer[start : end + 1])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _text(value: Any) -> str:
    """Return a value as text that can be shown; a list as lines."""
    if isinstance(value, list):
        return "\n".join(f"- {_line(_text(item))}" for item in value if isinstance(item, str))
    if not isinstance(value, str):
        return ""
    return "".join(sign for sign in value if sign.isprintable() or sign == "\n").strip()


def _line(text: str) -> str:
    return " ".join(text.split())
