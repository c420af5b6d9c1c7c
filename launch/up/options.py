"""What `piecework up` was asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kit.settings import Settings


@dataclass(frozen=True)
class UpOptions:
    """The choices of whoever starts a platform.

    Attributes:
        settings: the configuration with the command line applied to it.
        data_dir: where data, credentials and logs are kept; None with `ephemeral`: nowhere.
        ephemeral: whether the data stays in memory and is gone at the end.
    """

    settings: Settings
    data_dir: Path | None
    ephemeral: bool
