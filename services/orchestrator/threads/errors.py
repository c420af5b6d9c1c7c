"""What can go wrong with threads."""

from __future__ import annotations

from kit.errors import FieldViolation, InvalidInput, NotFound, WrongState


class ThreadNotFound(NotFound):
    """There is no such thread, or it belongs to somebody else."""

    def __init__(self, thread_id: int) -> None:
        super().__init__("THREAD_NOT_FOUND", f"Thread {thread_id} does not exist")


class ThreadBusy(WrongState):
    """A run is under way in the thread, and there is room for one."""

    def __init__(self, thread_id: int, run_id: str) -> None:
        super().__init__(
            "THREAD_BUSY", f"A run is under way in thread {thread_id} already", metadata={"run_id": run_id}
        )


class MetadataInvalid(InvalidInput):
    """The facts of a thread are not a JSON object."""

    def __init__(self) -> None:
        text = "must be a JSON object"
        violation = FieldViolation("metadata_json", text, "json_object")
        super().__init__("VALIDATION_FAILED", f"metadata_json {text}", violations=(violation,))
