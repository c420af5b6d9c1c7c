"""What is too large to be sent within an answer, or to be shown by a browser."""

from __future__ import annotations

from piecework.orchestrator.v1 import files_pb2, runs_pb2

from gateway.faces.runs.errors import failed

RESULT_BYTES = 3 * 1024 * 1024
FILE_BYTES = 4 * 1024 * 1024
SHOWN_CHARACTERS = 600
"""How much of what an agent said is shown where not all of it fits."""


def check_result(run: runs_pb2.Run) -> None:
    """Check that the result of a run fits into an answer.

    Raises:
        RunsFailure: 413, it does not.
    """
    if len(run.result.encode()) > RESULT_BYTES:
        raise failed(413, "RESULT_TOO_LARGE", "Task result is too large for inline retrieval")


def shown_of_talk(run: runs_pb2.Run) -> int | None:
    """Return how much of what agents and operators said fits beside the result, in characters each; None for all."""
    size = sum(len(step.result.encode()) for step in run.steps) + sum(len(said.input.encode()) for said in run.steering)
    return None if size + len(run.result.encode()) <= RESULT_BYTES else SHOWN_CHARACTERS


def check_file(file: files_pb2.File) -> None:
    """Check that a file may be shown by a browser; it can always be downloaded.

    Raises:
        RunsFailure: 413, it is too large for that.
    """
    if file.size_bytes > FILE_BYTES:
        raise failed(413, "FILE_TOO_LARGE", "File is too large for inline download")
