"""Keys of callers: made here, known to the settings by their hash alone."""

from __future__ import annotations

import hashlib
import secrets

from foveate.proxy.errors import ConfigError
from foveate.proxy.http.headers import CARRIERS, Headers

PREFIX = "fv-"  # by which a key is told from those of others
SHORTEST = 20  # characters of a key of one's own: a shorter one could be found by trying


def make_key() -> str:
    """Return a new key of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def hashed(key: bytes) -> str:
    """Return what the settings keep of a key; a plain hash will do for what nobody can guess."""
    return f"sha256:{hashlib.sha256(key).hexdigest()}"


def hash_of(key: str) -> str:
    """Return the hash of a key that somebody has chosen; ConfigError for one that could be guessed."""
    if len(key) < SHORTEST:
        raise ConfigError(
            f"a key of {len(key)} characters could be found by trying; take {SHORTEST} at the least, "
            "or have one made: foveate key NAME"
        )
    return hashed(key.encode())


def presented(headers: Headers) -> list[bytes]:
    """Return the keys that a request carries, in whichever headers."""
    found = []
    for name, value in headers:
        if name == b"authorization":
            scheme, _, key = value.strip().partition(b" ")
            found.append(key.strip() if scheme.lower() == b"bearer" else value)
        elif name in CARRIERS:
            found.append(value.strip())
    return found
