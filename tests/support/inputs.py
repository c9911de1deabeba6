"""Responses API input for tests, and the rules that a valid one follows; written without a look at the product."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

Item = dict[str, Any]
CALLS = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
    "shell_call": "shell_call_output",
    "apply_patch_call": "apply_patch_call_output",
    "computer_call": "computer_call_output",
}
# Whose id the API wants (the openai package, where it is `Required`).
NAMED = {"computer_call", "web_search_call", "code_interpreter_call"}
# What a model writes, beside its messages.
WRITTEN = {*CALLS, "web_search_call", "code_interpreter_call"}


def response(items: Sequence[Any] | str, **more: Any) -> dict[str, Any]:
    """Return a request for a response."""
    return {"model": "gpt-4o", "input": items if isinstance(items, str) else list(items), **more}


def user(text: Any, **more: Any) -> Item:
    """Return the user's message."""
    return {"type": "message", "role": "user", "content": text, **more}


def said(text: str, name: str = "") -> Item:
    """Return the model's message, as the server returns it where it has a `name`."""
    content = [{"type": "output_text", "text": text, "annotations": []}]
    named = {"id": f"msg_{name}", "status": "completed"} if name else {}
    return {"type": "message", "role": "assistant", "content": content, **named}


def thought(name: str, text: str = "hm", sealed: bool = True, named: bool = True) -> Item:
    """Return a reasoning item."""
    item: Item = {"type": "reasoning", "summary": [{"type": "summary_text", "text": text}]}
    if named:
        item["id"] = f"rs_{name}"
    if sealed:
        item["encrypted_content"] = f"sealed {name}"
    return item


def called(name: str, kind: str = "function_call", named: bool = True) -> Item:
    """Return a call of a tool."""
    item: Item = {
        "type": kind,
        "call_id": f"call_{name}",
        "name": "look_up",
        "arguments": json.dumps({"key": name}),
    }
    return {**item, "id": f"fc_{name}"} if named else item


def output(name: str, text: Any = "found", kind: str = "function_call") -> Item:
    """Return what a tool has answered."""
    return {"type": CALLS[kind], "call_id": f"call_{name}", "output": text}


def long_session(turns: int = 12, named: bool = True) -> list[Item]:
    """Return an agent's session: each turn thinks, calls two tools at once, thinks again and answers."""
    items: list[Item] = [{"type": "message", "role": "developer", "content": "Be brief."}]
    for n in range(turns):
        items.append(user(f"Note {n}: look at the record {n} of the ledger, please."))
        items += [
            thought(f"{n}a", named=named),
            called(f"{n}x", named=named),
            called(f"{n}y", named=named),
        ]
        items += [output(f"{n}x", f"record {n} " * 40), output(f"{n}y", f"ledger {n} " * 40)]
        items += [
            thought(f"{n}b", named=named),
            said(f"Record {n} is in order.", str(n) if named else ""),
        ]
    return [*items, user("When does the night train to Vienna leave?")]


def kind_of(item: Item) -> str:
    """Return an item's type."""
    return str(item.get("type") or "message")


def written(item: Item) -> bool:
    """Say whether the model has written an item."""
    return item.get("role") == "assistant" or kind_of(item) in WRITTEN


def same(item: Item, other: Item) -> bool:
    """Say whether two items are one, the second perhaps without its id or with less of its text."""
    if kind_of(item) != kind_of(other):
        return False
    if "call_id" in item or kind_of(item) == "reasoning":
        name = "call_id" if "call_id" in item else "encrypted_content"
        return bool(item.get(name) == other.get(name))
    return item.get("role") == other.get("role")


def problems(items: Sequence[Item], whole: Sequence[Item]) -> list[str]:
    """Return what OpenAI's API would refuse in what is left of a `whole` input.

    Outputs without their call and calls without their output; reasoning without the very item that it led to; items
    whose id the server has beside reasoning that is not there; an id twice; an item that has to have one without.
    """
    found = [*_unpaired(items), *_unled(items, whole), *_unreasoned(items, whole)]
    return [*found, *_twice(items), *_nameless(items, whole)]


def _unpaired(items: Sequence[Item]) -> list[str]:
    found = []
    open_calls: list[tuple[str, str]] = []
    for i, item in enumerate(items):
        kind = kind_of(item)
        if kind in CALLS:
            open_calls.append((CALLS[kind], item["call_id"]))
        elif kind in CALLS.values():
            if (kind, item["call_id"]) not in open_calls:
                found.append(f"{i}: no call for output {item['call_id']}")
            else:
                open_calls.remove((kind, item["call_id"]))
    return found + [f"end: no output for call {name}" for _, name in open_calls]


def _unled(items: Sequence[Item], whole: Sequence[Item]) -> list[str]:
    found = []
    for i, item in enumerate(items):
        if kind_of(item) == "reasoning":
            follows = _next(items, i)
            place = next(n for n, other in enumerate(whole) if other == item)
            led_to = _next(whole, place)
            if led_to is not None and (follows is None or not same(led_to, follows)):
                found.append(f"{i}: reasoning {item.get('id')} without its required following item")
    return found


def _next(items: Sequence[Item], place: int) -> Item | None:
    """Return what the model says behind a reasoning item, None where it says nothing."""
    following = next((item for item in items[place + 1 :] if kind_of(item) != "reasoning"), None)
    return following if following and written(following) else None


def _unreasoned(items: Sequence[Item], whole: Sequence[Item]) -> list[str]:
    needs: dict[str, str] = {}
    reasoning = ""
    answering = False
    for item in whole:
        if kind_of(item) == "reasoning":
            reasoning, answering = str(item.get("id", "")), True
        elif written(item) and answering:
            if item.get("id") and reasoning:
                needs[item["id"]] = reasoning
        else:
            answering = False
    there = {item.get("id") for item in items}
    missing = [
        item["id"] for item in items if item.get("id") in needs and needs[item["id"]] not in there
    ]
    return [f"{name} without its required reasoning item {needs[name]}" for name in missing]


def _twice(items: Sequence[Item]) -> list[str]:
    ids = [item["id"] for item in items if item.get("id")]
    return [f"duplicate item {name}" for name in set(ids) if ids.count(name) > 1]


def _nameless(items: Sequence[Item], whole: Sequence[Item]) -> list[str]:
    if not any(item.get("id") for item in whole if kind_of(item) in NAMED):
        return []
    return [
        f"{i}: {kind_of(item)} without its id" for i, item in enumerate(items) if _lost_its_id(item)
    ]


def _lost_its_id(item: Item) -> bool:
    return kind_of(item) in NAMED and not item.get("id")
