"""Which deployer an installation has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.tasks.market.deploy.none import NoDeployer
from services.tasks.market.deploy.vercel import VercelDeployer

if TYPE_CHECKING:
    from kit.settings import Settings
    from services.tasks.market.deploy.port import Deployer


def chosen(settings: Settings) -> Deployer:
    """Return Vercel, when the settings have an account there; else nobody."""
    if settings.vercel_token:
        return VercelDeployer(
            settings.github_url,
            settings.github_token,
            settings.vercel_url,
            settings.vercel_token,
            settings.vercel_team,
        )
    return NoDeployer()
