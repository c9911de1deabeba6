"""OpenAI's Responses API (API reference, "Create a model response")."""

from __future__ import annotations

from collections.abc import Sequence

from foveate.proxy.errors import FormatError, RequestError
from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.parsed import NO_TEXTS, Item, Outline, Parsed, Prompt, Texts
from foveate.proxy.formats.responses import counting
from foveate.proxy.formats.responses.answer import responses_usage
from foveate.proxy.formats.responses.item import read_item
from foveate.proxy.formats.responses.request import responses_outline
from foveate.proxy.formats.responses.rewriting import rewrite_input
from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.formats.wire.beginnings import AFRESH, Earlier
from foveate.proxy.formats.wire.reading import decoded
from foveate.proxy.formats.wire.usage import Usage


class Responses:
    """Input items, each of one block: messages, reasoning, calls and their outputs."""

    name = "responses"
    priming = counting.PRIMING

    def read(self, body: bytes, earlier: Earlier = AFRESH) -> Outline:
        """Return a request with its items told apart; FormatError where it is none of this API."""
        return responses_outline(body, earlier)

    def parse(self, raw: bytes, counter: TokenCounter, split_over: int) -> Item:
        """Return an input item as it is understood."""
        block, guessed = read_item(raw, counter, split_over)
        return Item(block.id, block.tokens, (block,), guessed)

    def standing(self, name: str, raw: bytes, counter: TokenCounter) -> int:
        """Return the tokens of instructions, tools or a text format."""
        return counting.responses_field_tokens(name, decoded(raw), counter)

    def rebuild(self, parsed: Parsed, rows: Sequence[Row], texts: Texts = NO_TEXTS) -> Prompt:
        """Return the request with what is left of its input."""
        return rewrite_input(parsed, rows, texts)

    def items(self, body: bytes) -> list[object]:
        """Return a request's input items decoded, none where it cannot be read."""
        try:
            return [decoded(raw) for raw in responses_outline(body).items]
        except FormatError:
            return []

    def usage(self, head: bytes, tail: bytes) -> Usage | None:
        """Return the usage at an answer's end."""
        return responses_usage(tail)

    def recount(self, body: bytes, answer: bytes) -> bytes | None:
        """Return None: reasoning refuses no count."""
        return None

    def error(self, error: RequestError) -> bytes:
        """Return an error in OpenAI's shape."""
        return error.body()
