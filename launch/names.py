"""Names and ids as people type them."""

from __future__ import annotations

import re

import typer

# As the contract has them.
AGENT = re.compile(r"^[A-Za-z0-9_-]{1,50}$")
OPERATOR = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")
AGENT_RULE = "1 to 50 letters, digits, - and _"
OPERATOR_RULE = "1 to 63 letters, digits, ., - and _, the first of them a letter or a digit"
_LARGEST = 2**63 - 1


def agent_name(text: str) -> str:
    """Return the name of an agent.

    Raises:
        BadParameter: it cannot be one.
    """
    return _named(text, AGENT, AGENT_RULE)


def operator_name(text: str) -> str:
    """Return the name of an operator.

    Raises:
        BadParameter: it cannot be one.
    """
    return _named(text, OPERATOR, OPERATOR_RULE)


def number(text: str) -> int:
    """Return the number by which something is known.

    Raises:
        BadParameter: it is none.
    """
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and 1 <= int(text) <= _LARGEST):
        raise typer.BadParameter(f"{text!r} is not a number from 1")
    return int(text)


def _named(text: str, rule: re.Pattern[str], words: str) -> str:
    if not rule.fullmatch(text):
        raise typer.BadParameter(f"{text!r} cannot be a name; use {words}")
    return text
