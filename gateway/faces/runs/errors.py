"""Refusals in the words of the runs face."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from google.protobuf.timestamp_pb2 import Timestamp

from gateway.errors import Detail, Failure, from_domain
from gateway.faces.runs.refusals import BY_REASON, BY_STATUS, EDGE, QUOTA, QUOTA_OTHER
from gateway.limits import Allowance
from gateway.times import time_text

if TYPE_CHECKING:
    from gateway.call import Call
    from kit.errors import DomainError


# Of the plans that everybody knows; who has it already needs limits of its own.
_LARGEST = "super"


class RunsFailure(Failure):
    """A failure in the words of this face: `reason` is its code."""


def failed(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> RunsFailure:
    """Return a failure in the words of this face."""
    return RunsFailure(status, message, headers=headers, reason=code)


def invalid(details: Sequence[Detail]) -> RunsFailure:
    """Return the failure of a request that breaks rules, all of them told."""
    told = ", ".join(sentence(detail) for detail in details[:20])
    return RunsFailure(400, f"validation failed: {told}", details=details, reason="VALIDATION_FAILED")


def sentence(detail: Detail) -> str:
    """Return what is wrong with a field, with its name."""
    return detail.message.replace('"', "", 2) if detail.message.startswith('"') else f"{detail.field} {detail.message}"


def of_edge(failure: Failure) -> Failure:
    """Return a failure that the edge found, in the words of this face."""
    if isinstance(failure, RunsFailure):
        return failure
    known = EDGE.get(failure.reason)
    if failure.status == 422 and known is None:
        return invalid(failure.details) if failure.details else failed(400, "INVALID_REQUEST", failure.message)
    if known is None:
        code = failure.reason or BY_STATUS.get(failure.status, "INTERNAL")
        return failed(failure.status, code, failure.message, failure.headers)
    message = known.message or failure.message
    return failed(known.status, known.code or failure.reason, message, failure.headers)


def of_service(error: DomainError, call: Call) -> Failure:
    """Return what a service's refusal means."""
    refusal = BY_REASON.get(error.reason)
    if refusal is None:
        if error.code == "INVALID_ARGUMENT" and error.violations:
            return invalid([Detail(each.field, each.message) for each in error.violations])
        return of_edge(from_domain(error))
    message = refusal.message.format_map(_Facts(error.metadata)) or error.message
    headers = from_domain(error).headers if refusal.status in (429, 503) else {}
    if refusal.status == 401:
        headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    if error.reason == "QUOTA_EXCEEDED":
        message = _used_up_text(error.metadata, call.identity.caller.operator_id)
        call.exchange.allowance = _used_up(error.metadata)
    return failed(refusal.status, refusal.code or error.reason, message, headers)


def _used_up_text(facts: Mapping[str, str], operator_id: int) -> str:
    """Return what the published service says, and after it what can be done about it here."""
    window = facts.get("window", "")
    said = QUOTA.get(window, QUOTA_OTHER).rstrip(".")
    limit, again = _whole(facts.get("limit", "")), Timestamp(seconds=_whole(facts.get("resets_at", "")))
    plan = facts.get("plan", "")
    more = _LARGEST if plan != _LARGEST else f"{plan} --limit {window}={max(10 * limit, 10)}"
    return (
        f"{said}. The plan {plan} allows {limit} runs per {window}, and again from {time_text(again)}. "
        f"Whoever runs this platform can give more: piecework admin plans set {more} --operator {operator_id}"
    )


def _used_up(facts: Mapping[str, str]) -> Allowance:
    reset_at = _whole(facts.get("resets_at", ""))
    return Allowance(_whole(facts.get("limit", "")), 0, reset_at, max(1, reset_at - int(time.time())))


def _whole(text: str) -> int:
    return int(float(text)) if text.replace(".", "", 1).isdigit() else 0


class _Facts(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "?"
