"""Carries one route's requests: credential, body, message, handler, answer."""

from __future__ import annotations

import re
from typing import Any

import grpc.aio
import msgspec
from aiohttp import web

from gateway import auth
from gateway.binding import Binding
from gateway.call import Call, Services
from gateway.errors import Detail, Failure, from_domain, invalid
from gateway.exchange import EXCHANGE
from gateway.reading import parse, query_values, read_body
from gateway.routing import Access, Face, NoQuery, Route
from gateway.shape import Shape, shown, value_at
from gateway.wording import describe
from gateway.words import snake
from kit.status import from_rpc_error

BODY_LIMIT_BYTES = 10 * 1024 * 1024
JSON = "application/json; charset=utf-8"
_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)
_MAX_DETAILS = 1000
_NOTHING = NoQuery()


class Endpoint:
    """Answers the requests of one route.

    Args:
        route: the row of the table.
        face: the face that it belongs to.
        services: what its handler may use.
    """

    def __init__(self, route: Route, face: Face, services: Services) -> None:
        self.route = route
        self._dialect = face.dialect
        self._services = services
        self._query = Shape(route.query)
        self._body = Shape(route.body) if route.body else None
        self._decode = msgspec.json.Decoder(route.body).decode if route.body else None
        self._binding: Binding | None = None
        if route.request is not None:
            structs = tuple(struct for struct in (route.query, route.body) if struct is not None)
            names = tuple(snake(name) for name in route.parameters)
            self._binding = Binding(
                route.request, structs=structs, path_names=names, places=route.places, words=face.words
            )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer `request`.

        Raises:
            Failure: with what the caller may know.
        """
        exchange = request[EXCHANGE]
        exchange.route = self.route.path
        identity = auth.NOBODY
        if self.route.access is not Access.PASSED_ON:
            identity = await self._services.authenticator.identify(request.headers)
        if identity is auth.NOBODY and self.route.access is Access.CREDENTIAL:
            raise auth.required()
        exchange.caller = identity.caller
        call = Call(request, exchange, identity, self._services, self._idempotency_key(request))
        raw = await self._read(call)
        try:
            result = await self.route.handler(call)
        except grpc.aio.AioRpcError as error:
            raise self._refusal(error, call, raw) from error
        if isinstance(result, web.StreamResponse):
            return result
        body = self._dialect.success(result)
        return web.Response(body=body, status=self.route.status, headers={"Content-Type": JSON, **call.headers})

    def _idempotency_key(self, request: web.Request) -> str | None:
        key = request.headers.get("Idempotency-Key") if self.route.idempotent else None
        if key is not None and not _KEY.fullmatch(key):
            message = '"Idempotency-Key" must be 1 to 255 visible ASCII characters'
            raise invalid([Detail("Idempotency-Key", message, shown(key))])
        return key

    async def _read(self, call: Call) -> bytes:
        """Fill in the call's query, body and message, and return the body as it came."""
        request = call.request
        raw = b""
        query: msgspec.Struct = _NOTHING
        try:
            if self._decode is not None:
                raw = await read_body(request, BODY_LIMIT_BYTES)
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
        raise invalid(details[:_MAX_DETAILS])

    def _parts(self, call: Call, query: msgspec.Struct) -> tuple[msgspec.Struct, ...]:
        if query is _NOTHING or type(query) is NoQuery:
            return () if call.body is None else (call.body,)
        return (query,) if call.body is None else (query, call.body)

    def _refusal(self, error: grpc.aio.AioRpcError, call: Call, raw: bytes) -> Failure:
        """Return the failure that a service's refusal means, with the fields named as the client named them."""
        refused = from_rpc_error(error)
        if refused.reason == "RESOURCE_EXHAUSTED" and "limit" in self.route.query.__struct_fields__:
            # The transport carries no answer of that size.
            return invalid(
                [Detail("limit", '"limit" asks for more than one answer can hold', call.query.limit or None)]
            )
        if refused.code != "INVALID_ARGUMENT" or self._binding is None:
            return from_domain(refused)
        given = self._given(call, raw)
        # The rules of shape are looked up again here: trailing metadata has no room for a thousand violations.
        details = describe(call.message, self._binding, given)
        if not details:
            for violation in refused.violations:
                field = self._binding.source(violation.field)
                value = value_at(given, field)
                details.append(Detail(field, violation.message, None if value is msgspec.UNSET else shown(value)))
        return invalid(details[:_MAX_DETAILS]) if details else from_domain(refused)

    def _given(self, call: Call, raw: bytes) -> Any:
        body = parse(raw) if raw else {}
        query = query_values(call.request, self.route.query)
        return {**(body if isinstance(body, dict) else {}), **query, **call.request.match_info}
