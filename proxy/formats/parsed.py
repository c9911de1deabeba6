"""A request as the decision sees it, whatever API it came by: items, their blocks, and segments made of
them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

import msgspec

from foveate.policies.features import both_ends
from foveate.policies.recall import Turn
from foveate.policies.types import Key, Kind, Segment
from foveate.proxy.formats.desk import Desk
from foveate.proxy.formats.tokens import TokenCounter

Address = tuple[int, int]  # which item of the request, and which block of that item
Texts = Mapping[Key, str]  # what is written in place of results, by item, block and the block's text
NO_TEXTS: Texts = MappingProxyType({})
# In place of a tool call's id where there is none: the result is that of the call before it
BY_ORDER = "\0"


def pairing(given: object) -> str:
    """Return what pairs a call with its result: an id, or the order that they come in."""
    return BY_ORDER if given is None or given == "" else str(given)


class Outline(msgspec.Struct, frozen=True):
    """A request whose items are told apart but not read."""

    body: bytes
    items: list[bytes]  # messages or input items, each in the caller's own bytes
    model: str
    max_output: int | None  # tokens that the caller reserves for the answer
    standing: tuple[tuple[str, bytes], ...] = ()  # fields that are there whatever is dropped, by name
    # Items before them that stand for nothing any more, and go on as they are
    ahead: tuple[bytes, ...] = ()
    # Why it has to go on as it is, such as a history that the server holds; empty where it need not
    stays: str = ""
    turns: bool = False  # its upstreams may insist that user and assistant take turns
    # The reasoning of an open tool loop has to come back, whatever became of its prompt
    insists: bool = False
    # Earlier decisions hold and none is made, as where the history is to be summed up
    settled: bool = False
    # The provider is asked to edit the prompt by itself before its window counts
    edited: bool = False


class Piece(msgspec.Struct, frozen=True):
    """A stretch of a long block's text."""

    part: int  # which of the block's texts it is cut from; 0 for a plain string
    text: str
    tokens: int
    kind: Kind


class Call(msgspec.Struct, frozen=True):
    """A tool call that a block makes."""

    id: str  # BY_ORDER for one without
    tool: str
    said: str  # its name and arguments
    # Code that runs at the provider has made it, and reads the result: none of that may change
    by_code: bool = False


class Told(msgspec.Struct, frozen=True):
    """A text of a tool's result."""

    part: int  # which part of the result's content it is; 0 for a plain string
    text: str
    tokens: int


class Block(msgspec.Struct, frozen=True):
    """The smallest thing with an address: a message, an input item, or what of a message can go by
    itself.
    """

    id: str  # hash of what it says: its wire content less cache marks
    role: str  # user, assistant, tool, system or developer: a user's block opens a turn
    text: str  # empty where its pieces, one behind another, are it; `whole` has it then too
    kind: Kind
    tokens: int
    name: str = ""  # of the participant, where the wire gives one
    calls: frozenset[str] = frozenset()  # ids of the tool calls that it makes, BY_ORDER for one without
    answers: str = ""  # id of the tool call that it answers, BY_ORDER where it names none
    pin: str = ""  # why it may never go; empty where it may
    pieces: tuple[Piece, ...] = ()  # empty where it is not split
    beside: int = 0  # tokens that keeping one piece costs beside its text
    thought: int = 0  # tokens of its reasoning, which can be taken out of it
    # That reasoning is signed or encrypted: the provider ties it to the prompt it was made under
    bound: bool = False
    # It lives and dies with what the model says next, as a reasoning item does with its answer
    leads: bool = False
    # It lives and dies with what the model has said right ahead of it, as parallel calls do with each other
    joins: bool = False
    clings: bool = False  # it is refused without the reasoning that led to it, which then has to stay
    sums_up: bool = False  # it stands for all before it
    made: tuple[Call, ...] = ()  # the calls that it makes, as far as a tool is named
    told: tuple[Told, ...] = ()  # the texts of the result that it is, which can be shown in part

    @property
    def whole(self) -> str:
        """Its text, whether or not it is in pieces."""
        return self.text or "".join([piece.text for piece in self.pieces])


class Item(msgspec.Struct, frozen=True):
    """One message or input item of the wire, read once in its life."""

    id: str  # hash of what it says
    tokens: int
    blocks: tuple[Block, ...]
    guessed: bool = False  # it holds what is no text, whose tokens are stated estimates


class Place(msgspec.Struct, frozen=True):
    """Where a segment's content stands in the request."""

    addresses: tuple[Address, ...]
    items: tuple[int, ...]  # of those addresses, ascending, each once
    piece: int | None = None  # which piece of its only block; None for whole blocks


class Parsed(msgspec.Struct, frozen=True, dict=True):
    """A parsed request: its segments, oldest first, and the way back to bytes."""

    outline: Outline
    items: list[Item]
    links: list[str]  # a hash of each prefix of the items, shortest first
    segments: tuple[Segment, ...]
    places: tuple[Place, ...]  # one a segment
    fixed_tokens: int  # what stands, and the answer's opening: there whatever is dropped
    tokens: int  # of the whole prompt
    counter: TokenCounter
    desk: Desk
    summed_up: int = 0  # items, from the first on, that a later one stands for
    thinks: bool = False  # some of its segments have reasoning
    # What it does not carry and is quoted ahead of a user's words, by the position of that user's item;
    # their tokens are counted in
    forgotten: Mapping[int, tuple[Segment, ...]] = {}
    forgotten_tokens: int = 0
    opening: str = ""  # a hash of what stands ahead of its history: instructions and tools

    def read_by_code(self, address: Address) -> bool:
        """Say whether code at the provider reads what stands there: the result of a call that it made."""
        for place in reversed(self.places):
            if address in place.addresses:
                blocks = [self.items[item].blocks[block] for item, block in place.addresses]
                return any(call.by_code for block in blocks for call in block.made)
        return False

    @cached_property
    def turn(self) -> Turn:
        """The latest user turn, of a long one both its ends; the last block where no user has spoken."""
        return Turn(self._said_last())

    @property
    def query(self) -> str:
        """The text of that."""
        return self.turn.text

    def _said_last(self) -> str:
        blocks = (block for item in reversed(self.items) for block in reversed(item.blocks))
        last = next(blocks, None)
        if last and last.role != "user":
            last = next((block for block in blocks if block.role == "user"), last)
        return both_ends(last.whole) if last else ""


class Prompt(msgspec.Struct, frozen=True):
    """A request that is made of what is left of another."""

    body: bytes
    tokens: Sequence[int]  # one number a row of its layout


def digest(parts: Sequence[bytes]) -> str:
    """Return a hash of byte strings that tells apart where one ends and the next begins."""
    made = hashlib.blake2b(digest_size=16)
    for part in parts:
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.hexdigest()
