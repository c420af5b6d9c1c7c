"""What the market needs of whoever makes previews of repositories."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

import msgspec

from services.tasks.market.errors_github import github_url_invalid

_OWNER = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})"
_NAME = r"[A-Za-z0-9._-]{1,100}"
_URL = re.compile(rf"(?:https?://)?(?:www\.)?github\.com/({_OWNER})/({_NAME}?)(?:\.git)?/?", re.ASCII | re.IGNORECASE)


class Repository(msgspec.Struct, frozen=True):
    """A public repository on GitHub."""

    owner: str
    name: str

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"

    @classmethod
    def at(cls, url: str) -> Repository:
        """Return the repository that an address names.

        Raises:
            InvalidInput: GITHUB_URL_INVALID.
        """
        found = _URL.fullmatch(url.strip())
        if found is None or found[2] in (".", ".."):
            raise github_url_invalid()
        return cls(found[1], found[2])


class Preview(msgspec.Struct, frozen=True):
    """How a preview stands.

    Attributes:
        status: as in `records.Deployment`.
        deployment_id: what the deployer calls it; empty when nobody makes it.
        url: where it can be looked at; empty when that is not known.
        error_message: what went wrong.
    """

    status: str
    deployment_id: str = ""
    url: str = ""
    error_message: str = ""


class Deployer(Protocol):
    """Makes previews of repositories. Whatever it raises tells no token and no environment variable."""

    async def check(self, repository: Repository, branch: str) -> str:
        """Return the branch to deploy: `branch` or, when that is empty, the repository's own.

        Raises:
            InvalidInput: REPO_NOT_FOUND, NOT_DEPLOYABLE.
            Unavailable: DEPLOY_FAILED, it cannot be found out now.
        """
        ...

    async def start(self, repository: Repository, branch: str, variables: Mapping[str, str]) -> Preview:
        """Start a preview with these environment variables.

        Raises:
            Unavailable: DEPLOY_FAILED.
        """
        ...

    async def look(self, deployment_id: str) -> Preview:
        """Return how a preview stands.

        Raises:
            Unavailable: DEPLOY_FAILED, it cannot be found out now.
        """
        ...

    async def remove(self, deployment_id: str) -> None:
        """Remove a preview, if it is still there.

        Raises:
            Unavailable: DEPLOY_FAILED, it may still be there.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
