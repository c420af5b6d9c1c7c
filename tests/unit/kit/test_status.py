from __future__ import annotations

from typing import Any

import grpc
import grpc.aio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit import errors
from kit.errors import DomainError, FieldViolation
from kit.status import DETAILS_KEY, abort_with, from_rpc_error, result_of, trailing_metadata

TYPES = [
    errors.InvalidInput,
    errors.Unauthenticated,
    errors.PermissionDenied,
    errors.NotFound,
    errors.AlreadyExists,
    errors.WrongState,
    errors.Conflict,
    errors.Exhausted,
    errors.Unavailable,
]
_TEXT = st.text(max_size=20)
_VIOLATIONS = st.lists(st.builds(FieldViolation, field=_TEXT, message=_TEXT, rule=_TEXT), max_size=3)


def _rpc_error(code: grpc.StatusCode, details: str | None = "words", trailers: Any = ()) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailers), details)


@given(
    kind=st.sampled_from(TYPES),
    reason=st.from_regex("[A-Z][A-Z_]{1,20}", fullmatch=True),
    message=st.text(min_size=1, max_size=40),
    metadata=st.dictionaries(_TEXT, _TEXT, max_size=3),
    violations=_VIOLATIONS,
    retry_ms=st.none() | st.integers(0, 10**9),
)
def test_every_domain_error_survives_the_way(kind, reason, message, metadata, violations, retry_ms):
    retry = None if retry_ms is None else retry_ms / 1000
    sent = kind(reason, message, metadata=metadata, violations=violations, retry_after_seconds=retry)
    code = grpc.StatusCode[sent.code]

    received = from_rpc_error(_rpc_error(code, sent.message, trailing_metadata(sent, "piecework.tasks")))

    assert type(received) is kind
    assert vars(received) == vars(sent)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, errors.Unavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.Unavailable),
        (grpc.StatusCode.CANCELLED, errors.Unavailable),
        (grpc.StatusCode.OUT_OF_RANGE, errors.InvalidInput),
        (grpc.StatusCode.INTERNAL, DomainError),
        (grpc.StatusCode.UNKNOWN, DomainError),
        (grpc.StatusCode.UNIMPLEMENTED, DomainError),
        (grpc.StatusCode.DATA_LOSS, DomainError),
    ],
)
def test_a_status_without_details_is_known_by_its_code(code, kind):
    error = from_rpc_error(_rpc_error(code))
    assert type(error) is kind
    assert (error.reason, error.message) == (code.name, "words")


def test_a_status_without_words_still_has_a_message():
    assert from_rpc_error(_rpc_error(grpc.StatusCode.UNAVAILABLE, None)).message == "unavailable"


def test_broken_details_are_ignored():
    error = from_rpc_error(_rpc_error(grpc.StatusCode.NOT_FOUND, "gone", ((DETAILS_KEY, b"\xff\xff\xff"),)))
    assert isinstance(error, errors.NotFound)
    assert (error.reason, error.message) == ("NOT_FOUND", "gone")


def test_every_code_has_an_error():
    for code in grpc.StatusCode:
        assert from_rpc_error(_rpc_error(code)).message == "words"


async def test_result_of_raises_the_domain_error_with_its_origin():
    rpc_error = _rpc_error(grpc.StatusCode.NOT_FOUND, "gone")

    async def fail() -> None:
        raise rpc_error

    async def succeed() -> str:
        return "fine"

    assert await result_of(succeed()) == "fine"
    with pytest.raises(errors.NotFound, match="gone") as caught:
        await result_of(fail())
    assert caught.value.__cause__ is rpc_error


async def test_an_abort_names_code_message_and_details():
    seen: list[Any] = []

    class Context:
        async def abort(self, *arguments: Any) -> None:
            seen.extend(arguments)

    error = errors.Conflict("STALE", "Too late")
    await abort_with(Context(), error, "piecework.tasks")  # type: ignore[arg-type]
    assert seen == [grpc.StatusCode.ABORTED, "Too late", trailing_metadata(error, "piecework.tasks")]
