"""What can go wrong with sessions."""

from __future__ import annotations

from kit.errors import FieldViolation, InvalidInput, PermissionDenied, Unauthenticated, WrongState


class NoSession(WrongState):
    """The caller has no session of its own: it came with a key, or is a service."""

    def __init__(self) -> None:
        super().__init__("NO_SESSION", "This credential has no session")


class SessionEnded(Unauthenticated):
    """The session has been closed or has expired since the caller was authenticated."""

    def __init__(self) -> None:
        super().__init__("CREDENTIAL_INVALID", "Invalid or expired session")


class ServicesOnly(PermissionDenied):
    """The method serves our own processes alone."""

    def __init__(self) -> None:
        super().__init__("SCOPE_MISSING", "Only services may call this", metadata={"scope": "service"})


class ExtendedTooFar(InvalidInput):
    """The end would lie too far ahead."""

    def __init__(self, days: int) -> None:
        message = f"would move the end of the session more than {days} days ahead"
        super().__init__(
            "VALIDATION_FAILED",
            f"extend_by_seconds: {message}",
            violations=[FieldViolation(field="extend_by_seconds", message=message, rule="session.max_ahead")],
        )
