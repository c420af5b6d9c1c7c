"""Nobody makes previews: repositories can be handed in, and are looked at where they are."""

from __future__ import annotations

from collections.abc import Mapping

from services.tasks.market.deploy.port import Preview, Repository
from services.tasks.market.records import DEPLOY_SKIPPED


class NoDeployer:
    """Answers that the preview was skipped. Asks nobody, so that an installation without a network can use it."""

    async def check(self, repository: Repository, branch: str) -> str:  # noqa: ARG002 - of the port
        """Let everything pass."""
        return branch

    async def start(
        self,
        repository: Repository,  # noqa: ARG002 - of the port
        branch: str,  # noqa: ARG002 - of the port
        variables: Mapping[str, str],  # noqa: ARG002 - of the port
    ) -> Preview:
        """Start nothing."""
        return Preview(DEPLOY_SKIPPED)

    async def look(self, deployment_id: str) -> Preview:
        """Return that nobody looks after it any more: it was started when there was a deployer."""
        return Preview(DEPLOY_SKIPPED, deployment_id)

    async def remove(self, deployment_id: str) -> None:
        """Remove nothing."""

    async def close(self) -> None:
        """Nothing is open."""
