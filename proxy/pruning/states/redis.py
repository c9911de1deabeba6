"""Redis as the state store: several workers or hosts share what was decided."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import islice

from foveate.proxy.errors import ConfigError, StateStoreError

try:
    import redis.asyncio
    from redis.exceptions import RedisError
except ImportError:
    raise ConfigError("state.type redis needs its client: pip install 'foveate[redis]'") from None

BATCH = 256  # keys asked for at once, the longest prefixes first


class RedisStates:
    """Values under `foveate:` keys that expire `ttl_hours` after their last use."""

    remote = True

    def __init__(self, url: str, ttl_hours: float) -> None:
        self._redis = redis.asyncio.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)
        self._ttl = max(1, int(ttl_hours * 3600))

    async def first(self, keys: Iterable[str]) -> tuple[int, bytes] | None:
        """Return the position and value of the first known key."""
        names = map(hidden, keys)
        start = 0
        try:
            while batch := list(islice(names, BATCH)):
                for offset, value in enumerate(await self._redis.mget(batch)):
                    if isinstance(value, bytes):
                        await self._redis.expire(batch[offset], self._ttl)
                        return start + offset, value
                start += len(batch)
        except (RedisError, OSError) as error:
            raise StateStoreError(str(error)) from None
        return None

    async def put(self, key: str, value: bytes) -> None:
        """Keep `value` under `key`."""
        try:
            await self._redis.set(hidden(key), value, ex=self._ttl)
        except (RedisError, OSError) as error:
            raise StateStoreError(str(error)) from None

    async def add(self, key: str, amount: int, seconds: int) -> int:
        """Add to the number under `key`, and return the sum."""
        name = hidden(key)
        try:
            async with self._redis.pipeline(transaction=True) as asking:
                asking.incrby(name, amount)
                asking.expire(name, seconds, nx=True)
                total, _ = await asking.execute()
        except (RedisError, OSError) as error:
            raise StateStoreError(str(error)) from None
        return int(total)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


def hidden(key: str) -> str:
    """Return what a key is called in Redis: a hash, so that nobody who reads there can guess who has
    sent what.
    """
    return f"foveate:{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"
