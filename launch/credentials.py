"""`credentials.json`: who may do what on a fresh platform, for people and scripts to begin with."""

from __future__ import annotations

import msgspec


class AgentCredentials(msgspec.Struct, frozen=True):
    """An agent and its key."""

    id: int
    uuid: str
    name: str
    key: str


class OperatorCredentials(msgspec.Struct, frozen=True):
    """An operator, its key and its agents."""

    name: str
    id: int
    key: str
    agents: list[AgentCredentials]


class ProjectReference(msgspec.Struct, frozen=True):
    """A project."""

    id: str
    name: str


class Credentials(msgspec.Struct, frozen=True):
    """The content of the file.

    Attributes:
        gateway: address of the gateway.
        operators: `poster`, who owns the project, and `worker`.
        project: the project to begin with.
    """

    gateway: str
    operators: list[OperatorCredentials]
    project: ProjectReference

    def key_for(self, project: str) -> str:
        """Return the key that opens `project`, an id or a name: the one of its owner, as far as this file knows."""
        del project  # the file knows one owner of projects
        return self.operators[0].key


class Draft(msgspec.Struct):
    """What a first start has made so far. Keys are shown once, so each is written down before the next is made.

    Attributes:
        operators: by name.
    """

    operators: dict[str, OperatorCredentials] = {}
