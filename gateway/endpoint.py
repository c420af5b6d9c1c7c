"""Carries one route's requests: credential, body, message, handler, answer."""

from __future__ import annotations

import re
from typing import Any

import grpc.aio
import msgspec
from aiohttp import web

from gateway import auth
from gateway.admission import Admission
from gateway.binding import Binding
from gateway.call import Call, Services
from gateway.errors import Detail, Failure
from gateway.exchange import EXCHANGE
from gateway.reading import parse, query_values, read_body
from gateway.routing import Access, Face, NoQuery, Route
from gateway.rules import INTEGER_LIMITS, field_at
from gateway.shape import Shape, shown, value_at
from gateway.wording import describe
from gateway.words import snake
from kit.status import from_rpc_error

BODY_LIMIT_BYTES = 10 * 1024 * 1024
JSON = "application/json; charset=utf-8"
_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)
_NUMBER = re.compile(r"0*[1-9]\d{0,17}", re.ASCII)
_GUARDED = frozenset({Access.CREDENTIAL, Access.KEY, Access.AGENT})
_CHECKED_LATER = frozenset({Access.PASSED_ON, Access.TICKET})
_MAX_DETAILS = 1000
_NOTHING = NoQuery()
_ABOUT_BODIES = frozenset({400, 422})


