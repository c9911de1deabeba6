"""Random conversations of the Messages API, valid ones, of the shapes that callers send."""

from __future__ import annotations

from itertools import count
from typing import Any

from hypothesis import strategies as st

from laws.strategies import long_texts, words
from support.messages import Block, Message, assistant, result, text, thought, use

said = st.one_of(words, long_texts()).map(lambda t: t if t.strip() else "well")
short = words.map(lambda t: t if t.strip() else "ok")
REMINDER = "<system-reminder>\nThe list of tasks is empty.\n</system-reminder>"
IMAGE = {"type": "image", "source": {"type": "url", "url": "https://example.test/a.png"}}
MARK = {"type": "ephemeral"}


@st.composite
def talks(draw: st.DrawFn, enabled: bool = False) -> list[Message]:
    """Turns with tool loops, words and reminders beside results, system messages, server tools and cache marks."""
    numbers = count()
    messages: list[Message] = []
    for _ in range(draw(st.integers(1, 6))):
        messages.append(draw(asked()))
        if draw(st.integers(0, 4)) == 0:
            messages.append({"role": "system", "content": draw(short)})
        for _ in range(draw(st.integers(0, 3))):
            messages += draw(rounds(numbers, enabled))
        messages.append(draw(answers(numbers, enabled)))
    messages.append(draw(asked()))
    for _ in range(draw(st.integers(0, 2))):
        messages += draw(rounds(numbers, enabled))
    return marked(messages, draw(st.sets(st.integers(0, 40), max_size=4)))


@st.composite
def asked(draw: st.DrawFn) -> Message:
    """A user's message: a string, or blocks with images and reminders."""
    if draw(st.booleans()):
        return {"role": "user", "content": draw(said)}
    extra = draw(st.lists(st.sampled_from([IMAGE, text(REMINDER)]), max_size=2))
    return {"role": "user", "content": [*extra, text(draw(said))]}


@st.composite
def thoughts(draw: st.DrawFn, least: int) -> list[Block]:
    """Signed and redacted reasoning."""
    signed = st.builds(thought, short)
    redacted = st.just({"type": "redacted_thinking", "data": "c2VhbGVkIGRhdGE="})
    found: list[Block] = draw(st.lists(st.one_of(signed, redacted), min_size=least, max_size=2))
    return found


@st.composite
def rounds(draw: st.DrawFn, numbers: Any, enabled: bool) -> list[Message]:
    """One assistant message with calls, and the user's with all results, in one message or two."""
    keys = [f"toolu_{next(numbers)}" for _ in range(draw(st.integers(1, 3)))]
    opening: list[Any] = [*draw(thoughts(int(enabled))), *draw(st.lists(short, max_size=1))]
    made = assistant(*opening, *[use(key, q=draw(short)) for key in keys])
    results = [
        result(key, draw(st.one_of(short, st.builds(lambda t: [text(t)], said)))) for key in keys
    ]
    beside = draw(st.sampled_from(["nothing", "nothing", "reminder", "words"]))
    tail = {"nothing": [], "reminder": [text(REMINDER)], "words": [text(REMINDER), text(draw(short))]}[
        beside
    ]
    if len(results) > 1 and draw(st.integers(0, 5)) == 0:
        return [
            made,
            {"role": "user", "content": results[:1]},
            {"role": "user", "content": [*results[1:], *tail]},
        ]
    return [made, {"role": "user", "content": [*results, *tail]}]


@st.composite
def answers(draw: st.DrawFn, numbers: Any, enabled: bool) -> Message:
    """An assistant's last word, with the provider's own tools in it now and then."""
    parts: list[Any] = draw(thoughts(int(enabled)))
    if draw(st.integers(0, 4)) == 0:
        key = f"srvtoolu_{next(numbers)}"
        parts.append(
            {"type": "server_tool_use", "id": key, "name": "web_search", "input": {"query": "notes"}}
        )
        parts.append({"type": "web_search_tool_result", "tool_use_id": key, "content": []})
    return assistant(*parts, draw(said))


def marked(messages: list[Message], places: set[int]) -> list[Message]:
    """Put cache marks on the blocks at those places, counted from the end."""
    markable = [
        (n, k)
        for n, message in enumerate(messages)
        if isinstance(message["content"], list)
        for k, part in enumerate(message["content"])
        if "thinking" not in part["type"]
    ]
    chosen = {markable[-1 - place] for place in places if place < len(markable)}
    return [
        message
        if isinstance(message["content"], str)
        else {
            **message,
            "content": [
                {**part, "cache_control": MARK} if (n, k) in chosen else part
                for k, part in enumerate(message["content"])
            ],
        }
        for n, message in enumerate(messages)
    ]
