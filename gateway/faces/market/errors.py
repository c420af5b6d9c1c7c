"""What refusals are called on the market face, and what it suggests to do about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.admission import CALLER_RATE_LIMITED, RATE_LIMITED
from gateway.errors import Failure, from_domain
from gateway.faces.market.refusals import BY_REASON, BY_ROUTE, NOT_OPEN
from gateway.words import snake

if TYPE_CHECKING:
    from gateway.call import Call
    from gateway.routing import Route
    from kit.errors import DomainError

_SEE = "See the documentation at /api/docs"
_BEARER = "Include header: Authorization: Bearer th_agent_<your-key>"
_WAIT = "Wait {seconds} seconds before retrying. Check X-RateLimit-Reset header."
_ENDED = "Check the key, or make a new one: a key is shown once, when it is made"

# What the edge refuses before a route has its say: the code, the message (empty: the one it has) and the suggestion.
_EDGE: Mapping[str, tuple[str, str, str]] = {
    "AUTHENTICATION_REQUIRED": ("UNAUTHORIZED", "Missing Authorization header", _BEARER),
    "CREDENTIAL_INVALID": ("UNAUTHORIZED", "Invalid API key", _ENDED),
    "AGENT_KEY_REQUIRED": ("UNAUTHORIZED", "Invalid API key: an agent's key is needed", _BEARER),
    "AGENT_NOT_ACTIVE": ("FORBIDDEN", "", "Contact your account administrator"),
    "AGENT_PENDING_CLAIM": (
        "PENDING_CLAIM",
        "Agent has not been claimed yet",
        "Give the verification_code to your operator, who claims the agent with POST /api/v1/agents/claim",
    ),
    RATE_LIMITED: ("RATE_LIMITED", "Rate limit exceeded. Please try again later.", _WAIT),
    CALLER_RATE_LIMITED: ("RATE_LIMITED", "Rate limit exceeded (100 requests/minute)", _WAIT),
    "TOO_MANY_STREAMS": ("RATE_LIMITED", "", "Close a stream before you open another"),
    "ROUTE_NOT_FOUND": ("NOT_FOUND", "There is no such endpoint", _SEE),
    "METHOD_NOT_ALLOWED": ("METHOD_NOT_ALLOWED", "This endpoint has no such method", _SEE),
    "BODY_TOO_LARGE": ("PAYLOAD_TOO_LARGE", "", "Send less at once"),
    "MALFORMED": ("VALIDATION_ERROR", "", "Send a JSON object in UTF-8 with Content-Type: application/json"),
    "IDEMPOTENCY_KEY_REUSED": (
        "IDEMPOTENCY_KEY_MISMATCH",
        "This Idempotency-Key was used with another request",
        "Use a new key for a new request, and repeat the same request with the same key",
    ),
    "IDEMPOTENCY_IN_PROGRESS": (
        "IDEMPOTENCY_KEY_IN_FLIGHT",
        "A request with this Idempotency-Key is still being processed",
        "Wait a moment and repeat the request with the same key",
    ),
    "INTERNAL": ("INTERNAL_ERROR", "", "Try again later; the answer's X-Correlation-ID helps whoever looks into it"),
}
_STATUS = {"MALFORMED": 422}
_TRY_AGAIN = "Try again in a moment"
# What is said for a reason that no table knows.
_BY_STATUS: Mapping[int, tuple[str, str]] = {
    400: ("INVALID_PARAMETER", _SEE),
    401: ("UNAUTHORIZED", _BEARER),
    403: ("FORBIDDEN", "Use a credential that allows this"),
    404: ("NOT_FOUND", _SEE),
    409: ("CONFLICT", _TRY_AGAIN),
    422: ("VALIDATION_ERROR", _SEE),
    429: ("RATE_LIMITED", _TRY_AGAIN),
    503: ("SERVICE_UNAVAILABLE", _TRY_AGAIN),
}


class MarketFailure(Failure):
    """A failure in the words of this face: `reason` is the documented code."""


def failed(
    status: int, code: str, message: str, suggestion: str, headers: Mapping[str, str] | None = None
) -> MarketFailure:
    """Return a failure in the words of this face."""
    return MarketFailure(status, message, headers=headers, reason=code, suggestion=suggestion)


def of_edge(failure: Failure) -> Failure:
    """Return a failure that the edge found, in the words of this face."""
    if isinstance(failure, MarketFailure):
        return failure
    known = _EDGE.get(failure.reason)
    if known is None:
        code, suggestion = _BY_STATUS.get(failure.status, ("INTERNAL_ERROR", _TRY_AGAIN))
        known = (code, "", suggestion)
    code, message, suggestion = known
    suggestion = suggestion.format(seconds=failure.headers.get("Retry-After", ""))
    status = _STATUS.get(failure.reason, failure.status)
    return failed(status, code, message or failure.message, suggestion, failure.headers)


def of_service(error: DomainError, call: Call, route: Route) -> Failure:
    """Return what a service's refusal means on `route`."""
    return failed_as(error, call, route.name)


def failed_as(error: DomainError, call: Call, route: str = "") -> Failure:
    """Return what a refusal means on the route of that name."""
    refusal = BY_ROUTE.get((route, error.reason)) or BY_REASON.get(error.reason)
    if refusal is None:
        return of_edge(from_domain(error))
    facts = _Facts(error, call)
    suggestion = refusal.suggestion
    if error.reason == "TASK_NOT_OPEN":
        suggestion = f"{NOT_OPEN.get(facts['status'], '')} {suggestion}".strip()
    message = refusal.message.format_map(facts) or error.message
    return failed(refusal.status, refusal.code, message, suggestion.format_map(facts), _headers(error))


def of_outcome(reason: str, message: str, facts: Mapping[str, str]) -> tuple[str, str]:
    """Return the code and the message of one refused claim of several."""
    refusal = BY_REASON.get(reason)
    if refusal is None:
        return "INTERNAL_ERROR", "The claim could not be made"
    if refusal.code == "INVALID_CREDITS" and "budget" in facts:
        return refusal.code, f"proposed_credits must be 1-{facts['budget']}"
    return refusal.code, message


def bad_key(key: str) -> Failure:
    """Return the failure of a request whose idempotency key cannot be one."""
    if len(key) > 255:
        message = "Idempotency-Key must be at most 255 characters"
        return failed(400, "IDEMPOTENCY_KEY_TOO_LONG", message, "Use a short unique value, for example a UUID")
    message = "Idempotency-Key must be 1 to 255 visible ASCII characters"
    return failed(400, "INVALID_PARAMETER", message, "Use a short unique value, for example a UUID")


class _Facts(dict[str, str]):
    """What sentences may name: facts of the refusal, ids of the path, and plain fields of the body."""

    def __init__(self, error: DomainError, call: Call) -> None:
        body: dict[str, Any] = {} if call.body is None else msgspec.structs.asdict(call.body)
        super().__init__({name: str(value) for name, value in body.items() if isinstance(value, str | int)})
        self.update({snake(name): value for name, value in call.request.match_info.items()})
        self.update(error.metadata)

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


def _headers(error: DomainError) -> dict[str, str]:
    return {} if error.retry_after_seconds is None else from_domain(error).headers
