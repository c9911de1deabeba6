"""Sends conversations through a proxy and reads what its upstream got."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from benchmarks.cost.talks import Message, Request
from benchmarks.retention.wires import WIRES, Wire
from foveate.proxy.formats.chat.counting import message_tokens
from foveate.proxy.formats.tokens import TokenCounter

READS = (0.02, 0.025, 0.033, 0.1, 0.25, 0.5, 1.0)  # what a cached token costs
WRITES = (1.0, 1.25, 2.0)  # what one costs that is written to the cache
SMALLEST, STEP = 1024, 128  # tokens: what providers cache
EXCERPTS = ("[Excerpts ", "[End of excerpts ")


class Capture:
    """An upstream of every API that answers at once and notes what it was sent."""

    def __init__(self) -> None:
        self.body: dict[str, Any] = {}
        self.port = 0

    async def start(self) -> None:
        """Listen on a free port of this machine."""
        app = web.Application(client_max_size=1 << 28)
        for wire in WIRES.values():
            app.router.add_post(f"/v1{wire.path}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close it."""
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.body = json.loads(await request.read())
        wire = next(wire for wire in WIRES.values() if request.path.endswith(wire.path))
        return web.json_response(wire.answer)


@dataclass
class Totals:
    """Sums over requests."""

    requests: int = 0
    cuts: int = 0
    breaks: int = 0  # requests that do not begin with the whole prompt before
    tokens: int = 0
    cached: int = 0
    talks: list[tuple[int, int]] = field(
        default_factory=list
    )  # tokens and cached ones of each conversation
    excerpts: int = 0  # tokens of what was recalled and stands in the prompts
    evidence: list[float] = field(default_factory=list)  # share of the groups kept, a question


def cost(tokens: int, cached: int, read: float, write: float) -> float:
    """Return what prompts cost, in fresh tokens."""
    return cached * read + (tokens - cached) * write


class Replay:
    """One way to send conversations: by an API, with some headers of its own."""

    def __init__(
        self, url: str, capture: Capture, headers: dict[str, str], wire: Wire = WIRES["chat"]
    ) -> None:
        self._wire = wire
        self._url = f"{url}/v1{wire.path}"
        self._capture = capture
        self._headers = headers
        self._counter = TokenCounter("o200k_base")
        self._sizes: dict[str, int] = {}
        self.totals = Totals()

    async def run(
        self, session: aiohttp.ClientSession, script: list[Message], requests: Sequence[Request]
    ) -> None:
        """Send a whole conversation."""
        previous: list[str] = []
        totals = self.totals
        before = totals.tokens, totals.cached
        for request in requests:
            sent = script[: request.end]
            body = self._wire.body(sent)
            async with session.post(self._url, json=body, headers=self._headers) as answer:
                answer.raise_for_status()
                await answer.read()
                self.totals.cuts += answer.headers["x-pruning-result"] == "cut"
            got = [json.dumps(m) for m in self._wire.messages(self._capture.body, sent)]
            self._count(got, previous)
            if request.groups:
                found = [any(self._holds(got, sent[i]) for i in group) for group in request.groups]
                self.totals.evidence.append(sum(found) / len(found))
            previous = got
        totals.talks.append((totals.tokens - before[0], totals.cached - before[1]))

    def _count(self, got: list[str], previous: list[str]) -> None:
        shared = next(
            (i for i, (a, b) in enumerate(zip(got, previous, strict=False)) if a != b),
            min(len(got), len(previous)),
        )
        sizes = [self._size(m) for m in got]
        prefix = sum(sizes[:shared])
        cached = prefix // STEP * STEP if prefix >= SMALLEST else 0
        totals = self.totals
        totals.requests += 1
        totals.breaks += shared < len(previous)
        totals.tokens += sum(sizes)
        totals.excerpts += sum(self._size(m, quoted=True) for m in got if EXCERPTS[0] in m)
        totals.cached += cached

    def _size(self, message: str, quoted: bool = False) -> int:
        key = f"{quoted} {message}"
        if key not in self._sizes:
            text = message.partition(EXCERPTS[0])[2].partition(EXCERPTS[1])[0]
            self._sizes[key] = (
                self._counter.text(text)
                if quoted
                else message_tokens(json.loads(message), self._counter)
            )
        return self._sizes[key]

    @staticmethod
    def _holds(got: Sequence[str], message: Message) -> bool:
        """Say whether a prompt holds a message, as it was or quoted in full."""
        text = json.dumps(message.get("content") or "")[1:-1]
        return json.dumps(message) in got or bool(
            text and not message.get("tool_calls") and any(text in m for m in got)
        )
