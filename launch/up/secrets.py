"""The secrets of an installation: made when it starts for the first time, and never lost after that."""

from __future__ import annotations

import secrets

from kit import setting_values
from kit.settings import Settings
from launch import places
from launch.errors import CommandFailed
from launch.places import DataDirectory, PlatformSecrets

_KEY_BYTES = 32


def with_secrets(settings: Settings, directory: DataDirectory) -> Settings:
    """Return the settings with what they leave open taken from the directory, where it is kept.

    The encryption keys of the directory stay on the ring behind those of the settings: what they sealed must be opened.

    Raises:
        CommandFailed: the file of the secrets is damaged.
    """
    known = places.read(directory.secrets, PlatformSecrets) or PlatformSecrets("")
    caller_key = settings.caller_key or known.caller_key or secrets.token_hex(_KEY_BYTES)
    text = known.encryption_keys
    if not text and not settings.encryption_keys:
        text = f"k{secrets.token_hex(4)}:{secrets.token_hex(_KEY_BYTES)}"
    places.write(directory.secrets, PlatformSecrets(caller_key, text))
    try:
        kept = setting_values.encryption_keys(text) if text else ()
    except ValueError as error:
        raise CommandFailed(f"encryption_keys in {directory.secrets} must be {error}") from None
    named = {name for name, _ in settings.encryption_keys}
    ring = (*settings.encryption_keys, *(key for key in kept if key[0] not in named))
    return settings.replace(caller_key=caller_key, encryption_keys=ring)
