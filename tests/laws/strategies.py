"""Random conversations, valid ones, of the shapes that callers send."""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import strategies as st

WORDS = (
    "red",
    "Blue",
    "file_7",
    "ok",
    "d\u00e9j\u00e0",
    "\u4f60\u597d",
    "\U0001f600",
    "x=1;",
    "2024-05-06",
    "the",
    "of",
    "/etc/hosts",
    '"q"',
    "\\n",
)


def examples(few: int) -> int:
    """Return how many examples a law is tried on: so many, or as many as LAWS says, as for a long run."""
    return int(os.environ.get("LAWS", few))


words = st.lists(st.sampled_from(WORDS), min_size=0, max_size=40).map(" ".join)
plain = st.one_of(
    words, st.text(max_size=40).filter(lambda t: not any(0xD800 <= ord(c) <= 0xDFFF for c in t))
)


@st.composite
def long_texts(draw: st.DrawFn) -> str:
    """Text of paragraphs, lists, logs and code blocks, long enough to be split."""
    blocks = []
    for _ in range(draw(st.integers(2, 8))):
        kind = draw(st.sampled_from(["paragraph", "code", "lines", "blank", "open fence"]))
        count = draw(st.integers(5, 60))
        word = draw(st.sampled_from(WORDS))
        blocks.append(
            {
                "paragraph": f"{word} " * count + "\n\n",
                "code": "```py\n" + f"x = '{word}'\n" * count + "```\n",
                "lines": f"12:00:01 INFO {word}\n" * count,
                "blank": "\n \n\t\n\r\n",
                "open fence": f"~~~\n{word}\n\n",
            }[kind]
        )
    return "".join(blocks)


@st.composite
def contents(draw: st.DrawFn) -> Any:
    """A user's content: a string or a list of parts."""
    kind = draw(st.sampled_from(["plain", "plain", "plain", "long", "parts", "long parts"]))
    if kind == "plain":
        return draw(plain)
    if kind == "long":
        return draw(long_texts())
    text = plain if kind == "parts" else st.one_of(plain, long_texts())
    return [{"type": "text", "text": draw(text)} for _ in range(draw(st.integers(1, 3)))]


@st.composite
def conversations(draw: st.DrawFn, last: str = "user") -> list[dict[str, Any]]:
    """Messages with tools called one by one and in parallel, results in any order, ids that come again."""
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append(
            {"role": draw(st.sampled_from(["system", "developer"])), "content": draw(plain)}
        )
    for _ in range(draw(st.integers(0, 8))):
        messages.append({"role": "user", "content": draw(contents())})
        for _ in range(draw(st.integers(0, 3))):
            messages += draw(tool_rounds())
        if draw(st.booleans()):
            message: dict[str, Any] = {"role": "assistant", "content": draw(contents())}
            if draw(st.integers(0, 5)) == 0:
                message["name"] = "helper_" + "x" * draw(st.integers(0, 50))
            messages.append(message)
    messages.append({"role": "user", "content": draw(contents())})
    for _ in range(draw(st.integers(0, 3)) if last == "any" else 0):
        messages += draw(tool_rounds())
    return messages


@st.composite
def tool_rounds(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One assistant message with calls, and its results."""
    if draw(st.integers(0, 9)) == 0:  # the form that tool_calls replaced
        name = draw(st.sampled_from(["f", "g"]))
        asked = {
            "role": "assistant",
            "content": None,
            "function_call": {"name": name, "arguments": "{}"},
        }
        return [asked, {"role": "function", "name": name, "content": draw(plain)}]
    ids = draw(
        st.lists(
            st.sampled_from(["call_1", "call_2", "call_3", "c\u00e4ll"]),
            min_size=1,
            max_size=4,
            unique=True,
        )
    )
    calls = [
        {
            "id": i,
            "type": "function",
            "function": {"name": "look_up", "arguments": json.dumps({"q": draw(words)})},
        }
        for i in ids
    ]
    made = {"role": "assistant", "content": draw(st.one_of(st.none(), plain)), "tool_calls": calls}
    results = [
        {"role": "tool", "tool_call_id": i, "content": draw(plain)} for i in draw(st.permutations(ids))
    ]
    return [made, *results]


def to_bytes(request: dict[str, Any], style: int) -> bytes:
    """Write a request the way one of several clients would."""
    spaced = {"indent": 2} if style == 1 else {"separators": (",", ":")} if style == 2 else {}
    return json.dumps(request, ensure_ascii=style == 3, **spaced).encode()
