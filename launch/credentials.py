"""`credentials.json`: who may do what on a fresh platform, for people and scripts to begin with."""

from __future__ import annotations

import msgspec

from kit.ids import is_id


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
        """Return the key to sign in to `project` with, an id or a name: that of the owner of the first project.

        For the id of another project it is empty: whose that is this file cannot tell, and the id opens it by itself.
        """
        return "" if is_id(project) and project != self.project.id else self.operators[0].key


class Draft(msgspec.Struct):
    """What a first start has made so far. Keys are shown once, so each is written down before the next is made.

    Attributes:
        operators: by name.
    """

    operators: dict[str, OperatorCredentials] = {}
