"""The settings of a command, and what is said when they are wrong."""

from __future__ import annotations

from kit.settings import Settings, SettingsError
from launch.errors import CommandFailed


def configured() -> Settings:
    """Return the settings of the environment.

    Raises:
        CommandFailed: a value is wrong.
    """
    try:
        return Settings.from_environment()
    except SettingsError as error:
        raise CommandFailed(str(error), status=2) from error


def require(settings: Settings, *names: str) -> None:
    """Check that fields are set.

    Raises:
        CommandFailed: some are not.
    """
    try:
        settings.require(*names)
    except SettingsError as error:
        raise CommandFailed(str(error), status=2) from error
