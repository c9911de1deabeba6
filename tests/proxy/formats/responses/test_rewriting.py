"""A request for a response with some of its items."""

from __future__ import annotations

import json
from typing import Any

from foveate.proxy.formats.layout import layout
from foveate.proxy.formats.responses import Responses
from support.deciding import read, rebuild, rebuilt
from support.inputs import called, output, response, said, thought, user

WIRE = Responses()
LONG = "\n\n".join(f"paragraph {n} " + "word " * 60 for n in range(40))
SESSION = [
    user("hi"), thought("1"), said("Look.", "1"), called("a"), output("a"), thought("2"), said("done", "2"), user("?"),
]  # fmt: skip


def bare(items: list[Any], *segments: int) -> list[Any]:
    """What is left where the reasoning of those segments is taken out."""
    parsed = read(response(items), wire=WIRE)
    keys = {parsed.segments[i].key for i in segments}
    prompt = WIRE.rebuild(parsed, layout(parsed, range(len(parsed.segments)), {}, keys))
    assert len(prompt.tokens) == len(items)
    found: list[Any] = json.loads(prompt.body)["input"]
    return found


def test_a_unit_that_loses_its_reasoning_loses_the_ids_that_ask_for_it() -> None:
    left = bare(SESSION, 1)
    assert [item["type"] for item in left[1:4]] == ["message", "function_call", "function_call_output"]
    assert not any("id" in item for item in left[1:4])
    assert left[1]["status"] == "completed"
    assert left[4:] == SESSION[5:]


def test_without_ids_only_the_reasoning_goes_and_all_else_keeps_its_bytes() -> None:
    nameless = [thought("1", named=False), said("a"), called("x", named=False), output("x"), user("?")]
    assert bare(nameless, 0) == nameless[1:]


def test_unknown_fields_and_odd_numbers_survive_a_rewrite() -> None:
    raw = b'{"input":[{"type":"reasoning","id":"rs","encrypted_content":"x"},'
    raw += b'{"id":"m","type":"message","role":"assistant","phase":"commentary","n":1.50,"big":123456789012345678901,'
    raw += b'"content":"a"},{"role":"user","content":"?"}],"store":false,"x":1e2}'
    parsed = read(raw, wire=WIRE)
    made = WIRE.rebuild(parsed, layout(parsed, [0, 1], {}, {parsed.segments[0].key})).body
    assert b'"phase":"commentary","n":1.50,"big":123456789012345678901,"content":"a"' in made
    assert b'"x":1e2' in made


def test_a_shortened_answer_keeps_its_parts_less_what_counts_characters() -> None:
    part = {
        "type": "output_text",
        "text": LONG,
        "annotations": [{"start_index": 3}],
        "logprobs": [1],
        "extra": 1,
    }
    item = {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}
    parsed = read(response([user("hi"), item, user("?")]), split_over=100, wire=WIRE)
    assert len(parsed.segments) > 4
    found = rebuilt(parsed, {0, 1, len(parsed.segments) - 1}, wire=WIRE)["input"][1]
    (left,) = found["content"]
    assert "id" not in found
    assert "tokens left out" in left["text"]
    assert (left["annotations"], left["logprobs"], left["extra"]) == ([], [], 1)


def test_excerpts_stand_ahead_of_the_users_words_in_the_wires_own_parts() -> None:
    picture = {"type": "input_image", "image_url": "https://x/y.png", "detail": "auto"}
    for content in ("And now?", [{"type": "input_text", "text": "And now?"}, picture]):
        items = [user("I live in Oslo."), said("Noted."), user(content)]
        parsed = read(response(items), wire=WIRE)
        made = json.loads(WIRE.rebuild(parsed, layout(parsed, [2], {2: (0,)})).body)["input"]
        (left,) = made
        if isinstance(content, str):
            assert left["content"].endswith("And now?")
            assert "Oslo" in left["content"]
        else:
            assert left["content"][0]["type"] == "input_text"
            assert left["content"][0]["text"].endswith("And now?")
            assert "Oslo" in left["content"][0]["text"]
            assert left["content"][1:] == [picture]


def test_excerpts_make_the_same_text_of_a_string_and_of_its_one_part_and_stand_alone_ahead_of_a_picture() -> (
    None
):
    picture = {"type": "input_image", "image_url": "https://x/y.png", "detail": "auto"}
    made = []
    for content in ("And now?", [{"type": "input_text", "text": "And now?"}], [picture]):
        parsed = read(response([user("I live in Oslo."), said("Noted."), user(content)]), wire=WIRE)
        made.append(
            json.loads(WIRE.rebuild(parsed, layout(parsed, [2], {2: (0,)})).body)["input"][0]["content"]
        )
    assert made[1] == [{"type": "input_text", "text": made[0]}]
    assert made[2][1:] == [picture]


def test_an_input_that_is_a_string_stays_one() -> None:
    parsed = read(response("hello"), wire=WIRE)
    assert json.loads(rebuild(parsed, {0}, wire=WIRE)[0])["input"] == "hello"


def test_what_is_no_item_stays_as_it_is_beside_reasoning_that_goes() -> None:
    items = [user("q"), thought("1", "so"), None, said("well"), user("and now?")]
    parsed = read({"model": "m", "input": items}, wire=WIRE)
    everything = range(len(parsed.segments))
    bare = [s.key for s in parsed.segments]
    prompt = WIRE.rebuild(parsed, layout(parsed, everything, {}, bare))
    assert None in json.loads(prompt.body)["input"]
