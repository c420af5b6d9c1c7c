"""What ends a command."""

from __future__ import annotations


class CommandFailed(Exception):
    """A command cannot go on; `main` prints it without a stack and ends with `status`.

    Args:
        message: what is wrong, one sentence.
        advice: what to do about it; may have several lines.
        status: the exit status, not 0.
    """

    def __init__(self, message: str, advice: str = "", *, status: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.status = status
