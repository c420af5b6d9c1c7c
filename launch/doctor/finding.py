"""What one check found."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(msgspec.Struct, frozen=True):
    """The outcome of one check.

    Attributes:
        check: what was looked at.
        verdict: how it is.
        detail: what was found.
        advice: what to do; empty when all is well.
    """

    check: str
    verdict: Verdict
    detail: str
    advice: str = ""


def ok(check: str, detail: str) -> Finding:
    """Return a finding without a complaint."""
    return Finding(check, Verdict.OK, detail)


def warning(check: str, detail: str, advice: str) -> Finding:
    """Return a finding that keeps nothing from running."""
    return Finding(check, Verdict.WARNING, detail, advice)


def problem(check: str, detail: str, advice: str) -> Finding:
    """Return a finding that has to be dealt with."""
    return Finding(check, Verdict.PROBLEM, detail, advice)
