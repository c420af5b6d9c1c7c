"""What the tests of this folder run on."""

from __future__ import annotations

from tests.service.orchestrator.features import features

__all__ = ["features"]
