"""Tokens of a chat completion's messages and of what stands beside them."""

from __future__ import annotations

import re
from typing import Any

from foveate.proxy.formats.chat.reasoning import FIELDS, is_thought, thinks, thought_tokens
from foveate.proxy.formats.tokens import AUDIO, FILE, IMAGE, IMAGE_LOW, TokenCounter
from foveate.proxy.formats.wire.reading import part_kind
from foveate.proxy.formats.wire.tools import tools_tokens

# As in OpenAI's cookbook, "How to count tokens with tiktoken": the frame of a message, a name, the
# answer's opening.
PER_MESSAGE = 3
PER_NAME = 1
PRIMING = 3
_CALLED = ("tool_calls", "function_call")
_GUESSED = frozenset({"images", "audio", *FIELDS})
# Where each kind of part says something in plain text.
_SPOKEN = {"text": "text", "refusal": "refusal", "input_text": "text", "output_text": "text"}
_MEDIUM = re.compile(r"(?:input_|output_)?(image|audio|video|file|document|pdf)(?:_url|_file)?")
_MEDIA = {"image": IMAGE, "audio": AUDIO, "video": AUDIO, "file": FILE, "document": FILE, "pdf": FILE}


def message_tokens(message: dict[str, Any], counter: TokenCounter) -> int:
    """Return the tokens that one message adds to a prompt."""
    count = PER_MESSAGE + counter.text(str(message.get("role", "")))
    for key, value in message.items():
        if key == "content":
            count += _content_tokens(value, counter)
        elif key == "name" and isinstance(value, str):
            count += PER_NAME + counter.text(value)
        elif key in _CALLED and value:
            count += counter.json(value)
        elif key == "refusal" and isinstance(value, str):
            count += counter.text(value)
        # OpenRouter's: pictures that the model has made
        elif key == "images" and isinstance(value, list):
            count += sum([part_tokens(part, counter) for part in value])
        elif key == "audio" and value:  # an answer that was spoken, by its id
            count += AUDIO
    return count + thought_tokens(message, counter) if thinks(message) else count


def is_guessed(message: dict[str, Any]) -> bool:
    """Say whether a message holds what is not plain text, so that a provider may count it in quite
    another way.
    """
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    odd = any(part_kind(part) not in _SPOKEN for part in parts)
    return odd or isinstance(content, dict) or not _GUESSED.isdisjoint(message)


def _content_tokens(content: Any, counter: TokenCounter) -> int:
    """Return the tokens of a message's content: a string, or a list of parts."""
    if content is None:
        return 0
    if isinstance(content, str):
        return counter.text(content)
    if isinstance(content, list):
        return sum(part_tokens(part, counter) for part in content if not is_thought(part))
    return counter.json(content)


def part_tokens(part: Any, counter: TokenCounter) -> int:
    """Return the tokens of one content part: stated estimates of what is no text, the JSON of what is
    not known.
    """
    if isinstance(part, str):
        return counter.text(part)
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str):
        return counter.json(part)
    said = part.get(_SPOKEN.get(kind, ""))
    if isinstance(said, str):
        return counter.text(said)
    return media_tokens(part, kind) or counter.json(part)


def media_tokens(part: dict[str, Any], kind: str) -> int:
    """Return the estimate for a picture, a recording or a file, whatever API calls it so; 0 where it is
    none.
    """
    medium = _MEDIUM.fullmatch(kind)
    if medium is None or (kind == "document" and carries_text(part)):
        return 0
    image = part.get("image_url")
    if isinstance(image, dict) and image.get("detail") == "low":
        return IMAGE_LOW
    return _MEDIA[medium[1]]


def carries_text(part: dict[str, Any]) -> bool:
    """Say whether a document is text, which counts as it stands."""
    source = part.get("source")
    return part_kind(source) in ("text", "content")


def standing_tokens(name: str, value: Any, counter: TokenCounter) -> int:
    """Return the tokens of `tools`, the older `functions`, or a `response_format` with its schema."""
    if name != "response_format":
        return tools_tokens(value, counter)
    schema = value.get("json_schema") if isinstance(value, dict) else None
    return counter.json(schema) if schema else 0
