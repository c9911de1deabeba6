"""What OpenAI refuses of a request for a response (API reference, "Create a model response")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Item = Mapping[str, Any]
OUTPUT = "_output"  # what ends the type of an item that answers a call
LOCAL = "local_shell_call"  # whose output names it by its id
PROGRAM = "program"  # a call whose type does not say so
NAMING = ("item_reference", f"{LOCAL}{OUTPUT}")  # whose id is another item's
AT_THE_SERVER = ("previous_response_id", "conversation")  # where what is answered or led to may stand


def response_faults(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a request."""
    given = body.get("input")
    held = any(body.get(name) for name in AT_THE_SERVER)
    if (isinstance(given, str) and given) or (given is None and (held or body.get("prompt"))):
        return
    if not isinstance(given, list) or not given:
        yield "[] is too short - 'input'"
        return
    items = [item for item in given if isinstance(item, dict)]
    if not held:
        yield from _pairs(items)
        yield from _reasoning(items)
    yield from _twice(items)
    triggers = [n for n, item in enumerate(items) if item.get("type") == "compaction_trigger"]
    if triggers and triggers != [len(items) - 1]:
        yield "compaction_trigger must be the last input item."


def _pairs(items: Sequence[Item]) -> Iterator[str]:
    """Yield calls and outputs that lack each other; an output stands behind its call."""
    waiting: list[list[str]] = []
    for item in items:
        kind, names = str(item.get("type")), names_of(item)
        if kind.endswith(OUTPUT) and names:
            call = next((each for each in waiting if set(each) & set(names)), None)
            if call is None:
                yield f"No tool call found for function call output with call_id {names[0]}."
            else:
                waiting.remove(call)
        elif (kind.endswith("_call") or kind == PROGRAM) and item.get("call_id") is not None:
            waiting.append(names)
    yield from [f"No tool output found for function call {names[0]}." for names in waiting]


def names_of(item: Item) -> list[str]:
    """Return what a call and its output have in common: the id too of a local shell's."""
    fields = ("call_id", "id") if str(item.get("type")).startswith(LOCAL) else ("call_id",)
    return [str(item[name]) for name in fields if item.get(name) is not None]


def _reasoning(items: Sequence[Item]) -> Iterator[str]:
    """Yield reasoning that nothing of the model's follows."""
    for n, item in enumerate(items):
        if item.get("type") != "reasoning":
            continue
        left = (following for following in items[n + 1 :] if following.get("type") != "reasoning")
        led = next(left, None)
        if led is None or not of_the_model(led):
            yield (
                f"Item '{item.get('id', n)}' of type 'reasoning' was provided without its required "
                "following item."
            )


def of_the_model(item: Item) -> bool:
    """Say whether an item is one that reasoning leads to: words of the model, or a call."""
    if item.get("type", "message") == "message":
        return item.get("role") == "assistant"
    return not str(item.get("type")).endswith(OUTPUT)


def _twice(items: Sequence[Item]) -> Iterator[str]:
    """Yield items that come again."""
    seen: set[str] = set()
    for item in items:
        name = item.get("id")
        if isinstance(name, str) and name in seen and item.get("type") not in NAMING:
            yield f"Duplicate item found with id {name}. Remove duplicate items from your input and try again."
        seen.add(str(name))
