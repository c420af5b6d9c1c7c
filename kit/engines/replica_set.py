"""What turns a bare `mongod` into a replica set of one node with one user."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from kit.engines.errors import EngineError
from kit.engines.ports import LOOPBACK

Document = dict[str, Any]

NAME = "rs0"
USER = "piecework"
_ROLES = ("readWriteAnyDatabase", "dbAdminAnyDatabase", "clusterMonitor")
_ALREADY_INITIALIZED = 23
_USER_EXISTS = 51003


class Administration:
    """The first and only session of the server's own identity, which knows the key file.

    Args:
        port: the port of the server on the loopback interface.
        key: the content of its key file.
    """

    def __init__(self, port: int, key: str) -> None:
        self._address = f"{LOOPBACK}:{port}"
        # With a key file, `__system` signs in with the key as its password, so that not even the first connection needs
        # the exception that lets any local process in while there is no user.
        self._client: AsyncMongoClient[Document] = AsyncMongoClient(
            f"mongodb://{self._address}",
            username="__system",
            password=key,
            authSource="local",
            directConnection=True,
            # Once in some hundred starts a server that has just begun to listen leaves its first connection unanswered.
            connectTimeoutMS=2_000,
            serverSelectionTimeoutMS=20_000,
        )

    async def __aenter__(self) -> Administration:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()
        if isinstance(error, PyMongoError):
            raise EngineError(f"MongoDB on {self._address} cannot be set up: {error}") from error

    async def form(self) -> None:
        """Make the node a replica set of one, under its present address."""
        member = {"_id": 0, "host": self._address}
        try:
            await self._client.admin.command("replSetInitiate", {"_id": NAME, "members": [member]})
        except OperationFailure as error:
            if error.code != _ALREADY_INITIALIZED:
                raise
        else:
            return
        config = (await self._client.admin.command("replSetGetConfig"))["config"]
        if config["members"][0]["host"] != self._address:
            # The port of the last run was another one. Only `force` can be used on a node that cannot find itself.
            config["members"][0]["host"] = self._address
            config["version"] += 1
            await self._client.admin.command("replSetReconfig", config, force=True)

    async def is_writable(self) -> bool:
        """Tell whether the node has become the primary."""
        hello = await self._client.admin.command("hello")
        return bool(hello["isWritablePrimary"])

    async def grant(self, password: str) -> None:
        """Give the user of the applications this password and the roles it needs."""
        rights: Document = {"pwd": password, "roles": list(_ROLES), "mechanisms": ["SCRAM-SHA-256"]}
        try:
            await self._client.admin.command("createUser", USER, **rights)
        except OperationFailure as error:
            if error.code != _USER_EXISTS:
                raise
            await self._client.admin.command("updateUser", USER, **rights)
