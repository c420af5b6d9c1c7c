"""What failures of an endpoint mean."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import openai
import structlog

from kit.errors import DomainError
from services.orchestrator.models.errors import (
    ModelAnswerInvalid,
    ModelAuthFailed,
    ModelRequestRefused,
    ModelUnavailable,
)
from services.orchestrator.models.providers.wire import WireLimitExceeded

_log = structlog.get_logger(__name__)
# Also the account of the platform that has run dry.
_NOT_ACCEPTED = frozenset({401, 402, 403})
_TRY_AGAIN = frozenset({408, 409, 425})
_TOO_MANY = 429
_MOST_SECONDS = 24 * 3600.0


class Broken(Exception):
    """A part of an answer is not what was agreed on."""


def translate(error: Exception, model_id: str, *, begun: bool) -> DomainError:
    """Return what a failure means for the call of a model, of whose answer a part was there already or not.

    The log gets the kind of failure; what the provider said stays here, for it may repeat keys.
    """
    status = error.status_code if isinstance(error, openai.APIStatusError) else None
    _log.warning("a call of a model failed", model=model_id, failure=type(error).__name__, status=status)
    if isinstance(error, openai.APIStatusError):
        return _refusal(error, model_id)
    if isinstance(error, WireLimitExceeded) or isinstance(error.__cause__, WireLimitExceeded):
        return ModelAnswerInvalid(model_id, "does not end")
    if isinstance(error, openai.APIResponseValidationError):
        return ModelAnswerInvalid(model_id, "is not what was agreed on")
    if begun:
        return ModelAnswerInvalid(model_id, "broke off")
    if isinstance(error, openai.APITimeoutError) or "Timeout" in type(error).__name__:
        return ModelUnavailable(model_id, "silent")
    if isinstance(error, openai.APIError) and not isinstance(error, openai.APIConnectionError):
        # An event of the stream told of a failure.
        return ModelUnavailable(model_id, "server_error")
    return ModelUnavailable(model_id, "unreachable")


def _refusal(error: openai.APIStatusError, model_id: str) -> DomainError:
    status = error.status_code
    if status in _NOT_ACCEPTED:
        return ModelAuthFailed(model_id)
    if status == _TOO_MANY:
        return ModelUnavailable(model_id, "rate_limited", retry_after(error.response.headers))
    if status >= 500 or status in _TRY_AGAIN:
        return ModelUnavailable(model_id, "server_error", retry_after(error.response.headers))
    return ModelRequestRefused(model_id, status)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a provider asks to wait: a number or a date (RFC 9110), or milliseconds."""
    value, scale = headers.get("retry-after-ms"), 0.001
    if value is None:
        value, scale = headers.get("retry-after"), 1.0
    if value is None:
        return None
    try:
        seconds = float(value) * scale
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), _MOST_SECONDS) if seconds == seconds else None
