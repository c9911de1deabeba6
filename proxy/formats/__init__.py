"""Wire formats: the only place, beside the upstreams, where a request's or an answer's JSON is read or
written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Protocol

from foveate.proxy.errors import RequestError
from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.parsed import NO_TEXTS, Item, Outline, Parsed, Prompt, Texts
from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.formats.wire.beginnings import AFRESH, Earlier
from foveate.proxy.formats.wire.usage import Usage


class Format(Protocol):
    """One API's requests and answers. Stateless: what it reads is remembered by the parser.

    What a `Block` of an item has to say, what goes with what and what may never go, stands in `parsed`; what
    the wires share, in `wire/`.
    """

    name: str  # of the API, as metrics and the page label it
    priming: int  # tokens that open the answer, beside all that the request says

    def read(self, body: bytes, earlier: Earlier = AFRESH) -> Outline:
        """Return a request with its items told apart but not read, however many of them `earlier` ones
        had; FormatError where it is none of this API.
        """

    def parse(self, raw: bytes, counter: TokenCounter, split_over: int) -> Item:
        """Return one item as it is understood; a block of over `split_over` tokens comes in pieces if
        it can.
        """

    def standing(self, name: str, raw: bytes, counter: TokenCounter) -> int:
        """Return the tokens of a field, one of an outline's `standing`, that is there whatever is
        dropped.
        """

    def rebuild(self, parsed: Parsed, rows: Sequence[Row], texts: Texts = NO_TEXTS) -> Prompt:
        """Return the request with what is left of its items, in the caller's own bytes wherever they
        are whole.

        `texts` are what stands for each result that a row shows in part.
        """

    def items(self, body: bytes) -> list[object]:
        """Return a request's items decoded, for whoever reads an explanation; none where it cannot be
        read.
        """

    def usage(self, head: bytes, tail: bytes) -> Usage | None:
        """Return what an answer says that it took, from its beginning and its end; None where it does
        not say.
        """

    def recount(self, body: bytes, answer: bytes) -> bytes | None:
        """Return a question for a prompt's tokens in place of one that was answered so, None where it
        stands.
        """

    def error(self, error: RequestError) -> bytes:
        """Return the body of an error of our own in this API's shape."""


# The paths whose requests are pruned, and what reads them: a line here is all that a format needs behind an
# upstream over HTTP. `echo` and `litellm` answer those that their `VOICES` and `ENDPOINTS` name.
FORMATS = {
    "/v1/chat/completions": "foveate.proxy.formats.chat:Chat",
    "/v1/messages": "foveate.proxy.formats.messages:Messages",
    "/v1/responses": "foveate.proxy.formats.responses:Responses",
}


def load_formats() -> dict[str, Format]:
    """Return the format of each path."""
    found: dict[str, Format] = {}
    for path, target in FORMATS.items():
        module, _, name = target.partition(":")
        found[path] = getattr(import_module(module), name)()
    return found


def by_ends(formats: Mapping[str, Format]) -> dict[str, Format]:
    """Return the formats by the ends of their paths, ahead of which anything may stand."""
    return {path.removeprefix("/v1"): wire for path, wire in formats.items()}


def ending(path: str, ends: Mapping[str, Format]) -> Format | None:
    """Return the format that a path's end names, None where it names none."""
    return next((wire for end, wire in ends.items() if path.endswith(end)), None)
