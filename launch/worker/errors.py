"""What can come between a worker and its queue.

QueueError
├── Refused       the platform understood and said no; trying again changes nothing
│   ├── SignedOut     the session or key is no longer valid
│   └── NotPiecework  it was not the platform that said no
└── Unreachable   no answer, or one that will be better later
"""

from __future__ import annotations


class QueueError(Exception):
    """A request did not do what it should."""


class Refused(QueueError):
    """The platform said no.

    Args:
        status: the HTTP status.
        message: the platform's reason.
        advice: what to do about it.
    """

    def __init__(self, status: int, message: str, advice: str = "") -> None:
        super().__init__(f"{message} (HTTP {status})")
        self.status = status
        self.message = message
        self.advice = advice


class SignedOut(Refused):
    """The session or key is not valid (any more)."""


class NotPiecework(Refused):
    """Something else answers at the address."""


class Unreachable(QueueError):
    """There was no answer, or the platform asks to come back later.

    Args:
        message: what happened.
        retry_after_seconds: when the platform wants to be asked again, if it said so.
    """

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
