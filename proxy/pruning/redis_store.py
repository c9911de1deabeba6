"""Redis as the state store: several workers or hosts share what was decided."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import redis.asyncio
from redis.exceptions import RedisError

from foveate.proxy.pruning.state_store import StateStore, StateStoreError

BATCH = 256  # keys asked for at once, the longest prefixes first


class RedisStateStore(StateStore):
    """Values under `foveate:` keys that expire `ttl` seconds after their last use."""

    remote = True

    def __init__(self, url: str, ttl: float) -> None:
        self._redis = redis.asyncio.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)
        self._ttl = max(1, int(ttl))

    async def first(self, keys: Sequence[str]) -> tuple[int, bytes] | None:
        """Return the position and value of the first known key."""
        try:
            for start in range(0, len(keys), BATCH):
                names = [name(key) for key in keys[start : start + BATCH]]
                for offset, value in enumerate(await self._redis.mget(names)):
                    if isinstance(value, bytes):
                        await self._redis.expire(names[offset], self._ttl)
                        return start + offset, value
        except (RedisError, OSError) as error:
            raise StateStoreError(str(error)) from None
        return None

    async def put(self, key: str, value: bytes) -> None:
        """Keep `value` under `key`."""
        try:
            await self._redis.set(name(key), value, ex=self._ttl)
        except (RedisError, OSError) as error:
            raise StateStoreError(str(error)) from None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


def name(key: str) -> str:
    """Return what a key is called in Redis: a hash, so that nobody who reads there can guess who has sent what."""
    return f"foveate:{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"
