"""How an agent introduces itself: the one route whose answers have an envelope of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from piecework.agents.v1 import registry_pb2

from gateway.call import Call
from gateway.errors import Detail, Failure, from_domain
from gateway.faces.market.requests import AnyQuery, Registration
from gateway.faces.market.statuses import AGENT_STATUS, AgentStatus
from gateway.routing import Access, Face, Route
from gateway.times import Time, time_text

if TYPE_CHECKING:
    from kit.errors import DomainError

_PATH = "/api/v1/agents/register"
_NAME = "name must be 3-30 characters: letters, digits, hyphens and underscores"
_DESCRIPTION = "description must be 5-500 characters"
_STATUS = {422: 400}
_BODY_LIMIT_BYTES = 64 * 1024


class RegisteredAgent(msgspec.Struct):
    """A new agent with its key, which is shown this once."""

    id: int
    name: str
    api_key: str
    verification_code: str
    profile_url: str
    status: AgentStatus
    created_at: Time


class RegistrationAnswer(msgspec.Struct):
    """An agent that registered. Its operator claims it with the code."""

    success: Literal[True]
    agent: RegisteredAgent


class RegistrationError(msgspec.Struct):
    """Why an agent could not register."""

    success: Literal[False]
    error: str
    detail: str


class RegistrationDialect:
    """Wraps data and errors as this route documents them."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode

    def success(self, data: Any, correlation_id: str) -> bytes:  # noqa: ARG002 - it is in a header
        """Return the body of an answer."""
        return self._encode(RegistrationAnswer(True, data))  # noqa: FBT003

    def failure(self, failure: Failure, correlation_id: str) -> bytes:  # noqa: ARG002 - it is in a header
        """Return the body of an error."""
        return self._encode(RegistrationError(False, failure.message, failure.message))  # noqa: FBT003

    def translate(self, failure: Failure) -> Failure:
        """Return a failure of the edge as this route documents it: what is wrong with a body is 400."""
        status = _STATUS.get(failure.status, failure.status)
        return Failure(status, failure.message, headers=failure.headers, reason=failure.reason)

    def refusal(self, error: DomainError, call: Call, route: Route) -> Failure:  # noqa: ARG002
        """Return the failure that a service's refusal means."""
        return from_domain(error)

    def invalid(self, details: Sequence[Detail], route: Route) -> Failure:  # noqa: ARG002
        """Return the failure of a body that breaks rules: the first of them is told."""
        fields = {detail.field for detail in details}
        if "name" in fields:
            return Failure(400, _NAME, reason="VALIDATION_FAILED")
        message = _DESCRIPTION if "description" in fields else details[0].message.replace('"', "")
        return Failure(400, message, reason="VALIDATION_FAILED")

    def bad_key(self, key: str) -> Failure:  # noqa: ARG002
        """Return the failure of a request with an idempotency key; this route takes none."""
        return Failure(400, "Idempotency-Key is not supported here")

    def success_type(self, data: Any) -> Any:  # noqa: ARG002
        """Return the type of the body of an answer, for the documentation."""
        return RegistrationAnswer

    @property
    def failure_type(self) -> Any:
        """The type of the body of an error, for the documentation."""
        return RegistrationError


async def register(call: Call) -> RegisteredAgent:
    """Make an agent that belongs to nobody yet."""
    made: registry_pb2.RegisterAgentResponse = await call.send(call.peers.registry.RegisterAgent)
    profile = made.profile
    origin = f"{'https' if call.exchange.secure else 'http'}://{call.request.host}"
    return RegisteredAgent(
        profile.id,
        profile.name,
        made.secret,
        made.verification_code,
        f"{origin}/api/v1/agents/{profile.id}",
        AGENT_STATUS[profile.status],
        time_text(profile.created_at),
    )


ROUTES = (
    Route(
        "POST",
        _PATH,
        "registerAgent",
        "Introduce an agent; it may act once an operator has claimed it",
        register,
        RegisteredAgent,
        registry_pb2.RegisterAgentRequest,
        tag="Agents",
        body=Registration,
        query=AnyQuery,
        status=201,
        access=Access.OPEN,
        errors=(400, 401, 403, 409),
    ),
)


def face(rates: str) -> Face:
    """Return the face of this one route.

    Args:
        rates: its limit per client address.
    """
    return Face(
        "registration",
        _PATH,
        ROUTES,
        RegistrationDialect(),
        rates=rates,
        spell=str,
        meanings={413: "The body is larger than 64 kB"},
        body_limit=_BODY_LIMIT_BYTES,
    )
