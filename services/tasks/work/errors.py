"""Why the engine refuses a change."""

from __future__ import annotations

from kit.errors import AlreadyExists, Conflict, FieldViolation, InvalidInput, NotFound, WrongState
from services.tasks.work.weight import MAX_ANSWER_BYTES


def item_not_found(item_id: str) -> NotFound:
    """There is no such item, or it has been deleted."""
    return NotFound("ITEM_NOT_FOUND", f"Work item {item_id} not found", metadata={"item_id": item_id})


def item_exists(item_id: str) -> AlreadyExists:
    """The id is taken."""
    return AlreadyExists("ITEM_EXISTS", f"Work item {item_id} already exists", metadata={"item_id": item_id})


def not_leased(item_id: str, state: str) -> WrongState:
    """Nobody holds the item, so no outcome can be accepted for it."""
    return WrongState("NOT_LEASED", f"Work item {item_id} is {state}, not leased", metadata={"state": state})


def stale_token(item_id: str, token: int, current: int) -> Conflict:
    """The item has been handed out again since."""
    return Conflict(
        "STALE_TOKEN",
        f"Lease token {token} of work item {item_id} is stale",
        metadata={"token": str(token), "current": str(current)},
    )


def other_holder(item_id: str, holder: str) -> Conflict:
    """Somebody else holds the item."""
    return Conflict("OTHER_HOLDER", f"Work item {item_id} is not held by {holder}", metadata={"holder": holder})


def changed_too_often(item_id: str) -> Conflict:
    """Other writers won every race for this item."""
    return Conflict(
        "TOO_MUCH_CONTENTION", f"Work item {item_id} is being changed by others; try again", retry_after_seconds=1.0
    )


def answer_too_large(field: str = "limit") -> InvalidInput:
    """The items do not fit into one answer; `field` says how many they are."""
    message = f"the answer would be larger than {MAX_ANSWER_BYTES // 1024**2} MiB; ask for fewer at a time"
    return InvalidInput("ANSWER_TOO_LARGE", f"{field}: {message}", violations=[FieldViolation(field, message, "size")])


class DuplicateItem(Exception):
    """A unique index refused an item.

    Attributes:
        index: name of the index: `_id_`, `dedupe` or `idempotency`.
    """

    def __init__(self, index: str) -> None:
        super().__init__(index)
        self.index = index
