"""Why a model does not answer. What a provider said is in none of them: it may repeat keys."""

from __future__ import annotations

from kit.errors import InvalidInput, PermissionDenied, Unavailable, WrongState

# Asking again does not help until somebody changes something.
PERMANENT = frozenset({"MODEL_UNKNOWN", "MODEL_AUTH_FAILED", "MODEL_REQUEST_REFUSED"})


class ModelUnknown(InvalidInput):
    """The catalogue has no such model."""

    def __init__(self, model_id: str) -> None:
        super().__init__("MODEL_UNKNOWN", f"There is no model {model_id}", metadata={"model": model_id})


class ModelUnavailable(Unavailable):
    """The model cannot be used now.

    Args:
        model_id: the model.
        cause: `rate_limited`, `busy`, `server_error`, `unreachable` or `silent`.
        retry_after_seconds: when to try again, if known.
    """

    def __init__(self, model_id: str, cause: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(
            "MODEL_UNAVAILABLE",
            f"The model {model_id} cannot be used now: {_CAUSES[cause]}",
            metadata={"model": model_id, "cause": cause},
            retry_after_seconds=retry_after_seconds,
        )
        self.cause = cause


class ModelTimedOut(Unavailable):
    """The model did not end its answer in time."""

    def __init__(self, model_id: str, seconds: float) -> None:
        super().__init__(
            "MODEL_TIMED_OUT",
            f"The model {model_id} timed out: it did not end its answer within {seconds:.3g} s",
            metadata={"model": model_id},
        )


class ModelAuthFailed(WrongState):
    """The provider refuses the key of this installation, or there is none."""

    def __init__(self, model_id: str) -> None:
        super().__init__(
            "MODEL_AUTH_FAILED",
            f"The provider of the model {model_id} does not accept this installation",
            metadata={"model": model_id},
        )


class ModelRequestRefused(InvalidInput):
    """The provider does not take this request, for example because it is too long."""

    def __init__(self, model_id: str, status: int) -> None:
        super().__init__(
            "MODEL_REQUEST_REFUSED",
            f"The provider of the model {model_id} refused the request with status {status}",
            metadata={"model": model_id, "status": str(status)},
        )


class ModelAnswerInvalid(Unavailable):
    """What came is not an answer.

    Args:
        model_id: the model.
        problem: completes the sentence "The answer of the model …".
    """

    def __init__(self, model_id: str, problem: str) -> None:
        super().__init__(
            "MODEL_ANSWER_INVALID", f"The answer of the model {model_id} {problem}", metadata={"model": model_id}
        )


class ServicesOnly(PermissionDenied):
    """The method serves our own processes alone."""

    def __init__(self) -> None:
        super().__init__("SERVICES_ONLY", "Only services may call this")


_CAUSES = {
    "rate_limited": "its provider gets too many requests",
    "busy": "too many calls are under way",
    "server_error": "its provider has a problem",
    "unreachable": "its provider cannot be reached",
    "silent": "its provider says nothing",
}
