"""Use cases of repositories that are handed in: a preview is made of each, if there is somebody who makes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import structlog

from kit.errors import DomainError
from kit.ids import new_id
from kit.keyring import SecretUnreadable
from services.tasks.market.deploy.port import Preview, Repository
from services.tasks.market.errors import not_claimed_by_you
from services.tasks.market.errors_github import (
    already_deploying,
    deploy_failed,
    no_deliverable,
    no_github_delivery,
    not_deployable,
)
from services.tasks.market.records import DEPLOY_ERROR, DEPLOY_PENDING, DEPLOYING, Deliverable, Deployment
from services.tasks.market.service.access import require_agent, require_reader
from services.tasks.market.service.roles import is_worker

if TYPE_CHECKING:
    from kit.caller import Caller
    from kit.clock import Clock
    from kit.keyring import KeyRing
    from services.tasks.market.deploy.port import Deployer
    from services.tasks.market.service.access import TaskAccess
    from services.tasks.market.service.attempts import FailedAttempts
    from services.tasks.market.service.deliverables import DeliverableService
    from services.tasks.market.store.deliverables import DeliverableStore
    from services.tasks.market.store.deployments import DeploymentStore

_BEING_MADE = (DEPLOY_PENDING, DEPLOYING)
# Longer than the calls of a deployer take together.
_ASKING_LIMIT = timedelta(minutes=2)
_log = structlog.get_logger(__name__)


class GithubService:
    """Hands repositories in and looks after their previews.

    Args:
        access: reads tasks.
        deliverables: takes work in.
        attempts: keeps what could not be taken in.
        store: deliverables.
        deployments: changes how their previews stand.
        deployer: makes previews.
        keys: seals environment variables.
        clock: the time.
    """

    def __init__(
        self,
        access: TaskAccess,
        deliverables: DeliverableService,
        attempts: FailedAttempts,
        store: DeliverableStore,
        deployments: DeploymentStore,
        deployer: Deployer,
        keys: KeyRing,
        clock: Clock,
    ) -> None:
        self._access = access
        self._deliverables = deliverables
        self._attempts = attempts
        self._store = store
        self._deployments = deployments
        self._deployer = deployer
        self._keys = keys
        self._clock = clock

    async def submit(
        self, caller: Caller, task_id: int, repo_url: str, branch: str, variables: Mapping[str, str], key: str | None
    ) -> Deliverable:
        """Start a preview of a repository and hand it in; with an idempotency `key`, once for that key.

        When the preview cannot be started, the task stays as it is, and the attempt is kept as a rejected deliverable.

        Raises:
            PermissionDenied: NOT_CLAIMED_BY_YOU.
            WrongState: DELIVERY_PENDING, INVALID_STATUS, MAX_REVISIONS.
            InvalidInput: GITHUB_URL_INVALID, REPO_NOT_FOUND, NOT_DEPLOYABLE.
            Unavailable: DEPLOY_FAILED; ENCRYPTION_NOT_CONFIGURED, there are variables and nothing to seal them with.
        """
        require_agent(caller)
        made_before = await self._store.made_by(caller.agent_id, task_id, key) if key else None
        if made_before is not None:
            return made_before
        await self._deliverables.check(caller, task_id)
        repository = Repository.at(repo_url)
        draft = self._sealed(Deployment(DEPLOY_PENDING, repo_url.strip(), branch), variables)
        chosen = await self._deployer.check(repository, branch)
        content = f"GitHub repo: {draft.source_repo_url} (branch: {chosen or 'main'})"
        try:
            preview = await self._deployer.start(repository, chosen, variables)
        except DomainError as error:
            failed = _with(draft, Preview(DEPLOY_ERROR, error_message=error.message))
            await self._attempts.keep(caller, task_id, content, failed)
            raise
        try:
            made = await self._deliverables.submit(caller, task_id, content, key, _with(draft, preview))
        except DomainError:
            # Somebody was faster: the task does not take this any more.
            await self._remove(preview.deployment_id)
            raise
        await self._remove_older(made)
        return made

    async def status(self, caller: Caller, task_id: int) -> Deployment:
        """Return how the preview of the newest deliverable stands.

        Raises:
            NotFound: NO_DELIVERABLE, NO_GITHUB_DELIVERY.
        """
        require_reader(caller)
        await self._access.read(task_id)
        return await self._looked_at(*await self._newest(task_id))

    async def sync(self, caller: Caller, task_id: int) -> Deployment:
        """Make the preview of the newest deliverable again, of the repository as it is now.

        Raises:
            PermissionDenied: NOT_CLAIMED_BY_YOU.
            NotFound: NO_DELIVERABLE, NO_GITHUB_DELIVERY.
            WrongState: ALREADY_DEPLOYING, NOT_DEPLOYABLE.
            Unavailable: DEPLOY_FAILED.
        """
        require_agent(caller)
        task = await self._access.read(task_id)
        if not is_worker(caller, task):
            raise not_claimed_by_you(task)
        deliverable, old = await self._newest(task_id)
        old = await self._looked_at(deliverable, old)
        if old.status in _BEING_MADE:
            raise already_deploying(task_id)
        repository = Repository.at(old.source_repo_url)
        branch = await self._still_deployable(repository, old.source_branch)
        waiting = msgspec.structs.replace(old, status=DEPLOYING, error_message="", asked_at=self._clock.now())
        if not await self._deployments.change(deliverable.id, old, waiting):
            raise already_deploying(task_id)
        return await self._started_again(deliverable, waiting, repository, branch)

    async def _started_again(
        self, deliverable: Deliverable, waiting: Deployment, repository: Repository, branch: str
    ) -> Deployment:
        try:
            preview = await self._deployer.start(repository, branch, self._opened(waiting))
        except DomainError as error:
            failed = msgspec.structs.replace(waiting, status=DEPLOY_ERROR, error_message=error.message, asked_at=None)
            await self._deployments.change(deliverable.id, waiting, failed)
            raise
        new = _with(waiting, preview)
        await self._deployments.change(deliverable.id, waiting, new)
        if waiting.deployment_id != new.deployment_id:
            await self._remove(waiting.deployment_id)
        return new

    async def _still_deployable(self, repository: Repository, branch: str) -> str:
        try:
            return await self._deployer.check(repository, branch)
        except DomainError as error:
            if error.reason in ("REPO_NOT_FOUND", "NOT_DEPLOYABLE"):
                raise not_deployable(repository.full_name, again=True) from error
            raise

    async def _newest(self, task_id: int) -> tuple[Deliverable, Deployment]:
        newest = await self._store.newest(task_id)
        if newest is None:
            raise no_deliverable(task_id)
        if newest.deployment is None:
            raise no_github_delivery(task_id)
        return newest, newest.deployment

    async def _looked_at(self, deliverable: Deliverable, deployment: Deployment) -> Deployment:
        """Return how a preview stands now, as far as that can be found out."""
        if deployment.status not in _BEING_MADE or not deployment.deployment_id or self._is_asked_for(deployment):
            return deployment
        try:
            preview = await self._deployer.look(deployment.deployment_id)
        except DomainError as error:
            _log.warning("a preview cannot be looked at now", task_id=deliverable.task_id, problem=error.message)
            return deployment
        now = _with(deployment, preview)
        if now != deployment:
            await self._deployments.change(deliverable.id, deployment, now)
        return now

    def _is_asked_for(self, deployment: Deployment) -> bool:
        """Tell whether a new preview is being asked for now: how the old one stands says nothing of it.

        After a crash nobody asks any more, and the old one is what there is.
        """
        return deployment.asked_at is not None and self._clock.now() < deployment.asked_at + _ASKING_LIMIT

    async def _remove_older(self, made: Deliverable) -> None:
        """Remove the previews of earlier deliverables of the task."""
        for deliverable in await self._store.of_task(made.task_id):
            if deliverable.id != made.id and deliverable.deployment is not None:
                await self._remove(deliverable.deployment.deployment_id)

    async def _remove(self, deployment_id: str) -> None:
        """Remove a preview; one that stays harms nobody."""
        if not deployment_id:
            return
        try:
            await self._deployer.remove(deployment_id)
        except DomainError as error:
            _log.warning("an old preview could not be removed", deployment=deployment_id, problem=error.message)

    def _sealed(self, deployment: Deployment, variables: Mapping[str, str]) -> Deployment:
        if not variables:
            return deployment
        seal_id = new_id()
        sealed = self._keys.seal(json.dumps(dict(variables)), _owner(seal_id))
        return msgspec.structs.replace(deployment, env_vars=sealed, seal_id=seal_id)

    def _opened(self, deployment: Deployment) -> dict[str, str]:
        if not deployment.env_vars:
            return {}
        try:
            text = self._keys.open(deployment.env_vars, _owner(deployment.seal_id))
        except SecretUnreadable as error:
            raise deploy_failed("The environment variables cannot be read any more") from error
        return msgspec.json.decode(text, type=dict[str, str])


def _owner(seal_id: str) -> str:
    return f"deliverable:{seal_id}"


def _with(deployment: Deployment, preview: Preview) -> Deployment:
    return msgspec.structs.replace(
        deployment,
        status=preview.status,
        deployment_id=preview.deployment_id or deployment.deployment_id,
        preview_url=preview.url or deployment.preview_url,
        error_message=preview.error_message,
        asked_at=None,
    )
