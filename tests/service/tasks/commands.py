"""What a service asks of MongoDB, as the driver reports it."""

from __future__ import annotations

from typing import Any

from bson import decode, encode
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent


class CommandRecorder(CommandListener):
    """Remembers the commands on some collections.

    Args:
        collections: which; commands on others are left out, as they belong to loops.
    """

    def __init__(self, *collections: str) -> None:
        self._collections = collections
        self.commands: list[dict[str, Any]] = []

    @property
    def names(self) -> list[str]:
        return [next(iter(command)) for command in self.commands]

    def started(self, event: CommandStartedEvent) -> None:
        # Copied at once: the driver goes on with the document that it shows.
        command = decode(encode(event.command))
        # The driver shows nothing of the commands that log in.
        if command.get(event.command_name) in self._collections:
            self.commands.append(command | {"$db": event.database_name})

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass
