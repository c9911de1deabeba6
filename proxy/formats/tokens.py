"""Counts the tokens of a prompt as the provider does, without asking it."""

from __future__ import annotations

import importlib.util
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import tiktoken
from tiktoken.model import encoding_name_for_model

# Overheads as in OpenAI's cookbook, "How to count tokens with tiktoken": the frame of a message, the answer's
# opening, and the TypeScript-like text that tools are rendered to.
PER_MESSAGE = 3
PER_NAME = 1
PRIMING = 3
TOOL_INIT, TOOL_INIT_CL100K, TOOL_END = 7, 10, 12
PROPERTIES_INIT, PROPERTY_KEY, ENUM_INIT, ENUM_ITEM = 3, 3, -3, 3
# Stated estimates for what is not text: an image at high detail of 1024 x 1024 (OpenAI's vision guide: 85 + 4 x 170),
# one at low detail, half a minute of audio at 20 tokens a second, and a file of three pages.
IMAGE, IMAGE_LOW, AUDIO, FILE = 765, 85, 600, 1500
FALLBACK = "o200k_base"
# tiktoken's own names of the vocabularies that litellm's wheel carries: sha1 of their addresses.
_BUNDLED = {
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
    "o200k_harmony": "fb374d419588a4632f3f557e76b4b70aebbca790",
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
    "p50k_base": "ec7223a39ce59f226a68acc30dc1af2788490e15",
}


@lru_cache(maxsize=1024)
def own_encoding(model: str) -> str | None:
    """Return the name of the model's own encoding, None where there is none here."""
    try:
        name = encoding_name_for_model(model.rsplit("/", 1)[-1])
    except KeyError:
        return None
    return name if name in _BUNDLED else None


def encoding_name(model: str) -> str:
    """Return the name of the encoding to count with; that of the newest models where the model is not OpenAI's."""
    return own_encoding(model) or FALLBACK


def is_exact(model: str) -> bool:
    """Say whether tiktoken has the model's own encoding, so that counts are more than estimates."""
    return own_encoding(model) is not None


@lru_cache(maxsize=8)
def load_encoding(name: str) -> tiktoken.Encoding:
    """Return an encoding from the vocabulary in litellm's wheel, never a download; FileNotFoundError without it."""
    spec = importlib.util.find_spec("litellm")
    folders = [
        Path(place) / "litellm_core_utils" / "tokenizers" for place in (spec and spec.submodule_search_locations) or []
    ]
    for folder in folders:
        if (folder / _BUNDLED[name]).is_file():
            os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
            encoding = tiktoken.get_encoding(name)
            encoding._mergeable_ranks.clear()  # read once, to build the coder: 28 MiB for o200k
            return encoding
    raise FileNotFoundError(f"the vocabulary of {name} is missing from the installed litellm; reinstall foveate")


class TokenCounter:
    """Counts for one encoding. Whatever it cannot read counts as its JSON text."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._encoding = load_encoding(name)

    def text(self, text: str) -> int:
        """Return the tokens of plain text; special tokens written in it count as text."""
        try:
            return len(self._encoding.encode_ordinary(text))
        except UnicodeEncodeError:  # a lone surrogate, which JSON can carry
            return len(self._encoding.encode_ordinary(text.encode("utf-8", "replace").decode()))

    def json(self, value: Any) -> int:
        """Return the tokens of a value written as JSON, the way chat templates render it."""
        return self.text(json.dumps(value, ensure_ascii=False))

    def message(self, message: dict[str, Any]) -> int:
        """Return the tokens that one message adds to a prompt."""
        count = PER_MESSAGE + self.text(str(message.get("role", "")))
        for key, value in message.items():
            if key == "content":
                count += self.content(value)
            elif key == "name" and isinstance(value, str):
                count += PER_NAME + self.text(value)
            elif key in ("tool_calls", "function_call") and value:
                count += self.json(value)
            elif key in ("refusal", "reasoning_content", "reasoning") and isinstance(value, str):
                count += self.text(value)
        return count

    def content(self, content: Any) -> int:
        """Return the tokens of a message's content: a string, or a list of parts."""
        if content is None:
            return 0
        if isinstance(content, str):
            return self.text(content)
        if isinstance(content, list):
            return sum(self.part(part) for part in content)
        return self.json(content)

    def part(self, part: Any) -> int:
        """Return the tokens of one content part."""
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "image_url":
            image = part.get("image_url")
            return IMAGE_LOW if isinstance(image, dict) and image.get("detail") == "low" else IMAGE
        if kind == "input_audio":
            return AUDIO
        if kind == "file":
            return FILE
        if isinstance(part, dict) and isinstance(text := part.get("text", part.get("refusal")), str):
            return self.text(text)
        return self.json(part)

    def tools(self, tools: Any) -> int:
        """Return the tokens of the `tools` (or the older `functions`) of a request."""
        if not isinstance(tools, list) or not tools:
            return 0
        return TOOL_END + sum(self.tool(tool) for tool in tools)

    def tool(self, tool: Any) -> int:
        """Return the tokens of one tool's definition."""
        function = tool.get("function", tool) if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            return self.json(tool)
        described = f"{function['name']}:{str(function.get('description') or '').removesuffix('.')}"
        opening = TOOL_INIT_CL100K if self.name == "cl100k_base" else TOOL_INIT
        return opening + self.text(described) + self.schema(function.get("parameters"))

    def schema(self, schema: Any) -> int:
        """Return the tokens of a JSON schema's properties, nested ones included."""
        if not isinstance(schema, dict):
            return 0
        count = 0
        properties = schema.get("properties")
        if isinstance(properties, dict) and properties:
            count += PROPERTIES_INIT
            for name, field in properties.items():
                count += PROPERTY_KEY
                if not isinstance(field, dict):
                    count += self.json({name: field})
                    continue
                described = str(field.get("description") or "").removesuffix(".")
                count += self.text(f"{name}:{field.get('type', '')}:{described}") + self.schema(field)
        if isinstance(choices := schema.get("enum"), list):
            count += ENUM_INIT + sum(ENUM_ITEM + self.text(str(choice)) for choice in choices)
        for key in ("items", "additionalProperties"):
            count += self.schema(schema.get(key))
        for key in ("anyOf", "oneOf", "allOf"):
            if isinstance(options := schema.get(key), list):
                count += sum(self.schema(option) for option in options)
        for key in ("$defs", "definitions"):
            if isinstance(definitions := schema.get(key), dict):
                count += sum(self.text(name) + self.schema(d) for name, d in definitions.items())
        return count
