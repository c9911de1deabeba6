"""Anthropic's Messages (API reference, "Create a Message")."""

from __future__ import annotations

from collections.abc import Sequence

from foveate.proxy.errors import FormatError, RequestError
from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.messages import counting
from foveate.proxy.formats.messages.answer import messages_usage
from foveate.proxy.formats.messages.message import read_turn
from foveate.proxy.formats.messages.recounting import recount
from foveate.proxy.formats.messages.request import messages_outline
from foveate.proxy.formats.messages.rewriting import rewrite_messages
from foveate.proxy.formats.messages.speaking import error_body
from foveate.proxy.formats.parsed import NO_TEXTS, Item, Outline, Parsed, Prompt, Texts
from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.formats.wire.beginnings import AFRESH, Earlier
from foveate.proxy.formats.wire.reading import decoded
from foveate.proxy.formats.wire.usage import Usage


class Messages:
    """Turns of a user and an assistant; of a user's message each tool result is a block, and the words
    are another.
    """

    name = "messages"
    priming = counting.PRIMING

    def read(self, body: bytes, earlier: Earlier = AFRESH) -> Outline:
        """Return a request with its messages told apart; FormatError where it is none of this API."""
        return messages_outline(body, earlier)

    def parse(self, raw: bytes, counter: TokenCounter, split_over: int) -> Item:
        """Return a message as it is understood."""
        return read_turn(raw, counter, split_over)

    def standing(self, name: str, raw: bytes, counter: TokenCounter) -> int:
        """Return the tokens of the system prompt or of the tools."""
        return counting.field_tokens(name, decoded(raw), counter)

    def rebuild(self, parsed: Parsed, rows: Sequence[Row], texts: Texts = NO_TEXTS) -> Prompt:
        """Return the request with what is left of its messages."""
        return rewrite_messages(parsed, rows, texts)

    def items(self, body: bytes) -> list[object]:
        """Return a request's messages decoded, none where it cannot be read."""
        try:
            return [decoded(raw) for raw in messages_outline(body).items]
        except FormatError:
            return []

    def usage(self, head: bytes, tail: bytes) -> Usage | None:
        """Return the usage that an answer states."""
        return messages_usage(head, tail)

    def recount(self, body: bytes, answer: bytes) -> bytes | None:
        """Return the question without reasoning, where that was refused."""
        return recount(body, answer)

    def error(self, error: RequestError) -> bytes:
        """Return an error in Anthropic's shape."""
        return error_body(error)
