"""State stores: where decisions outlive a request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from foveate.proxy.config import schema as config
from foveate.proxy.importer import constructor, import_class

STATES = {
    "sqlite": "foveate.proxy.pruning.states.sqlite:SqliteStates",
    "in_memory": "foveate.proxy.pruning.states.in_memory:InMemoryStates",
    "redis": "foveate.proxy.pruning.states.redis:RedisStates",
}


class StateStore(Protocol):
    """Keeps bytes by key for a while; StateStoreError where it cannot.

    A class is built with the keywords `folder`, `shared`, `url`, `max_mib` and `ttl_hours`, as far as it
    takes them. A class of somebody's own may be without `shared` and all that follows `put`, `aclose`
    aside: each process counts and learns for itself then.
    """

    remote: bool  # an answer may be long in coming
    shared: bool  # others look here too

    async def first(self, keys: Iterable[str]) -> tuple[int, bytes] | None:
        """Return the position and value of the first of `keys` that is known, None where none is."""

    async def put(self, key: str, value: bytes) -> None:
        """Keep `value`."""

    async def add(self, key: str, amount: int, seconds: int) -> int:
        """Add to the number under `key`, forgotten `seconds` after its first use; return the sum."""

    async def settled(self) -> None:
        """Return once all that was put is where others look."""

    async def tell(self, lessons: Sequence[bytes]) -> None:
        """Let others know what was learned."""

    async def news(self) -> Sequence[tuple[float, bytes]]:
        """Return what others have told since this was last asked, with how many seconds ago; the last
        hour's where it was never asked.
        """

    async def aclose(self) -> None:
        """Close what is open."""


def build_states(settings: config.State, folder: Path, shared: bool = False) -> StateStore:
    """Return the state store of the type that is set, whose files go to `folder` and are `shared` with
    other workers or not; ConfigError where there is none.
    """
    given = {"folder": folder, "shared": shared, **settings.model_dump(exclude={"type", "options"})}
    made: StateStore = constructor(
        "state", import_class("state.type", STATES, settings.type), given, settings.options
    )()
    return made
