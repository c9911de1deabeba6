"""Tokens of what a Messages request holds, its answers' usage, and errors."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from foveate.proxy.errors import RequestError, UpstreamError
from foveate.proxy.formats.messages import Messages
from foveate.proxy.formats.messages.answer import messages_usage
from foveate.proxy.formats.messages.counting import LEAST, MOST, PAGE, block_tokens, field_tokens
from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.formats.wire.usage import Usage
from support.deciding import read
from support.messages import request, result, text, use, user

WIRE = Messages()
COUNTER = TokenCounter("o200k_base")


def image(content: bytes) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "data": base64.b64encode(content).decode()}}


def png(wide: int, high: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + wide.to_bytes(4, "big") + high.to_bytes(4, "big")


@pytest.mark.parametrize(
    ("content", "tokens"),
    [
        (png(750, 750), 750),
        (png(1, 1), LEAST),
        (png(9000, 9000), MOST),
        (b"GIF89a" + (750).to_bytes(2, "little") * 2, 750),
        (b"RIFF....WEBPVP8X" + bytes(8) + (749).to_bytes(3, "little") * 2, 750),
        (b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\x02\xee\x02\xee" + bytes(9), 750),
        (b"no image at all", MOST),
        (b"\x89PNG", MOST),
    ],
)
def test_an_image_counts_by_its_size(content: bytes, tokens: int) -> None:
    assert block_tokens(image(content), COUNTER) == tokens
    inside = result("a", [image(content)])
    assert block_tokens(inside, COUNTER) == block_tokens(result("a", []), COUNTER) + tokens


def test_a_pdf_counts_by_its_pages() -> None:
    pages = base64.b64encode(b"%PDF /Type /Pages /Type /Page x /Type/Page y").decode()
    document = {"type": "document", "source": {"type": "base64", "data": pages}}
    assert block_tokens(document, COUNTER) == 2 * PAGE
    said = {"type": "document", "title": "Trains", "source": {"type": "text", "data": "one two three"}}
    assert block_tokens(said, COUNTER) == COUNTER.text("Trains") + COUNTER.text("one two three")


def test_what_is_encrypted_counts_as_what_it_hides() -> None:
    page = {"type": "web_search_result", "url": "u", "title": "t", "encrypted_content": "x" * 600}
    found = {"type": "web_search_tool_result", "tool_use_id": "s", "content": [page]}
    assert 100 <= block_tokens(found, COUNTER) <= 110


def test_system_and_tools_stand_whatever_goes() -> None:
    tool = {
        "name": "f",
        "description": "Does it",
        "input_schema": {"type": "object", "properties": {"x": {}}},
    }
    parsed = read(request([user("q")], system=[text("Be brief.")], tools=[tool]), wire=WIRE)
    assert parsed.fixed_tokens > COUNTER.text("Be brief.") + COUNTER.json(tool["input_schema"])
    assert field_tokens("tools", [{**tool, "defer_loading": True}], COUNTER) == 0
    assert field_tokens("system", "", COUNTER) == 0


def test_a_tool_counts_as_in_anthropics_guide() -> None:
    # "Token counting": 403 tokens, of which 346 are the instructions that come with any tool ("Tool use").
    place = {"type": "string", "description": "The city and state, e.g. San Francisco, CA"}
    schema = {"type": "object", "properties": {"location": place}, "required": ["location"]}
    said = "Get the current weather in a given location"
    tool = {"name": "get_weather", "description": said, "input_schema": schema}
    asked = request([user("What's the weather like in San Francisco?")], tools=[tool])
    assert read(asked, wire=WIRE).tokens + 346 == pytest.approx(403, rel=0.05)


def test_a_call_counts_its_name_and_its_arguments() -> None:
    assert block_tokens(use("a", q="x " * 100), COUNTER) > 100


@pytest.mark.parametrize(("model", "reserved"), [("claude-opus", None), ("my-llama", 4096)])
def test_what_is_reserved_for_the_answer(model: str, reserved: int | None) -> None:
    asked = request([user("q")], model=model, max_tokens=4096)
    assert WIRE.read(json.dumps(asked).encode()).max_output == reserved


USAGE = b'"usage":{"input_tokens":5,"cache_creation_input_tokens":20,"cache_read_input_tokens":300,"output_tokens":9}'


def test_usage_stands_at_a_streams_head() -> None:
    head = (
        b'event: message_start\ndata: {"type":"message_start","message":{"content":[],'
        + USAGE
        + b"}}\n\n"
    )
    assert messages_usage(head, b'data: {"type":"message_delta","usage":{"output_tokens":9}}') == Usage(
        325, 300
    )


def test_usage_stands_at_an_answers_end() -> None:
    content = b'{"content":[{"type":"tool_use","input":{"said":"\\"usage\\":{\\"input_tokens\\":1}"}}],'
    assert messages_usage(content, content + USAGE + b"}") == Usage(325, 300)
    assert messages_usage(b"", b'{"usage":{"input_tokens":7}}') == Usage(7, None)
    assert messages_usage(b"", b'{"error":{}}') is None


def test_errors_are_in_anthropics_shape() -> None:
    refused = json.loads(WIRE.error(RequestError(413, "too large")))
    assert refused == {"type": "error", "error": {"type": "request_too_large", "message": "too large"}}
    late = json.loads(WIRE.error(UpstreamError(502, "gone", "upstream_unreachable")))
    assert late["error"]["type"] == "api_error"
