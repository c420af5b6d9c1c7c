"""Every MongoDB query of projects and task types."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from kit.mongo import ensure_indexes, translated
from services.tasks.queue.errors import project_exists, task_type_exists
from services.tasks.queue.model import DELETING, Project, TaskType

_NATIVE = (datetime,)
_MAX_TYPES = 1000


class QueueStore:
    """The collections `projects` and `task_types`. Their shard keys are `operator_id` and `project_id`.

    Args:
        database: the database of the tasks service.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._projects = database["projects"]
        self._types = database["task_types"]

    async def prepare(self) -> None:
        """Create the indexes."""
        name = IndexModel([("operator_id", ASCENDING), ("name", ASCENDING)], name="name", unique=True)
        newest = IndexModel([("operator_id", ASCENDING), ("_id", DESCENDING)], name="newest")
        status = IndexModel([("status", ASCENDING)], name="status", partialFilterExpression={"status": DELETING})
        await ensure_indexes(self._projects, [name, newest, status, _idempotency("operator_id")])
        type_name = IndexModel([("project_id", ASCENDING), ("name", ASCENDING)], name="name", unique=True)
        type_newest = IndexModel([("project_id", ASCENDING), ("_id", DESCENDING)], name="newest")
        await ensure_indexes(self._types, [type_name, type_newest, _idempotency("project_id")])

    @translated()
    async def insert_project(self, project: Project) -> Project:
        """Store a new project and return it, or return the one that the same request made before.

        Raises:
            AlreadyExists: PROJECT_EXISTS.
        """
        try:
            await self._projects.insert_one(msgspec.to_builtins(project, builtin_types=_NATIVE))
        except DuplicateKeyError as error:
            same = {"operator_id": project.operator_id, "idempotency": project.idempotency}
            document = await self._projects.find_one(same) if project.idempotency else None
            if document is None:
                raise project_exists(project.name) from error
            return msgspec.convert(document, Project)
        return project

    @translated()
    async def project(self, project_id: str) -> Project | None:
        """Return a project that is not being deleted."""
        document = await self._projects.find_one({"_id": project_id, "status": {"$ne": DELETING}})
        return msgspec.convert(document, Project) if document else None

    @translated()
    async def project_named(self, operator_id: int, name: str) -> Project | None:
        """Return the operator's project of that name."""
        document = await self._projects.find_one(
            {"operator_id": operator_id, "name": name, "status": {"$ne": DELETING}}
        )
        return msgspec.convert(document, Project) if document else None

    @translated()
    async def projects(self, operator_id: int, status: str | None, limit: int, offset: int) -> list[Project]:
        """Return the operator's projects, newest first."""
        query = {"operator_id": operator_id, "status": status or {"$ne": DELETING}}
        cursor = self._projects.find(query).sort("_id", -1).skip(offset).limit(limit)
        return [msgspec.convert(document, Project) for document in await cursor.to_list()]

    @translated()
    async def update_project(self, project: Project, changes: dict[str, Any]) -> Project | None:
        """Change the fields in `changes` (dots reach into the config); None when the project is gone.

        Raises:
            AlreadyExists: PROJECT_EXISTS.
        """
        try:
            document = await self._projects.find_one_and_update(
                {"_id": project.id, "status": {"$ne": DELETING}},
                {"$set": changes},
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError as error:
            raise project_exists(str(changes.get("name"))) from error
        return msgspec.convert(document, Project) if document else None

    @translated()
    async def condemn_project(self, project: Project, now: datetime) -> None:
        """Mark a project as being deleted and free its name; nothing finds it any more."""
        doomed = {"status": DELETING, "updated_at": now, "name": f"{project.name}/{project.id}"}
        await self._projects.update_one({"_id": project.id}, {"$set": doomed, "$unset": {"idempotency": ""}})

    @translated()
    async def condemned(self, before: datetime) -> list[Project]:
        """Return projects marked as being deleted before a time."""
        documents = await self._projects.find({"status": DELETING, "updated_at": {"$lt": before}}).limit(100).to_list()
        return [msgspec.convert(document, Project) for document in documents]

    @translated()
    async def remove_project(self, project_id: str) -> None:
        """Remove a project and its types for good."""
        await self._types.delete_many({"project_id": project_id})
        await self._projects.delete_one({"_id": project_id})

    @translated()
    async def insert_type(self, task_type: TaskType) -> TaskType:
        """Store a new type and return it, or return the one that the same request made before.

        Raises:
            AlreadyExists: TASK_TYPE_EXISTS.
        """
        try:
            await self._types.insert_one(msgspec.to_builtins(task_type, builtin_types=_NATIVE))
        except DuplicateKeyError as error:
            same = {"project_id": task_type.project_id, "idempotency": task_type.idempotency}
            document = await self._types.find_one(same) if task_type.idempotency else None
            if document is None:
                raise task_type_exists(task_type.name) from error
            return msgspec.convert(document, TaskType)
        return task_type

    @translated()
    async def task_type(self, type_id: str) -> TaskType | None:
        """Return a type."""
        document = await self._types.find_one({"_id": type_id})
        return msgspec.convert(document, TaskType) if document else None

    @translated()
    async def task_types(self, project_id: str) -> list[TaskType]:
        """Return the types of a project, newest first; 1,000 at the most."""
        cursor = self._types.find({"project_id": project_id}).sort("_id", -1).limit(_MAX_TYPES)
        return [msgspec.convert(document, TaskType) for document in await cursor.to_list()]

    @translated()
    async def update_type(self, type_id: str, changes: dict[str, Any]) -> TaskType | None:
        """Change the fields in `changes`; None when the type is gone.

        Raises:
            AlreadyExists: TASK_TYPE_EXISTS.
        """
        try:
            document = await self._types.find_one_and_update(
                {"_id": type_id}, {"$set": changes}, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError as error:
            raise task_type_exists(str(changes.get("name"))) from error
        return msgspec.convert(document, TaskType) if document else None

    @translated()
    async def delete_type(self, type_id: str) -> None:
        """Remove a type."""
        await self._types.delete_one({"_id": type_id})


def _idempotency(owner: str) -> IndexModel:
    """Return the index that keeps a request which is repeated after a crash from making a second thing."""
    return IndexModel(
        [(owner, ASCENDING), ("idempotency", ASCENDING)],
        name="idempotency",
        unique=True,
        partialFilterExpression={"idempotency": {"$exists": True}},
    )
