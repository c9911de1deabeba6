"""What is told of the inside of a shortened result."""

from __future__ import annotations

import json

from foveate.policies.results.explaining import stretches
from foveate.policies.results.instead import read_divided
from foveate.policies.results.scoring import Need
from foveate.policies.types import Shown

LOG = "\n".join(f"[{n:3}/700] Building object src/module_{n % 9}/part_{n}.o" for n in range(700))


def test_stretches_lie_end_to_end_and_say_where_they_stand() -> None:
    text = f"{LOG}\nsrc/part_9.c:88: error: no such name\nthe end\n"
    found = stretches(read_divided(text), Shown(((0, 4), (700, 700))))
    assert [(s.where, s.shown) for s in found] == [
        ("lines 1-5", True),
        ("lines 6-700", False),
        ("line 701", True),
        ("line 702", False),
    ]
    assert "".join(text[s.start : s.end] for s in found) == text


def test_reasons_name_cues_and_what_was_needed() -> None:
    read = read_divided(f"{LOG}\nsrc/part_9.c:88: error: no such name\n")
    shown = Shown(((0, 4), (77, 77), (700, 700)))
    found = stretches(read, shown, Need(turn="Where is part_77?"))
    assert found[0].reasons == ("its beginning",)
    assert found[1].reasons == ("repeats what is shown",)
    assert "words of the user's turn" in found[2].reasons
    assert "reports a failure" in found[4].reasons
    assert "words of the user's turn" not in stretches(read, shown)[2].reasons


def test_what_stands_everywhere_is_no_reason() -> None:
    read = read_divided(LOG)
    found = stretches(read, Shown(((300, 301),)), Need(turn="Building object?"))
    assert found[1].reasons == ("values",)


def test_a_stretch_of_json_says_which_keys_and_items_lead_to_it() -> None:
    rows = [{"id": f"#W{n}", "note": "x" * 200, "lines": ["a" * 90] * 3} for n in range(9)]
    read = read_divided(json.dumps({"orders": rows}))
    item = next(i for i in range(len(read.pieces)) if "#W4" in read.pieces.text_of(i)[:14])
    found = stretches(read, Shown(((0, 1), (item, item + 1))))
    assert found[2].where.startswith("orders item 5")
    assert [s.shown for s in found] == [True, False, True, False]
