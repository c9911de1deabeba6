"""OpenAI's chat completions (API reference, "Create chat completion")."""

from __future__ import annotations

from collections.abc import Sequence

from foveate.proxy.errors import FormatError, RequestError
from foveate.proxy.formats.chat import counting
from foveate.proxy.formats.chat.answer import chat_usage
from foveate.proxy.formats.chat.message import read_message
from foveate.proxy.formats.chat.request import chat_outline
from foveate.proxy.formats.chat.rewriting import rewrite_chat
from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.parsed import NO_TEXTS, Item, Outline, Parsed, Prompt, Texts
from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.formats.wire.beginnings import AFRESH, Earlier
from foveate.proxy.formats.wire.reading import decoded
from foveate.proxy.formats.wire.usage import Usage


class Chat:
    """Messages with roles; a message is an item of one block."""

    name = "chat"
    priming = counting.PRIMING

    def read(self, body: bytes, earlier: Earlier = AFRESH) -> Outline:
        """Return a request with its messages told apart; FormatError where it is no chat completion."""
        return chat_outline(body, earlier)

    def parse(self, raw: bytes, counter: TokenCounter, split_over: int) -> Item:
        """Return a message as it is understood."""
        block, guessed = read_message(raw, counter, split_over)
        return Item(block.id, block.tokens, (block,), guessed)

    def standing(self, name: str, raw: bytes, counter: TokenCounter) -> int:
        """Return the tokens of tools, functions or a response format."""
        return counting.standing_tokens(name, decoded(raw), counter)

    def rebuild(self, parsed: Parsed, rows: Sequence[Row], texts: Texts = NO_TEXTS) -> Prompt:
        """Return the request with what is left of its messages."""
        return rewrite_chat(parsed, rows, texts)

    def items(self, body: bytes) -> list[object]:
        """Return a request's messages decoded, none where it cannot be read."""
        try:
            return [decoded(raw) for raw in chat_outline(body).items]
        except FormatError:
            return []

    def usage(self, head: bytes, tail: bytes) -> Usage | None:
        """Return the usage at an answer's end, or ahead of its words."""
        return chat_usage(tail, head)

    def recount(self, body: bytes, answer: bytes) -> bytes | None:
        """Return None: reasoning refuses no count."""
        return None

    def error(self, error: RequestError) -> bytes:
        """Return an error in OpenAI's shape."""
        return error.body()
