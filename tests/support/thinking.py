"""A provider that binds what a model thinks to the very prompt that it was made under, and refuses it elsewhere.

Written without a look at the product's own idea of it: a seal is a hash of all that stood before, cache marks aside
and earlier thoughts included (Anthropic, "Prefix checks on thinking blocks").
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from support.upstream import Script, completion

MARKS = ("cache_control", "prompt_cache_breakpoint")
REFUSAL = (
    "messages.{at}.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation. "
    'Remove the block, or set `thinking.block_binding.prefix_mismatch_behavior` to "drop_block".'
)
Messages = list[dict[str, Any]]


def compared(message: dict[str, Any]) -> dict[str, Any]:
    """Return of a message what is compared: no marks, no nulls, a string as the one text that it is."""
    said = {name: value for name, value in message.items() if name not in MARKS and value is not None}
    content = said.get("content")
    if isinstance(content, str):
        said["content"] = [{"type": "text", "text": content}]
    elif content:
        said["content"] = [{k: v for k, v in part.items() if k not in MARKS} for part in content]
    return said


def seal(messages: Sequence[dict[str, Any]]) -> str:
    """Return what ties a thought to the prompt that it was made under."""
    told = json.dumps([compared(message) for message in messages], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def thought(prompt: Sequence[dict[str, Any]], said: str = "Let me see.") -> dict[str, Any]:
    """Return the fields of a message that a model has thought about under that prompt."""
    return {"thinking_blocks": [{"type": "thinking", "thinking": said, "signature": seal(prompt)}]}


def strangers(prompt: Sequence[dict[str, Any]]) -> list[int]:
    """Return the positions of the messages whose reasoning was made under another prompt."""
    thinking = [i for i, message in enumerate(prompt) if "thinking_blocks" in message]
    return [i for i in thinking if prompt[i]["thinking_blocks"][0]["signature"] != seal(prompt[:i])]


def thoughts(prompt: Sequence[dict[str, Any]]) -> int:
    """Return how many messages carry reasoning."""
    return sum("thinking_blocks" in message for message in prompt)


def strict(said: str = "I agree, and would act on it soon.") -> Script:
    """Answer chat completions with bound reasoning; refuse what is bound to another prompt, in Anthropic's words."""

    async def script(request: web.BaseRequest, content: bytes) -> web.StreamResponse:
        if not request.path.endswith("/chat/completions"):
            return web.json_response({"object": "list", "data": []})
        messages = json.loads(content)["messages"]
        found = strangers(messages)
        if found:
            return web.json_response(refusal(found[0]), status=400)
        answer = completion(said)
        answer["choices"][0]["message"].update(thought(messages))
        return web.json_response(answer)

    return script


def refusal(at: int) -> dict[str, Any]:
    """Return the error as LiteLLM passes it on."""
    told = {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": REFUSAL.format(at=at)},
    }
    message = f"litellm.BadRequestError: AnthropicException - {json.dumps(told)}"
    return {"error": {"message": message, "type": None, "param": None, "code": "400"}}
