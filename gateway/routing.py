"""What a face is: a table of routes and a dialect. All that is said about a route stands in its row."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from google.protobuf.message import Message

from gateway.binding import Words
from gateway.buckets import Buckets
from gateway.words import camel

if TYPE_CHECKING:
    from gateway.call import Call
    from gateway.errors import Detail, Failure
    from kit.errors import DomainError


class Access(Enum):
    """Who may use a route: anybody, whoever has a valid credential, a key and no session, or an agent's key.

    An open route that gets a credential checks it all the same, and acts for whom it names. A route that passes its
    requests on to other routes leaves that to them. A route with a ticket takes a token that its handler checks.
    """

    OPEN = "open"
    CREDENTIAL = "credential"
    KEY = "key"
    AGENT = "agent"
    TICKET = "ticket"
    PASSED_ON = "passed on"


class NoQuery(msgspec.Struct, forbid_unknown_fields=True):
    """No query parameters."""


_PARAMETER = re.compile(r"\{(\w+)\}")

Handler = Callable[["Call"], Awaitable[Any]]
Guard = Callable[["Call"], Awaitable[None]]


@dataclass(frozen=True)
class Route:
    """One row of a face's table.

    Attributes:
        method: HTTP method.
        path: template with `{camelCase}` parameters, each a segment or the end of one.
        name: unique name of the operation in the documentation.
        summary: one sentence.
        handler: answers a call with the data of the answer, or with a whole response.
        answer: the type of that data; None when the handler makes the response.
        request: the message that the request becomes; its rules are those of the parameters and the body.
        tag: the chapter of the documentation.
        body: the struct of the JSON body; None when there is none.
        form: the JSON Schemas of the parts of a multipart body that the handler reads itself, by name, for the
            documentation.
        raw: the media type of a body of bytes that the handler reads itself; empty when there is none.
        body_required: whether a request without a body is refused; if not, it counts as an empty object.
        query: the struct of the query.
        places: where a field of path, query or body lies in `request` when not under its own name at the top.
        status: of the answer when all goes well.
        errors: the statuses that the route adds to those that follow from the other columns.
        access: who may use it.
        idempotent: whether it takes an `Idempotency-Key`.
        media_type: what the answer is.
        description: more than the summary, where needed.
        request_headers: further headers that it reads, and what they mean.
        guard: raises what has to be said before anything is said about the body; asked only when that is wrong.
    """

    method: str
    path: str
    name: str
    summary: str
    handler: Handler
    answer: Any = None
    request: type[Message] | None = None
    tag: str = ""
    body: type[msgspec.Struct] | None = None
    form: Mapping[str, Any] = field(default_factory=dict)
    raw: str = ""
    body_required: bool = True
    query: type[msgspec.Struct] = NoQuery
    places: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    errors: tuple[int, ...] = ()
    access: Access = Access.CREDENTIAL
    idempotent: bool = False
    media_type: str = "application/json"
    description: str = ""
    request_headers: Mapping[str, str] = field(default_factory=dict)
    guard: Guard | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the path parameters, in order."""
        return tuple(_PARAMETER.findall(self.path))


class Dialect(Protocol):
    """How a face wraps what it says."""

    def success(self, data: Any, correlation_id: str) -> bytes:
        """Return the body of an answer."""
        ...

    def failure(self, failure: Failure, correlation_id: str) -> bytes:
        """Return the body of an error."""
        ...

    def translate(self, failure: Failure) -> Failure:
        """Return a failure of the edge, which knows no face, as this face documents it."""
        ...

    def refusal(self, error: DomainError, call: Call, route: Route) -> Failure:
        """Return the failure that a service's refusal means."""
        ...

    def invalid(self, details: Sequence[Detail], route: Route) -> Failure:
        """Return the failure of a request whose path, query or body breaks rules."""
        ...

    def bad_key(self, key: str) -> Failure:
        """Return the failure of a request whose idempotency key cannot be one."""
        ...

    def success_type(self, data: Any) -> Any:
        """Return the type of the body of an answer whose data has the type `data`, for the documentation."""
        ...

    @property
    def failure_type(self) -> Any:
        """The type of the body of an error, for the documentation."""
        ...


@dataclass(frozen=True)
class Face:
    """One public API.

    Attributes:
        name: for example `queue`.
        prefix: the paths that it answers, also those that do not exist; the longest prefix wins.
        routes: its table.
        dialect: how it wraps data and errors.
        words: the words of its enums, by full name of the enum.
        rates: its rate limit per client address, in the notation of the `limits` library; empty when it has none.
        access: who is told that a path does not exist.
        chapters: its tags in the order of the documentation.
        buckets: its rate limits per client address when it has several, instead of `rates`.
        caller_rates: its rate limit per agent, in sliding windows; empty when it has none.
        spell: how the names of fields are written in its JSON, from `snake_case`.
        meanings: what statuses mean here, where that is not what they mean elsewhere.
        reasons: refusals of services that the dialect answers in words of its own, also when a field is at fault.
        more_prefixes: further paths that it answers.
        id_header: a header of its answers that repeats the id of the request; empty for none.
        about: what it is for, in a few words; empty for a face that is only a part of another one.
        body_limit: the largest body in bytes: reading JSON keeps everybody else waiting. 0 for what the gateway takes.
    """

    name: str
    prefix: str
    routes: tuple[Route, ...]
    dialect: Dialect
    words: Words = field(default_factory=dict)
    rates: str = ""
    access: Access = Access.OPEN
    chapters: tuple[str, ...] = ()
    buckets: Buckets | None = None
    caller_rates: str = ""
    spell: Callable[[str], str] = camel
    meanings: Mapping[int, str] = field(default_factory=dict)
    reasons: Container[str] = frozenset()
    more_prefixes: tuple[str, ...] = ()
    id_header: str = ""
    about: str = ""
    body_limit: int = 0
