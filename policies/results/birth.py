"""What a long result becomes the first time that it is sent: nothing before it changes, and it stays as
it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from foveate.policies.results.competing import compete
from foveate.policies.results.instead import Reader, pointer, runs_of, written
from foveate.policies.results.needing import need_of
from foveate.policies.results.scoring import Need, Offer
from foveate.policies.results.settings import Results
from foveate.policies.types import Key, PruneState, Segment, Shown, ToolResult

LOOKED_AT = 200  # segments from the end: what is new is there
LONGEST = 2000  # characters of arguments: longer ones say more than what is asked for
WORTH = 0.8  # of a result: where more of it would stay, all of it does
# Names of arguments that ask for a part of something.
_RANGES = re.compile(
    r"(?:^|_)(?:offset|limit|range|ranges|start|end|from_?line|to_?line|lines?|head|tail|page|cursor|skip|top"
    r"|first|last|max_?(?:results|lines)|line_?(?:start|end|number|count))(?:$|_)",
    re.IGNORECASE,
)
# Commands that print a part of something.
_COMMANDS = re.compile(
    r"\bsed\s+-n\b|\b(?:head|tail)\s+-|\bawk\s+'?NR|\|\s*(?:head|tail)\b|--lines=|\bcut\s+-c"
)


@dataclass(frozen=True, slots=True)
class Newborn:
    """A conversation whose end is new."""

    segments: Sequence[Segment]
    query: str  # the latest user turn
    state: PruneState  # what holds of what was there before
    known: int  # how many of its items an earlier request had


def births(new: Newborn, high: int, results: Results, reader: Reader) -> Mapping[Key, Shown]:
    """Return what stands for results that no model has read yet, under a high watermark of so many
    tokens.
    """
    segments, state = new.segments, new.state
    room = max(results.over, int(results.share * high))
    found: dict[Key, Shown] = {}
    unread = list(new_results(segments, new.known))
    if not results.birth or not any(r.tokens > results.over for r in unread):
        return found
    need = None
    for result in unread:
        if result.tokens <= results.over or results.exempt_tool(result.tool):
            continue
        equal = earlier_equal(segments, result, state)
        if equal is not None:
            shown = repeated(result, equal, state, reader)
        elif WORTH * result.tokens > room and not asks_for_part(result.call):
            need = need or need_of(segments, new.query, reader)
            shown = _shortened(result, need, room, results, reader)
        else:
            continue
        if shown is not None:
            found[result.key] = shown
    return found


def new_results(segments: Sequence[Segment], known: int) -> Iterator[ToolResult]:
    """Yield the results from item `known` on that stand behind all that the model has said."""
    spoken = max([s.key[0] for s in segments[-LOOKED_AT:] if s.role == "assistant"], default=-1)
    for segment in segments[-LOOKED_AT:]:
        for result in segment.results:
            if result.key[0] >= known and result.key[0] > spoken:
                yield result


def earlier_equal(
    segments: Sequence[Segment], result: ToolResult, state: PruneState
) -> ToolResult | None:
    """Return the latest result ahead of `result` that says the very same and still stands, None where
    none does.
    """
    found = None
    for segment in segments:
        if segment.key in state.dropped:
            continue
        for other in segment.results:
            alike = (
                other.key < result.key and other.tokens == result.tokens and other.text == result.text
            )
            pointing = other.key in state.shown and state.shown[other.key].same is not None
            if alike and not pointing:
                found = other
    return found


def repeated(result: ToolResult, equal: ToolResult, state: PruneState, reader: Reader) -> Shown | None:
    """Return the pointer to an equal result; None where that is not whole: more of it is wanted."""
    if equal.key in state.shown:
        return None
    return Shown(
        (), result.tokens - reader.count(pointer(result.text, equal.call)), equal.key, born=True
    )


def _shortened(
    result: ToolResult, need: Need, room: int, results: Results, reader: Reader
) -> Shown | None:
    """Return what of a result is worth `room` tokens, None where it cannot be divided or would hardly
    be shorter.
    """
    pieces, reading = reader.divided(result.text)
    if len(pieces) < 2 or results.exempt(result.tool, pieces.kind):
        return None
    ratio = result.tokens / max(1, len(result.text))
    offer = Offer(pieces, reading, call=result.call, ratio=ratio, pinned=True, whole=result.tokens)
    (chosen,) = compete([offer], need, room, results, reader.count)
    shown = Shown(runs_of(chosen), born=True)
    saved = result.tokens - reader.count(written(pieces, shown))
    return Shown(shown.runs, saved, born=True) if saved > (1 - WORTH) * result.tokens else None


@lru_cache(maxsize=1024)
def asks_for_part(call: str) -> bool:
    """Say whether a call asks for an exact part: a range of lines, a page, a number of results."""
    _, _, given = call.partition(" ")
    try:
        arguments = json.loads(given)
    except ValueError:
        return _COMMANDS.search(given) is not None
    if not isinstance(arguments, dict):
        return False
    return any(_names_part(str(name), value) for name, value in arguments.items())


def _names_part(name: str, value: object) -> bool:
    if isinstance(value, str) and _COMMANDS.search(value):
        return True
    if isinstance(value, list):
        given = bool(value) and all(isinstance(each, int) for each in value)
    else:
        given = (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, str) and value.isdigit()
        )
    return given and _RANGES.search(name) is not None


@lru_cache(maxsize=1024)
def subject(call: str) -> str:
    """Return what a call is about: itself, less which part it asks for and the order of its arguments."""
    tool, _, given = call.partition(" ")
    try:
        arguments = json.loads(given) if len(given) <= LONGEST else None
    except ValueError:
        return call
    if not isinstance(arguments, dict):
        return call
    named = {name: value for name, value in arguments.items() if not _RANGES.search(str(name))}
    return f"{tool} of {json.dumps(named, sort_keys=True)}"
