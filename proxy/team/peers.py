"""What workers of a host ask each other: JSON with its length ahead, over sockets that only they can
reach.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from foveate.proxy.team import Team

SIZE = struct.Struct(">I")  # bytes that follow
PATIENCE = 2.0  # seconds that an answer may take: a worker that is busy for longer is left out
Question = Mapping[str, Any]
Answer = Callable[[Question], Awaitable[Any]]


class Peers:
    """The other workers, from one worker's view; none where there is no team."""

    def __init__(self, team: Team | None) -> None:
        self._team = team
        self._server: asyncio.AbstractServer | None = None
        self._answer: Answer | None = None

    async def listen(self, answer: Answer) -> None:
        """Begin to answer the others."""
        self._answer = answer
        if self._team is None:
            return
        own = self._team.folder / f"worker-{self._team.number}.sock"
        own.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._served, str(own))

    async def aclose(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.close()

    async def ask(self, question: Question) -> list[Any]:
        """Return what every worker answers, this one first; who does not answer in time is left out."""
        assert self._answer is not None
        own = await self._answer(question)
        found = await asyncio.gather(*[_asked(each, question) for each in self._others()])
        return [own, *(answer for known, answer in found if known)]

    def _others(self) -> list[str]:
        if self._team is None:
            return []
        own = self._team.peer_address(self._team.number)
        return sorted(str(each) for each in self._team.folder.glob("worker-*.sock") if str(each) != own)

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._answer is not None
        try:
            question = await _read(reader)
            _write(writer, await self._answer(question))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _asked(address: str, question: Question) -> tuple[bool, Any]:
    """Return whether a worker has answered, and its answer."""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_unix_connection(address)
            try:
                _write(writer, question)
                return True, await _read(reader)
            finally:
                writer.close()
    except (OSError, asyncio.IncompleteReadError, TimeoutError):
        return False, None


async def _read(reader: asyncio.StreamReader) -> Any:
    (size,) = SIZE.unpack(await reader.readexactly(SIZE.size))
    return orjson.loads(await reader.readexactly(size))


def _write(writer: asyncio.StreamWriter, value: Any) -> None:
    content = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    writer.write(SIZE.pack(len(content)) + content)
