"""Previews by Vercel of repositories on GitHub (REST APIs: GitHub 2022-11-28, Vercel deployments v13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from services.tasks.market.deploy.api import Answer, Api
from services.tasks.market.deploy.port import Preview, Repository
from services.tasks.market.errors_github import deploy_failed, not_deployable, repo_not_found
from services.tasks.market.records import DEPLOY_ERROR, DEPLOY_READY, DEPLOYING

_DEPLOYABLE = ("package.json", "index.html")
_DEFAULT_BRANCH = "main"
_STATES = {"READY": DEPLOY_READY, "ERROR": DEPLOY_ERROR, "CANCELED": DEPLOY_ERROR}
_LONGEST_REASON = 300
_GITHUB_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


class VercelDeployer:
    """Asks GitHub what is in a repository, and Vercel to make a preview of it.

    Args:
        github_url: the API of GitHub.
        github_token: raises the limit of calls there; none is needed for public repositories.
        vercel_url: the API of Vercel.
        vercel_token: of the account that previews are made with.
        vercel_team: id of its team; empty for a personal account.
        timeout_seconds: how long one call may take.
    """

    def __init__(
        self,
        github_url: str,
        github_token: str,
        vercel_url: str,
        vercel_token: str,
        vercel_team: str = "",
        *,
        timeout_seconds: float = 10.0,
    ) -> None:
        team = {"teamId": vercel_team} if vercel_team else {}
        self._github = Api("GitHub", github_url, github_token, _GITHUB_HEADERS, {}, timeout_seconds)
        self._vercel = Api("Vercel", vercel_url, vercel_token, {}, team, timeout_seconds)

    async def check(self, repository: Repository, branch: str) -> str:
        """See `Deployer.check`."""
        path = f"/repos/{repository.full_name}"
        if not _exists(await self._github.call("HEAD", path), "GitHub"):
            raise repo_not_found(repository.full_name)
        known = await self._github.call("GET", path)
        # A token may see more than everybody may; what is private stays out.
        if not _exists(known, "GitHub") or known.body.get("private"):
            raise repo_not_found(repository.full_name)
        branch = branch or str(known.body.get("default_branch") or _DEFAULT_BRANCH)
        for name in _DEPLOYABLE:
            if _exists(await self._github.call("HEAD", f"{path}/contents/{name}", query={"ref": branch}), "GitHub"):
                return branch
        raise not_deployable(repository.full_name)

    async def start(self, repository: Repository, branch: str, variables: Mapping[str, str]) -> Preview:
        """See `Deployer.start`."""
        source = {"type": "github", "org": repository.owner, "repo": repository.name, "ref": branch}
        body: dict[str, Any] = {
            "name": _project(repository),
            "gitSource": source,
            "projectSettings": {"framework": None},
        }
        if variables:
            body |= {"env": dict(variables), "build": {"env": dict(variables)}}
        answer = await self._vercel.call("POST", "/v13/deployments", body, {"skipAutoDetectionConfirmation": "1"})
        deployment_id = answer.body.get("id")
        if not answer.is_success or not isinstance(deployment_id, str) or not deployment_id:
            raise deploy_failed(f"Vercel deployment failed: {_reason(answer, variables)}")
        return _preview(answer.body, deployment_id, variables)

    async def look(self, deployment_id: str) -> Preview:
        """See `Deployer.look`."""
        answer = await self._vercel.call("GET", _path(deployment_id))
        if answer.status == 404:
            return Preview(DEPLOY_ERROR, deployment_id, error_message="The deployment does not exist any more")
        if not answer.is_success:
            raise deploy_failed(f"Vercel answered {answer.status}")
        return _preview(answer.body, deployment_id, {})

    async def remove(self, deployment_id: str) -> None:
        """See `Deployer.remove`."""
        answer = await self._vercel.call("DELETE", _path(deployment_id))
        if not answer.is_success and answer.status != 404:
            raise deploy_failed(f"Vercel answered {answer.status}")

    async def close(self) -> None:
        """Let go of connections."""
        await self._github.close()
        await self._vercel.close()


def _exists(answer: Answer, name: str) -> bool:
    if answer.status == 404:
        return False
    if not answer.is_success:
        raise deploy_failed(f"{name} answered {answer.status}")
    return True


def _path(deployment_id: str) -> str:
    return f"/v13/deployments/{quote(deployment_id, safe='')}"


def _project(repository: Repository) -> str:
    """Return a name that Vercel allows: small letters, digits and dashes, 100 at the most."""
    name = "".join(letter if letter.isalnum() else "-" for letter in repository.full_name.lower())
    while "---" in name:  # reserved by Vercel
        name = name.replace("---", "--")
    return name[:100].strip("-")


def _preview(body: Mapping[str, Any], deployment_id: str, variables: Mapping[str, str]) -> Preview:
    state = str(body.get("readyState") or body.get("status") or "")
    status, url = _STATES.get(state, DEPLOYING), str(body.get("url") or "")
    if url and "://" not in url:
        url = f"https://{url}"
    problem = str(body.get("errorMessage") or f"The deployment is {state}") if status == DEPLOY_ERROR else ""
    return Preview(status, deployment_id, url, _without(problem, variables)[:_LONGEST_REASON])


def _reason(answer: Answer, variables: Mapping[str, str]) -> str:
    error = answer.body.get("error")
    told = error.get("message") if isinstance(error, dict) else None
    text = told if isinstance(told, str) and told else f"Vercel answered {answer.status}"
    return _without(text, variables)[:_LONGEST_REASON]


def _without(text: str, variables: Mapping[str, str]) -> str:
    """Return what somebody says without the values of environment variables, should it repeat them."""
    for value in variables.values():
        if len(value) > 3:
            text = text.replace(value, "***")
    return text
