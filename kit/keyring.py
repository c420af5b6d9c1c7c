"""Secrets at rest: AES-256-GCM (NIST SP 800-38D) under a ring of keys that can be rotated.

A sealed secret is the text `keyid:ivhex:cipherhex:taghex`. Text without the id of a key, as other programs write it, is
read with every key of the ring.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kit.errors import Unavailable

_IV_BYTES = 12
_TAG_BYTES = 16
_HEX = "(?:[0-9a-f]{2})"
_SEALED = re.compile(rf"(?:([A-Za-z0-9_-]{{1,32}}):)?({_HEX}{{12}}):({_HEX}*):({_HEX}{{16}})", re.ASCII)


class SecretUnreadable(Exception):
    """A sealed secret was changed, belongs to another owner, or its key is not on the ring."""


class KeyRing:
    """Seals secrets with its first key, and opens what any of its keys has sealed.

    `owner` binds a secret to the record that it belongs to, for example `task:<uuid>`: no other record opens it.

    Args:
        keys: ids and keys of 64 hexadecimal digits, the newest first, as `Settings.encryption_keys` has them.
    """

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        self._ciphers = {name: AESGCM(bytes.fromhex(key)) for name, key in keys}
        self._newest = keys[0][0] if keys else ""

    def require(self) -> None:
        """Check that secrets can be sealed.

        Raises:
            Unavailable: ENCRYPTION_NOT_CONFIGURED.
        """
        if not self._ciphers:
            message = "This installation has no encryption key, so it keeps no secrets"
            raise Unavailable("ENCRYPTION_NOT_CONFIGURED", message)

    def seal(self, secret: str, owner: str) -> str:
        """Return `secret` encrypted with the newest key.

        Raises:
            Unavailable: ENCRYPTION_NOT_CONFIGURED.
        """
        self.require()
        iv = os.urandom(_IV_BYTES)
        sealed = self._ciphers[self._newest].encrypt(iv, secret.encode(), owner.encode())
        return f"{self._newest}:{iv.hex()}:{sealed[:-_TAG_BYTES].hex()}:{sealed[-_TAG_BYTES:].hex()}"

    def open(self, sealed: str, owner: str) -> str:
        """Return the secret in `sealed`.

        Raises:
            SecretUnreadable: see there; the message never shows any of it.
        """
        found = _SEALED.fullmatch(sealed)
        if found is None:
            raise SecretUnreadable("this is not a sealed secret")
        name, iv, text, tag = found.groups()
        for cipher in self._candidates(name):
            try:
                return cipher.decrypt(bytes.fromhex(iv), bytes.fromhex(text + tag), owner.encode()).decode()
            except InvalidTag:
                continue
        raise SecretUnreadable("no key of the ring opens this secret for its owner")

    def is_current(self, sealed: str) -> bool:
        """Tell whether the newest key sealed this."""
        return sealed.count(":") == 3 and sealed.partition(":")[0] == self._newest

    def renew(self, sealed: str, owner: str) -> str:
        """Return the same secret under the newest key: whoever writes its record anyway writes this.

        What cannot be opened now stays as it is; perhaps its key comes back.
        """
        if not self._ciphers or self.is_current(sealed):
            return sealed
        try:
            return self.seal(self.open(sealed, owner), owner)
        except SecretUnreadable:
            return sealed

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._ciphers)})"

    def _candidates(self, name: str | None) -> Iterable[AESGCM]:
        if name is None:
            return self._ciphers.values()
        return [self._ciphers[name]] if name in self._ciphers else []
