"""Redis as the state store: several hosts share what was decided."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from foveate.proxy.errors import ConfigError, StateStoreError

try:
    import redis.asyncio
    from redis.exceptions import RedisError
except ImportError:
    raise ConfigError("state.type redis needs its client: pip install 'foveate[redis]'") from None

LESSONS = "foveate:lessons"
LIFETIME = 3600  # seconds for which a lesson is told
MOST = 4000  # lessons that are kept
BATCH = 256  # keys asked for at once, the longest prefixes first


class RedisStates:
    """Values under `foveate:` keys that expire `ttl_hours` after their last use."""

    remote = shared = True

    def __init__(self, url: str, ttl_hours: float) -> None:
        self._redis = redis.asyncio.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)
        self._ttl = max(1, int(ttl_hours * 3600))
        self._name = secrets.token_hex(8).encode()
        self._heard: bytes | None = None  # the id of the last lesson

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

    async def settled(self) -> None:
        """Return: what was put is there."""

    async def tell(self, lessons: Sequence[bytes]) -> None:
        """Put lessons into the stream that all read."""
        try:
            async with self._redis.pipeline(transaction=False) as asking:
                for lesson in lessons:
                    told: dict[Any, Any] = {b"teller": self._name, b"lesson": lesson}
                    asking.xadd(LESSONS, told, maxlen=MOST, approximate=True)
                asking.expire(LESSONS, LIFETIME)
                await asking.execute()
        except (RedisError, OSError) as error:
            raise StateStoreError(str(error)) from None

    async def news(self) -> Sequence[tuple[float, bytes]]:
        """Return what others have put there since this was last asked; by Redis's clock."""
        try:
            seconds, _ = await self._redis.time()
            since = self._heard or b"%d-0" % (1000 * (seconds - LIFETIME))
            rows: Any = await self._redis.xrange(LESSONS, b"(" + since, b"+", MOST)
        except (RedisError, OSError) as error:
            raise StateStoreError(str(error)) from None
        if rows:
            self._heard = rows[-1][0]
        others = [(key, row) for key, row in rows if row.get(b"teller") != self._name]
        return [
            (max(0.0, seconds - int(key.split(b"-")[0]) / 1000), row[b"lesson"]) for key, row in others
        ]

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


def hidden(key: str) -> str:
    """Return what a key is called in Redis: a hash, so that nobody who reads there can guess who has
    sent what.
    """
    return f"foveate:{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"
