"""Follows the settings file while the proxy runs: a valid change serves new requests, an invalid one is
refused.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.datastructures import State

from foveate.proxy import services
from foveate.proxy.config.addresses import shown_address
from foveate.proxy.config.loading import check_access, load_settings
from foveate.proxy.config.schema import Settings, UpstreamSettings
from foveate.proxy.errors import ConfigError
from foveate.proxy.services import Services

_log = logging.getLogger("foveate.config")
PERIOD = 1.0  # seconds between looks at the file
# Of `server`: what cannot change while it runs, as `data` cannot
RESTART = ("host", "port", "log_format", "workers", "stall")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the settings come from: a file, and what the command line puts over it."""

    path: Path | None
    overrides: dict[str, Any] = field(default_factory=dict)

    def load(self) -> Settings:
        """Return the settings to serve with; ConfigError where they cannot work."""
        settings = load_settings(self.path, self.overrides)
        check_access(settings)
        return settings

    def stamp(self) -> tuple[int, int, int] | None:
        """Return what tells one state of the file from the next, None where there is no file."""
        try:
            found = self.path.stat() if self.path else None
        except OSError:
            return None
        return found and (found.st_mtime_ns, found.st_size, found.st_ino)


class Watcher:
    """Swaps `state.services` when the file changes; requests under way finish with what they began
    with.
    """

    def __init__(self, state: State, source: Source) -> None:
        self._state = state
        self._source = source
        self._stamp = source.stamp()
        self._retiring: set[asyncio.Task[None]] = set()
        self._asked = asyncio.Event()

    def wake(self) -> None:
        """Have the settings read now, whether the file has changed or not; called inside the event loop."""
        self._asked.set()

    async def run(self) -> None:
        """Look at the file every second, until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), PERIOD)
            stamp = self._source.stamp()
            if self._asked.is_set() or (stamp is not None and stamp != self._stamp):
                self._asked.clear()
                self._stamp = stamp
                await self._survived(asyncio.create_task(self.reload()))

    async def _survived(self, reloading: asyncio.Task[None]) -> None:
        """Wait for a reload; one that fails in a way that nobody has thought of is refused like any
        other.
        """
        await asyncio.wait([reloading])
        error = None if reloading.cancelled() else reloading.exception()
        if error is not None:
            self._refuse(f"{type(error).__name__}: {shown_address(str(error))}")

    def _stamp_size(self) -> int | None:
        stamp = self._source.stamp()
        return stamp and stamp[1]

    def _refuse(self, problem: str) -> None:
        reloads = self._state.services.parts.reloads
        reloads.refused += 1
        reloads.problem = problem
        _log.error("the changed settings are refused, the earlier ones stay: %s", problem)

    async def reload(self) -> None:
        """Serve new requests with the file's settings; where they cannot work, the earlier ones stay."""
        running: Services = self._state.services
        parts = running.parts
        reloads = parts.reloads
        try:
            if self._stamp_size() == 0:
                raise ConfigError(f"{self._source.path} is empty")
            wanted = self._source.load()
            check_change(wanted, running.settings)
            settings, reloads.waiting = within_reach(wanted, running.settings)
            check_access(settings)
            fresh = await asyncio.to_thread(services.rebuild, settings, running)
            await _opened(fresh, running)
        except ConfigError as error:
            self._refuse(str(error))
            return
        reloads.applied += 1
        reloads.problem = ""
        parts.cache.max_bytes = services.mebibytes(settings.cache.max_mib)
        parts.recent.limit(settings.recent.max_outcomes, services.text_bytes(settings.recent))
        logging.getLogger("foveate").setLevel(settings.server.log_level.upper())
        self._state.services = fresh
        parts.lessons.follow(fresh.parts.memory, fresh.parts.windows)
        _log.warning(
            "the changed settings serve new requests%s",
            f"; {reloads.waiting}" if reloads.waiting else "",
        )
        task = asyncio.create_task(retire(running, fresh))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


def check_change(wanted: Settings, running: Settings) -> None:
    """Raise ConfigError for a change that a half-written file makes: one after which traffic would turn
    elsewhere.
    """
    default = UpstreamSettings()
    if wanted.upstream == default and running.upstream != default:
        raise ConfigError(
            f"the file names no upstream any longer, and requests would go to {default.url}; "
            "name one, or restart foveate to forward there"
        )


def within_reach(wanted: Settings, running: Settings) -> tuple[Settings, str]:
    """Return `wanted` with what needs a restart left as it is, and a remark on that, empty where
    nothing is left.
    """
    kept = {name: getattr(running.server, name) for name in RESTART}
    on_disk = running.recent.on_disk
    reached = wanted.model_copy(
        update={
            "data": running.data,
            "server": wanted.server.model_copy(update=kept),
            "recent": wanted.recent.model_copy(update={"on_disk": on_disk}),
        }
    )
    left = [f"server.{name}" for name in kept if getattr(wanted.server, name) != kept[name]]
    left += ["recent.on_disk"] if wanted.recent.on_disk != on_disk else []
    left += ["data"] if wanted.data != running.data else []
    return reached, f"{', '.join(left)} will change with a restart" if left else ""


async def _opened(fresh: Services, running: Services) -> None:
    """Open what is new in `fresh`; ConfigError where that fails, and it is closed again."""
    fresh.pruner.start()
    histories = fresh.parts.histories
    if histories is running.parts.histories:
        return
    histories.start()
    await histories.opened()
    problems = histories.problems()
    if problems:
        await retire(fresh, running)
        raise ConfigError("; ".join(problems))


async def retire(old: Services, fresh: Services) -> None:
    """Close what `old` does not share with `fresh`, once its last request is done."""
    await old.handler.idle.wait()
    gone, kept = old.parts, fresh.parts
    if gone.upstream is not kept.upstream:
        await gone.upstream.aclose()
    if gone.histories is not kept.histories:
        await gone.histories.aclose()
    if gone.memory is not kept.memory:
        await gone.memory.aclose()
    if gone.archive and gone.archive is not kept.archive:
        await gone.archive.aclose()
