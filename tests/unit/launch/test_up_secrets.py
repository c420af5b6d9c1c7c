"""The secrets of an installation survive every start."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from kit.keyring import KeyRing
from kit.settings import Settings
from launch.errors import CommandFailed
from launch.places import DataDirectory
from launch.up.secrets import with_secrets

CALLER_KEY = "k" * 32
GIVEN = ("given", "0c" * 32)


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    return DataDirectory(tmp_path)


def test_they_are_made_once_and_private(directory: DataDirectory) -> None:
    first = with_secrets(Settings(), directory)
    assert stat.S_IMODE(directory.secrets.stat().st_mode) == 0o600
    assert len(first.caller_key) == 64
    assert len(first.encryption_keys) == 1
    assert with_secrets(Settings(), directory) == first


def test_a_directory_from_before_there_were_encryption_keys_gets_one(directory: DataDirectory) -> None:
    directory.secrets.write_text(json.dumps({"caller_key": CALLER_KEY}))
    settings = with_secrets(Settings(), directory)
    assert settings.caller_key == CALLER_KEY
    KeyRing(settings.encryption_keys).require()


def test_a_key_of_the_settings_comes_first_and_what_the_old_one_sealed_still_opens(directory: DataDirectory) -> None:
    before = with_secrets(Settings(), directory)
    sealed = KeyRing(before.encryption_keys).seal("secret", "task:1")
    after = with_secrets(Settings(encryption_keys=(GIVEN,)), directory)
    assert after.encryption_keys == (GIVEN, *before.encryption_keys)
    ring = KeyRing(after.encryption_keys)
    assert ring.open(sealed, "task:1") == "secret"
    assert ring.renew(sealed, "task:1").startswith("given:")


def test_the_keys_of_the_settings_are_not_written_down(directory: DataDirectory) -> None:
    settings = with_secrets(Settings(encryption_keys=(GIVEN,)), directory)
    assert settings.encryption_keys == (GIVEN,)
    assert GIVEN[1] not in directory.secrets.read_text()


def test_a_damaged_file_is_named_and_not_shown(directory: DataDirectory) -> None:
    directory.secrets.write_text(json.dumps({"caller_key": CALLER_KEY, "encryption_keys": "hunter2"}))
    with pytest.raises(CommandFailed, match="encryption_keys") as failed:
        with_secrets(Settings(), directory)
    assert "hunter2" not in str(failed.value)
