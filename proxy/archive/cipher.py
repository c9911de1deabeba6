"""Encrypts what is kept: AES-256-GCM (NIST SP 800-38D), keyed from a secret by scrypt (RFC 7914)."""

from __future__ import annotations

import os
from importlib.util import find_spec

from foveate.proxy.errors import ArchiveError, ConfigError

SALT = 16  # bytes
NONCE = 12
COST = 2**15  # scrypt's N: about a tenth of a second and 32 MiB, once at the start
LEAST = 16  # characters of a secret
INSTALL = "pip install 'foveate[memory]'"


class Cipher:
    """Seals bytes together with what they are said to be: neither can be changed or swapped unseen."""

    def __init__(self, secret: str, salt: bytes) -> None:
        # An extra, of use only where memory is on: its import takes longer than that of most of ours
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        key = Scrypt(salt=salt, length=32, n=COST, r=8, p=1).derive(secret.encode())
        self._aead = AESGCM(key)
        self._refused = (InvalidTag, ValueError)

    def seal(self, content: bytes, about: bytes) -> bytes:
        """Return content that only the key opens, with the same `about`."""
        nonce = os.urandom(NONCE)
        return nonce + self._aead.encrypt(nonce, content, about)

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """Return what was sealed; ArchiveError where key or `about` differ, or it was changed."""
        try:
            return self._aead.decrypt(sealed[:NONCE], sealed[NONCE:], about)
        except self._refused:
            raise ArchiveError("what is kept cannot be decrypted") from None


def check_secret(secret: str) -> None:
    """Raise ConfigError where memory.key cannot serve, or what encrypts is not installed."""
    if find_spec("cryptography") is None:
        raise ConfigError(f"memory.enabled: cryptography is not installed: {INSTALL}")
    if len(secret) < LEAST:
        told = "is empty" if not secret else f"has {len(secret)} characters"
        raise ConfigError(
            f"memory.key {told}; set one of {LEAST} characters or more, best as FOVEATE_MEMORY__KEY, made by "
            'python -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
