"""The ring of keys: what it seals only its owner's record opens, whichever key is the newest."""

from __future__ import annotations

import io
import logging
import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kit.errors import Unavailable
from kit.keyring import KeyRing, SecretUnreadable

OLD = ("2025", "0b" * 32)
NEW = ("2026", "A1" * 32)
SECRET = "sk-or-v1-ü€-secret"
OWNER = "task:7"


def test_what_was_sealed_can_be_opened() -> None:
    ring = KeyRing([NEW])
    sealed = ring.seal(SECRET, OWNER)
    name, iv, text, tag = sealed.split(":")
    assert (name, len(iv), len(text), len(tag)) == ("2026", 24, 2 * len(SECRET.encode()), 32)
    assert ring.open(sealed, OWNER) == SECRET
    assert ring.seal(SECRET, OWNER) != sealed
    assert ring.open(ring.seal("", OWNER), OWNER) == ""


@pytest.mark.parametrize("part", [1, 2, 3])
def test_a_changed_bit_is_noticed(part: int) -> None:
    ring = KeyRing([NEW])
    parts = ring.seal(SECRET, OWNER).split(":")
    parts[part] = f"{int(parts[part][:2], 16) ^ 1:02x}{parts[part][2:]}"
    with pytest.raises(SecretUnreadable):
        ring.open(":".join(parts), OWNER)


def test_a_shorter_text_is_noticed() -> None:
    ring = KeyRing([NEW])
    name, iv, text, tag = ring.seal(SECRET, OWNER).split(":")
    for changed in (f"{name}:{iv}:{text[:-2]}:{tag}", f"{name}:{iv}::{tag}", f"{name}:{iv}:{text}:{tag[:-2]}"):
        with pytest.raises(SecretUnreadable):
            ring.open(changed, OWNER)


@pytest.mark.parametrize("text", ["", SECRET, "a:b:c", "2026:zz:00:00", "2026:" + "00" * 12 + "::" + "00" * 16 + "\n"])
def test_what_is_not_sealed_cannot_be_opened(text: str) -> None:
    with pytest.raises(SecretUnreadable, match="not a sealed secret"):
        KeyRing([NEW]).open(text, OWNER)


def test_another_record_cannot_use_it() -> None:
    ring = KeyRing([NEW])
    with pytest.raises(SecretUnreadable):
        ring.open(ring.seal(SECRET, "task:7"), "task:8")


def test_another_key_does_not_open_it() -> None:
    sealed = KeyRing([NEW]).seal(SECRET, OWNER)
    for ring in (KeyRing([OLD]), KeyRing([("2026", OLD[1])]), KeyRing([])):
        with pytest.raises(SecretUnreadable):
            ring.open(sealed, OWNER)


def test_an_old_key_still_opens_and_the_next_write_moves_it_to_the_new_one() -> None:
    sealed = KeyRing([OLD]).seal(SECRET, OWNER)
    ring = KeyRing([NEW, OLD])
    assert ring.open(sealed, OWNER) == SECRET
    assert not ring.is_current(sealed)
    renewed = ring.renew(sealed, OWNER)
    assert renewed.startswith("2026:")
    assert ring.is_current(renewed)
    assert ring.renew(renewed, OWNER) == renewed
    assert KeyRing([NEW]).open(renewed, OWNER) == SECRET


def test_what_cannot_be_opened_is_not_touched() -> None:
    sealed = KeyRing([OLD]).seal(SECRET, OWNER)
    assert KeyRing([NEW]).renew(sealed, OWNER) == sealed
    assert KeyRing([]).renew(sealed, OWNER) == sealed
    assert KeyRing([NEW, OLD]).renew(sealed, "another") == sealed


def test_text_without_the_id_of_a_key_is_read_too() -> None:
    iv = os.urandom(12)
    sealed = AESGCM(bytes.fromhex(OLD[1])).encrypt(iv, SECRET.encode(), OWNER.encode())
    plain = f"{iv.hex()}:{sealed[:-16].hex()}:{sealed[-16:].hex()}"
    ring = KeyRing([NEW, OLD])
    assert ring.open(plain, OWNER) == SECRET
    assert ring.is_current(ring.renew(plain, OWNER))


def test_without_a_key_nothing_is_stored() -> None:
    ring = KeyRing([])
    for store in (ring.require, lambda: ring.seal(SECRET, OWNER)):
        with pytest.raises(Unavailable) as refused:
            store()
        assert refused.value.reason == "ENCRYPTION_NOT_CONFIGURED"
    KeyRing([NEW]).require()


def test_nothing_secret_is_shown() -> None:
    ring = KeyRing([NEW, OLD])
    sealed = ring.seal(SECRET, OWNER)
    output = io.StringIO()
    log = logging.Logger("test")
    log.addHandler(logging.StreamHandler(output))
    try:
        ring.open(sealed, "another")
    except SecretUnreadable:
        log.exception("cannot be opened with %r", ring)
    shown = output.getvalue() + repr(ring) + str(ring)
    assert "KeyRing(2026, 2025)" in shown
    for hidden in (SECRET, sealed.split(":")[2], NEW[1].lower(), OLD[1]):
        assert hidden not in shown.lower()
