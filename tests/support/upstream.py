"""An upstream on a real socket that records what it got and answers as a test tells it to."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Script = Callable[[web.BaseRequest, bytes], Awaitable[web.StreamResponse]]
WAIT = 15.0  # seconds after which something that should have happened has not


def until(condition: Callable[[], object]) -> None:
    """Wait for what another thread is about to do."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


@dataclass(frozen=True)
class Received:
    """One request as it came over the wire."""

    method: str
    target: str  # path and query string, still encoded
    headers: list[tuple[str, str]]  # in order, names as sent
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((v for n, v in self.headers if n.lower() == name), None)

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of a chat completion."""
        found: list[dict[str, Any]] = self.json["messages"]
        return found


class Gate:
    """Holds the upstream back until the test opens it."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def open(self) -> None:
        """Let the upstream go on."""
        self._event.set()

    async def passed(self) -> None:
        """Return once it is open."""
        deadline = time.monotonic() + WAIT
        while not self._event.is_set():
            if time.monotonic() > deadline:
                raise TimeoutError("the test never opened the gate")
            await asyncio.sleep(0.005)


@dataclass
class Upstream:
    """The server. `script` answers every request until `reset`."""

    received: list[Received] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)  # a request's head is there
    hung_up: threading.Event = field(
        default_factory=threading.Event
    )  # the proxy closed the connection early
    url: str = ""

    def __post_init__(self) -> None:
        self.reset()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(WAIT)

    def reset(self) -> None:
        """Forget what was received and answer chat completions again."""
        self.script: Script = answer_chat
        self.received.clear()
        self.arrived.clear()
        self.hung_up.clear()

    def close(self) -> None:
        """Stop serving."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(WAIT)

    @property
    def last(self) -> Received:
        """The latest request."""
        return self.received[-1]

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = web.Server(
            self._handle,
            handler_cancellation=True,
            auto_decompress=False,
            max_field_size=1 << 20,
            max_line_size=1 << 20,
        )
        runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.arrived.set()
        try:
            pieces = [piece async for piece in request.content.iter_any()]
            body = b"".join(pieces)
            headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in request.raw_headers]
            self.received.append(Received(request.method, request.raw_path, headers, body))
            return await self.script(request, body)
        except (asyncio.CancelledError, ConnectionError):
            self.hung_up.set()
            raise


def reply(status: int = 200, body: bytes = b"", headers: Sequence[tuple[str, str]] = ()) -> Script:
    """Answer with exactly that."""

    async def script(request: web.BaseRequest, _: bytes) -> web.StreamResponse:
        response = web.Response(status=status, body=body)
        for name, value in headers:
            if name.lower() in ("content-type", "content-length"):
                response.headers[name] = value
            else:
                response.headers.add(name, value)
        return response

    return script


def reply_json(value: Any, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> Script:
    """Answer with JSON."""
    return reply(status, json.dumps(value).encode(), [("Content-Type", "application/json"), *headers])


def stream(
    chunks: Sequence[bytes], gates: Mapping[int, Gate] | None = None, break_off: bool = False
) -> Script:
    """Answer with an event stream, chunk by chunk; a chunk that has a gate waits for it."""

    async def script(request: web.BaseRequest, _: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for n, chunk in enumerate(chunks):
            if gates and n in gates:
                await gates[n].passed()
            await response.write(chunk)
        if break_off:
            assert request.transport is not None
            request.transport.abort()
            return response
        await response.write_eof()
        return response

    return script


def hang(after: Sequence[bytes] | None = None) -> Script:
    """Answer nothing at all, or fall silent after those chunks."""

    async def script(request: web.BaseRequest, _: bytes) -> web.StreamResponse:
        if after is not None:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            for chunk in after:
                await response.write(chunk)
        await asyncio.sleep(600)
        raise AssertionError

    return script


async def answer_chat(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """Answer a chat completion, streamed where that was asked for; anything else with what it was."""
    try:
        asked = json.loads(body)
        wants_stream = isinstance(asked, dict) and bool(asked.get("stream"))
    except (ValueError, RecursionError):
        asked, wants_stream = {}, False
    if not request.path.endswith("/chat/completions"):
        return web.json_response(
            {"method": request.method, "target": request.raw_path, "size": len(body)}
        )
    if wants_stream:
        return await stream(chat_events(["Hello", " there", "."]))(request, body)
    tools = asked.get("tools") if isinstance(asked, dict) else None
    return web.json_response(
        completion("Hello there.", tool=tools[0]["function"]["name"] if tools else None)
    )


def completion(text: str, tool: str | None = None) -> dict[str, Any]:
    """A chat completion in OpenAI's shape."""
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if tool:
        call = {
            "id": "call_1",
            "type": "function",
            "function": {"name": tool, "arguments": '{"city": "Oslo"}'},
        }
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if tool else "stop"}],
    }  # fmt: skip


def chat_events(words: Sequence[str]) -> list[bytes]:
    """The events of a streamed chat completion, one chunk each."""
    deltas: list[dict[str, Any]] = [{"role": "assistant"}, *({"content": word} for word in words), {}]
    rows = [
        {
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o",
            "choices": [{"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}],
        }
        for delta in deltas
    ]  # fmt: skip
    return [b"data: " + json.dumps(row).encode() + b"\n\n" for row in rows] + [b"data: [DONE]\n\n"]
