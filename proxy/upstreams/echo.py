"""A built-in upstream that reports what it received, so that everything can be tried without a key."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from foveate.proxy import formats
from foveate.proxy.errors import FormatError, RequestError
from foveate.proxy.formats import Format
from foveate.proxy.formats.chat import speaking as chat
from foveate.proxy.formats.messages import speaking as messages
from foveate.proxy.formats.parsed import Item, Outline
from foveate.proxy.formats.responses import speaking as responses
from foveate.proxy.formats.tokens import TokenCounter, encoding_name
from foveate.proxy.formats.wire.speech import Speech
from foveate.proxy.http.headers import Headers
from foveate.proxy.upstreams import UpstreamRequest, UpstreamResponse, once
from foveate.proxy.upstreams.strict import FAULTS

JSON: Headers = [(b"content-type", b"application/json")]
EVENTS: Headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
TOO_LONG = "context_length_exceeded"
UNSPLIT = 10**9  # tokens: nothing is cut into pieces here


class Voice(NamedTuple):
    """How an API's answers are written, whole and streamed."""

    spoken: Callable[[Speech], dict[str, Any]]
    events: Callable[[Speech, dict[str, Any]], Iterator[bytes]]


VOICES: Mapping[str, Voice] = {
    "chat": Voice(chat.spoken_completion, chat.completion_events),
    "messages": Voice(messages.spoken_message, messages.message_events),
    "responses": Voice(responses.spoken_response, responses.response_events),
}


class Echo:
    """Answers requests in their API's own shape with a report of each; `strict`, it refuses what
    providers refuse, and prompts of more than `window` tokens where that is not 0.
    """

    def __init__(self, strict: bool = False, window: int = 0) -> None:
        self._strict = strict
        self._window = window
        found = formats.load_formats().items()
        self._served = formats.by_ends({path: wire for path, wire in found if wire.name in VOICES})

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Return the report; 404 for what is neither of an API spoken here nor the list of models."""
        path = request.path.partition("?")[0]
        if request.method == "GET" and path == "/v1/models":
            model = {"id": "echo", "object": "model", "created": 0, "owned_by": "foveate"}
            return _answer(200, {"object": "list", "data": [model]})
        wire = formats.ending(path, self._served)
        if request.method != "POST" or wire is None:
            served = ", ".join(f"POST /v1{end}" for end in self._served)
            message = (
                f"the echo upstream serves {served} and GET /v1/models, not {request.method} {path}"
            )
            return _refusal(404, message)
        content = await request.content()
        try:
            body, speech = self._heard(wire, content)
        except (FormatError, RequestError) as error:
            told = error if isinstance(error, RequestError) else RequestError(400, str(error))
            return UpstreamResponse(told.status, JSON, once(wire.error(told)))
        return reply(VOICES[wire.name], body, speech)

    async def aclose(self) -> None:
        """Do nothing."""

    def _heard(self, wire: Format, content: bytes) -> tuple[dict[str, Any], Speech]:
        """Return a request and what is said of it; FormatError where it is none, RequestError where a
        provider would refuse it.
        """
        outline = wire.read(content)
        counter = TokenCounter(encoding_name(outline.model))
        items = [wire.parse(raw, counter, UNSPLIT) for raw in outline.items]
        body = orjson.loads(content)
        fault = next(FAULTS[wire.name](body), None) if self._strict else None
        if fault:
            raise RequestError(400, fault)
        speech = _report(wire, outline, items, counter)
        if 0 < self._window < speech.heard:
            raise RequestError(400, too_long(wire, speech.heard, self._window), code=TOO_LONG)
        return body, speech


def too_long(wire: Format, tokens: int, window: int) -> str:
    """Return what a provider says of a prompt that is longer than its window."""
    if wire.name == "messages":
        return f"prompt is too long: {tokens} tokens > {window} maximum"
    return (
        f"This model's maximum context length is {window} tokens. However, your messages resulted in "
        f"{tokens} tokens. Please reduce the length of the messages."
    )


def _report(wire: Format, outline: Outline, items: list[Item], counter: TokenCounter) -> Speech:
    """Return what is said of a request: who speaks how often, its tokens, and how the latest user turn
    ends.
    """
    blocks = [block for item in items for block in item.blocks]
    roles = Counter(block.role for block in blocks)
    heard = wire.priming + sum(item.tokens for item in items)
    said = ", ".join(f"{n} {role}" for role, n in roles.items())
    latest = next((block.whole for block in reversed(blocks) if block.role == "user"), "")
    text = f"echo received {len(blocks)} messages ({said}), {heard} tokens."
    if latest:
        text += f" The latest user turn ends: {latest[-200:]}"
    return Speech(text, outline.model or "echo", int(time.time()), heard, counter.text(text))


def reply(voice: Voice, body: dict[str, Any], speech: Speech) -> UpstreamResponse:
    """Return the report as an answer, or as a stream where one is asked for."""
    if body.get("stream"):
        return UpstreamResponse(200, EVENTS, _streamed(voice.events(speech, body)))
    return _answer(200, voice.spoken(speech))


async def _streamed(events: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield server-sent events, with room for other requests between them."""
    for event in events:
        yield event
        await asyncio.sleep(0)


def _refusal(status: int, message: str) -> UpstreamResponse:
    """Return an error in OpenAI's shape."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return _answer(status, {"error": error})


def _answer(status: int, value: dict[str, Any]) -> UpstreamResponse:
    """Return a JSON answer."""
    return UpstreamResponse(status, JSON, once(orjson.dumps(value)))
