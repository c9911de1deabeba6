"""A request's body in, the body to send and every verdict out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

import orjson

from foveate.proxy import services
from foveate.proxy.config.loading import load_settings
from foveate.proxy.errors import RequestError
from foveate.proxy.formats import FORMATS
from foveate.proxy.http.overrides import read_overrides
from foveate.proxy.library.thread import LoopThread
from foveate.proxy.pruning.outcome import verdicts
from foveate.proxy.pruning.request import Decision, Request
from foveate.proxy.services import Services

Body = TypeVar("Body", bytes, dict[str, Any])
CHAT = next(iter(FORMATS))
IN_MEMORY: Mapping[str, Any] = {"index": {"type": "in_memory"}, "state": {"type": "in_memory"}}


@dataclass(frozen=True, slots=True)
class Pruned(Generic[Body]):
    """What became of a request."""

    body: Body  # to send: bytes where bytes were given, else a dict
    outcome: dict[str, Any]  # as `GET /-/outcomes/{id}` gives it, without verdicts
    verdicts: list[dict[str, Any]]  # one a segment, oldest first; none where nothing was decided

    @property
    def result(self) -> str:
        """What was done, in a word: as `X-Pruning-Result` says it."""
        return str(self.outcome["result"])


class Pruner:
    """Prunes requests inside this process; nothing is sent anywhere.

    Settings come from the file `config` and from FOVEATE_ variables, as the server's do. What it remembers
    is in memory, unless `data` names a folder, or the file says where.
    """

    def __init__(self, config: Path | str | None = None, data: Path | str | None = None) -> None:
        """Load the model; ConfigError where a setting is wrong."""
        over: dict[str, Any] = {"upstream": {"type": "echo"}, "recent": {"on_disk": False}}
        over |= {"data": str(data)} if data else {}
        over |= {} if data or config else IN_MEMORY
        settings = load_settings(Path(config) if config else None, over)
        self._thread = LoopThread()
        self._services = self._thread.run(_started(settings))

    def prune(
        self,
        body: Body,
        budget: int | str = "",
        policy: str = "",
        path: str = CHAT,
        session: str | None = None,
        caller: str = "",
    ) -> Pruned[Body]:
        """Return what to send in place of `body`, a request as it would be sent to `path`.

        `budget` is what X-Pruning-Budget takes. With a `session` cuts are remembered and stand, as a
        server's do: a name, or "" for a conversation that is found again by its beginning. Without one
        each call stands alone. Callers of different names share nothing.

        RequestError for a policy, budget, session or path that is not allowed. What cannot be read comes
        back as it was, with the result `failed`.
        """
        request = self._request(_bytes(body), path, _headers(budget, policy, session), session, caller)
        return _pruned(body, self._thread.run(self._services.pruner.decide(request)))

    async def aprune(
        self,
        body: Body,
        budget: int | str = "",
        policy: str = "",
        path: str = CHAT,
        session: str | None = None,
        caller: str = "",
    ) -> Pruned[Body]:
        """Return the same as `prune`, while other work of the caller's event loop goes on."""
        request = self._request(_bytes(body), path, _headers(budget, policy, session), session, caller)
        begun = self._thread.begin(self._services.pruner.decide(request))
        return _pruned(body, await asyncio.wrap_future(begun))

    def close(self) -> None:
        """Write what waits, and close everything."""
        self._thread.run(self._services.aclose())
        self._thread.close()

    def __enter__(self) -> Pruner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _request(
        self, content: bytes, path: str, headers: dict[str, str], session: str | None, caller: str
    ) -> Request:
        wire = self._services.formats.get(path)
        if wire is None:
            raise RequestError(400, f"path {path!r} is not one of {', '.join(self._services.formats)}")
        given = [(name.encode(), value.encode("utf-8", "replace")) for name, value in headers.items()]
        wanted = read_overrides(given, frozenset(self._services.policies))
        return Request(wire, content, wanted, caller, rehearsal=session is None)


def prune(
    body: Body,
    budget: int | str = "",
    policy: str = "",
    path: str = CHAT,
    session: str | None = None,
    caller: str = "",
) -> Pruned[Body]:
    """Return what to send in place of `body`, by the default settings: `Pruner.prune`."""
    return _shared(os.getpid()).prune(body, budget, policy, path, session, caller)


async def aprune(
    body: Body,
    budget: int | str = "",
    policy: str = "",
    path: str = CHAT,
    session: str | None = None,
    caller: str = "",
) -> Pruned[Body]:
    """Return the same as `prune`, while other work of the caller's event loop goes on."""
    pruner = await asyncio.to_thread(_shared, os.getpid())
    return await pruner.aprune(body, budget, policy, path, session, caller)


@lru_cache(maxsize=1)
def _shared(process: int) -> Pruner:
    """Return the pruner of a process; a fork needs one of its own."""
    return Pruner()


async def _started(settings: Any) -> Services:
    built = services.build(settings)
    built.start()
    await built.parts.histories.opened()
    return built


def _headers(budget: int | str, policy: str, session: str | None) -> dict[str, str]:
    """Return what a client would ask for by headers."""
    asked = {
        "x-pruning": "on",
        "x-pruning-budget": str(budget),
        "x-pruning-policy": policy,
        "x-pruning-session": session or "",
        "x-pruning-sticky": "off" if session is None else "on",
    }
    return {name: value for name, value in asked.items() if value}


def _bytes(body: bytes | dict[str, Any]) -> bytes:
    return body if isinstance(body, bytes) else orjson.dumps(body)


def _pruned(given: Body, decision: Decision) -> Pruned[Body]:
    """Return a decision as the caller sees it."""
    outcome = {
        **decision.outcome.summary(),
        "failure_reason": decision.outcome.failure_reason or None,
    }
    rows = verdicts(decision.ledger.packed()) if decision.ledger else []
    body: Any = decision.body
    if not isinstance(given, bytes):
        body = orjson.loads(decision.body)
    return Pruned(body, outcome, rows)
