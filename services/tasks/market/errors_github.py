"""Why the market refuses something about repositories and their previews."""

from __future__ import annotations

from kit.errors import DomainError, InvalidInput, NotFound, Unavailable, WrongState

_NEEDED = "Repository has no package.json or index.html at its root"


def github_url_invalid() -> InvalidInput:
    """The address names no repository on GitHub."""
    return InvalidInput("GITHUB_URL_INVALID", "Invalid GitHub URL format")


def repo_not_found(name: str) -> InvalidInput:
    """There is no such repository that everybody may read."""
    message = f"Repository {name} does not exist or is not public"
    return InvalidInput("REPO_NOT_FOUND", message, metadata={"repository": name})


def not_deployable(name: str, *, again: bool = False) -> DomainError:
    """The repository has nothing that a preview could be made of; `again` if it once had."""
    kind = WrongState if again else InvalidInput
    return kind("NOT_DEPLOYABLE", _NEEDED, metadata={"repository": name})


def deploy_failed(message: str) -> Unavailable:
    """The preview could not be started; `message` says why, without any secret."""
    return Unavailable("DEPLOY_FAILED", message)


def already_deploying(task_id: int) -> WrongState:
    """A preview is being made."""
    message = "A deployment is already in progress"
    return WrongState("ALREADY_DEPLOYING", message, metadata={"task_id": str(task_id)})


def no_deliverable(task_id: int) -> NotFound:
    """Nothing was handed in yet."""
    message = f"No deliverable found for task {task_id}"
    return NotFound("NO_DELIVERABLE", message, metadata={"task_id": str(task_id)})


def no_github_delivery(task_id: int) -> NotFound:
    """What was handed in last is no repository."""
    message = f"No GitHub delivery found for task {task_id}"
    return NotFound("NO_GITHUB_DELIVERY", message, metadata={"task_id": str(task_id)})
