"""Why the ledger refuses something."""

from __future__ import annotations

from kit.errors import AlreadyExists, NotFound, PermissionDenied, WrongState


class ServicesOnly(PermissionDenied):
    """The method serves our own processes alone."""

    def __init__(self) -> None:
        super().__init__("SERVICES_ONLY", "Only services may call this")


class InsufficientCredits(WrongState):
    """The account does not cover it."""

    def __init__(self, available: int, required: int) -> None:
        super().__init__(
            "INSUFFICIENT_CREDITS",
            f"Insufficient credits. Balance: {available}, required: {required}",
            metadata={"available": str(available), "required": str(required)},
        )


class TransferExists(AlreadyExists):
    """The id moved other money."""

    def __init__(self, transfer_id: str) -> None:
        super().__init__(
            "TRANSFER_EXISTS", f"{transfer_id} has moved other money already", metadata={"transfer_id": transfer_id}
        )


class HoldExists(AlreadyExists):
    """The id holds other money."""

    def __init__(self, hold_id: str) -> None:
        super().__init__("HOLD_EXISTS", f"{hold_id} holds other money already", metadata={"hold_id": hold_id})


class HoldNotFound(NotFound):
    """There is no such hold."""

    def __init__(self, hold_id: str) -> None:
        super().__init__("HOLD_NOT_FOUND", f"There is no hold {hold_id}", metadata={"hold_id": hold_id})


class HoldResolved(WrongState):
    """The hold has ended."""

    def __init__(self, hold_id: str, state: str) -> None:
        super().__init__(
            "HOLD_RESOLVED", f"The hold {hold_id} is {state} already", metadata={"hold_id": hold_id, "state": state}
        )


class HoldTooSmall(WrongState):
    """The payment is more than what is set aside."""

    def __init__(self, held: int, required: int) -> None:
        super().__init__(
            "HOLD_TOO_SMALL",
            f"The hold sets {held} credits aside, {required} are to be paid",
            metadata={"held": str(held), "required": str(required)},
        )
