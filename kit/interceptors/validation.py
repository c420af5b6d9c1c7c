"""The rules of shape, which stand once: as `buf.validate` options in the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from protovalidate import Validator

from kit.errors import FieldViolation, InvalidInput
from kit.interceptors.methods import Behaviour, MethodInterceptor

REASON = "VALIDATION_FAILED"


class ValidationInterceptor(MethodInterceptor):
    """Refuses requests that break a rule of their message.

    The rules of a message are compiled when the first one arrives, which takes some milliseconds once; after that a
    check takes microseconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self._validator = Validator()

    def check(self, message: Any) -> None:
        """Check one message against its rules.

        Raises:
            InvalidInput: `VALIDATION_FAILED`, with one violation for each broken rule.
        """
        if violations := self._validator.collect_violations(message):
            fields = [_violation(violation.proto) for violation in violations]
            summary = "; ".join(f"{violation.field}: {violation.message}" for violation in fields[:3])
            raise InvalidInput(REASON, f"The request is not valid: {summary}", violations=fields)

    def around_call(self, method: str, behaviour: Behaviour, *, streams_requests: bool) -> Behaviour:  # noqa: ARG002
        """Return `behaviour` with its request or requests checked."""
        if streams_requests:

            async def checked_stream(requests: Any, context: Any) -> Any:
                return await behaviour(self._checked(requests), context)

            return checked_stream

        async def checked(request: Any, context: Any) -> Any:
            self.check(request)
            return await behaviour(request, context)

        return checked

    def around_stream(self, method: str, behaviour: Behaviour, *, streams_requests: bool) -> Behaviour:  # noqa: ARG002
        """Return `behaviour` with its request or requests checked."""

        async def checked(request: Any, context: Any) -> Any:
            if streams_requests:
                request = self._checked(request)
            else:
                self.check(request)
            async with aclosing(behaviour(request, context)) as responses:
                async for response in responses:
                    yield response

        return checked

    async def _checked(self, requests: Any) -> AsyncIterator[Any]:
        async for request in requests:
            self.check(request)
            yield request


def _violation(proto: Any) -> FieldViolation:
    return FieldViolation(field=_path(proto.field), message=proto.message, rule=proto.rule_id)


def _path(field: Any) -> str:
    """Return the path as the contract writes it, for example `tasks[3].type_id`."""
    if field is None:
        return ""
    return ".".join(_element(element) for element in field.elements)


def _element(element: Any) -> str:
    subscript = element.subscript
    if subscript is None:
        return str(element.field_name)
    key = subscript.value
    return f'{element.field_name}["{key}"]' if isinstance(key, str) else f"{element.field_name}[{key}]"