class Endpoint:
    """Answers the requests of one route.

    Args:
        route: the row of the table.
        face: the face that it belongs to.
        services: what its handler may use.
        admission: the limits of the face; None when it has none.
    """

    def __init__(self, route: Route, face: Face, services: Services, admission: Admission | None = None) -> None:
        self.route = route
        self._dialect = face.dialect
        self._reasons = face.reasons
        self._body_limit = face.body_limit or BODY_LIMIT_BYTES
        self._services = services
        self._guarded = route.access in _GUARDED
        self._admission = admission
        self._limits = admission if self._guarded and face.caller_rates else None
        self._numbers = _numbers(route)
        self._query = Shape(route.query)
        self._body = Shape(route.body) if route.body else None
        self._decode = msgspec.json.Decoder(route.body).decode if route.body else None
        self._binding: Binding | None = None
        if route.request is not None:
            structs = tuple(struct for struct in (route.query, route.body) if struct is not None)
            names = tuple(snake(name) for name in route.parameters)
            self._binding = Binding(
                route.request,
                structs=structs,
                path_names=names,
                places=route.places,
                words=face.words,
                spell=face.spell,
            )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer `request`.

        Raises:
            Failure: with what the caller may know.
        """
        exchange = request[EXCHANGE]
        exchange.route = self.route.path
        identity = auth.NOBODY
        if self.route.access not in _CHECKED_LATER:
            identity = await self._services.authenticator.identify(request.headers, self._admission, exchange)
        if self._guarded:
            auth.check(identity, self.route.access)
        exchange.caller = identity.caller
        if self._limits is not None:
            await self._limits.by_caller(exchange)
        if self._numbers:
            self._check_numbers(request)
        call = Call(request, exchange, identity, self._services, self._idempotency_key(request))
        try:
            raw = await self._read(call)
        except Failure as failure:
            raise await self._guard(call, failure) from failure
        try:
            result = await self.route.handler(call)
        except grpc.aio.AioRpcError as error:
            raise await self._guard(call, self._refusal(error, call, raw)) from error
        if isinstance(result, web.StreamResponse):
            return result
        body = self._dialect.success(result, exchange.correlation_id)
        return web.Response(body=body, status=self.route.status, headers={"Content-Type": JSON, **call.headers})

    def _idempotency_key(self, request: web.Request) -> str | None:
        key = request.headers.get("Idempotency-Key") if self.route.idempotent else None
        if key is not None and not _KEY.fullmatch(key):
            raise self._dialect.bad_key(key)
        return key

    async def _guard(self, call: Call, failure: Failure) -> Failure:
        """Return what goes before `failure`, if that is about the body and something does."""
        if self.route.guard is None or failure.status not in _ABOUT_BODIES:
            return failure
        try:
            await self.route.guard(call)
        except Failure as first:
            return first
        except grpc.aio.AioRpcError as error:
            return self._dialect.refusal(from_rpc_error(error), call, self.route)
        return failure

    async def _read(self, call: Call) -> bytes:
        """Fill in the call's query, body and message, and return the body as it came."""
        request = call.request
        raw = b""
        query: msgspec.Struct = _NOTHING
        try:
            if self._decode is not None:
                raw = await read_body(request, self._body_limit, required=self.route.body_required)
                call.body = self._decode(raw)
            if request.query_string:
                query = msgspec.convert(query_values(request, self.route.query), self.route.query)
            elif self.route.query is not NoQuery:
                query = self.route.query()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            query = self._read_thoroughly(call, raw)
        call.query = query
        if self._binding is not None:
            call.message = self._binding.fill(request.match_info, *self._parts(call, query))
        return raw

    def _check_numbers(self, request: web.Request) -> None:
        for name in self._numbers:
            text = request.match_info[name]
            if not _NUMBER.fullmatch(text):
                raise self._dialect.invalid([Detail(name, "must be a positive integer", shown(text))], self.route)

    def _read_thoroughly(self, call: Call, raw: bytes) -> msgspec.Struct:
        """Fill in the call's body and return its query, accepting what is right after all, such as 5.0 for 5.

        Raises:
            Failure: 400 for what is not JSON, 422 with everything that is wrong with it otherwise.
        """
        details: list[Detail] = []
        if self._body is not None:
            call.body = self._body.read(parse(raw), details)
        query = self._query.read(query_values(call.request, self.route.query), details)
        if not details:
            return query
        if self._binding is not None:
            message = self._binding.fill(call.request.match_info, *self._parts(call, query))
            details += describe(message, self._binding, self._given(call, raw), details)
        raise self._dialect.invalid(details[:_MAX_DETAILS], self.route)

    def _parts(self, call: Call, query: msgspec.Struct) -> tuple[msgspec.Struct, ...]:
        if query is _NOTHING or type(query) is NoQuery:
            return () if call.body is None else (call.body,)
        return (query,) if call.body is None else (query, call.body)

    def _refusal(self, error: grpc.aio.AioRpcError, call: Call, raw: bytes) -> Failure:
        """Return the failure that a service's refusal means, with the fields named as the client named them."""
        refused = from_rpc_error(error)
        if refused.reason == "RESOURCE_EXHAUSTED" and "limit" in self.route.query.__struct_fields__:
            # The transport carries no answer of that size.
            detail = Detail("limit", '"limit" asks for more than one answer can hold', call.query.limit or None)
            return self._dialect.invalid([detail], self.route)
        if refused.code != "INVALID_ARGUMENT" or self._binding is None or refused.reason in self._reasons:
            return self._dialect.refusal(refused, call, self.route)
        given = self._given(call, raw)
        # The rules of shape are looked up again here: trailing metadata has no room for a thousand violations.
        details = describe(call.message, self._binding, given)
        if not details:
            for violation in refused.violations:
                field = self._binding.source(violation.field)
                value = value_at(given, field)
                details.append(Detail(field, violation.message, None if value is msgspec.UNSET else shown(value)))
        if not details:
            return self._dialect.refusal(refused, call, self.route)
        return self._dialect.invalid(details[:_MAX_DETAILS], self.route)

    def _given(self, call: Call, raw: bytes) -> Any:
        body = parse(raw) if raw else {}
        query = query_values(call.request, self.route.query)
        return {**(body if isinstance(body, dict) else {}), **query, **call.request.match_info}


def _numbers(route: Route) -> tuple[str, ...]:
    """Return the path parameters that are whole numbers, from 1."""
    if route.request is None:
        return ()
    descriptor = route.request.DESCRIPTOR
    fields = {name: field_at(descriptor, route.places.get(snake(name), snake(name))) for name in route.parameters}
    return tuple(name for name, field in fields.items() if field.cpp_type in INTEGER_LIMITS)
