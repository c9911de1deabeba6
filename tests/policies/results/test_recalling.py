"""What of results that are not whole a step gets back."""

from __future__ import annotations

import json

import pytest

from foveate.policies.results.instead import read_divided, runs_of, written
from foveate.policies.results.recalling import Wish, extracts_for, names_in, stands, wish_of
from foveate.policies.types import Extract, PruneState, Segment, Shown
from support.conversations import segment
from support.results import Words, unit

LOG = "\n".join(f"[{i:3}/400] worker took part_{i * 37} of the queue" for i in range(400))
ENDS = Shown(((0, 4), (395, 399)), 3000)


def quoted(
    said: str, *units: Segment, state: PruneState, room: int = 300, **more: object
) -> dict[int, str]:
    """What is quoted of each result, by the item of its call."""
    texts = {r.key: r.text for u in units for r in u.results}
    wish = Wish(said, **more)  # type: ignore[arg-type]
    found = extracts_for(wish, units, state, room, Words())
    assert sum(e.tokens for e in found) <= max(0, room)
    return {
        e.result[0] - 1: written(read_divided(texts[e.result]).pieces, Shown(e.runs)) for e in found
    }


def shortened(*units: Segment, shown: Shown = ENDS) -> PruneState:
    return PruneState(shown={r.key: shown for u in units for r in u.results})


LINE = "[100/400] worker took part_3700 of the queue"


def test_a_name_brings_back_the_line_that_carries_it() -> None:
    log = unit(1, LOG)
    found = quoted('bash {"command": "rm out/part_3700"}', log, state=shortened(log))
    assert LINE in found[1]
    assert "lines 1-99" in found[1]
    assert len(found[1].splitlines()) < 9


def test_a_result_that_went_with_its_call_is_quoted_too() -> None:
    log = unit(1, LOG)
    state = PruneState(dropped=frozenset({log.key}))
    assert LINE in quoted("where is part_3700?", log, state=state)[1]


@pytest.mark.parametrize(
    "said",
    [
        "go on",
        'bash {"command": "ls"}',
        'bash {"command": "rm part_9999999"}',
        "part_37000 and part_370",
    ],
)
def test_what_names_nothing_that_is_out_gets_nothing(said: str) -> None:
    log = unit(1, LOG)
    assert not quoted(said, log, state=shortened(log, shown=Shown(((0, 10),))))


def test_what_the_prompt_shows_is_not_quoted() -> None:
    log = unit(1, LOG)
    assert not quoted("rm part_74", log, state=shortened(log))
    there = read_divided(LOG).pieces
    lines = runs_of([i for i in range(len(there)) if "part_3700 " in there.text_of(i)])
    state = PruneState(
        shown=shortened(log).shown, extracts={4: (Extract(log.results[0].key, lines, 9),)}
    )
    assert not quoted("rm part_3700", log, state=state)


def test_what_the_agent_named_before_in_its_turn_has_had_its_chance() -> None:
    log = unit(1, LOG)
    assert not quoted("rm part_3700", log, state=shortened(log), before="ls part_3700")


def test_what_has_just_come_is_not_said_twice() -> None:
    log, new = unit(1, LOG), unit(3, f"found it: {LINE}\n" + "and so on\n" * 99)
    fresh = frozenset({new.results[0].key})
    assert not quoted("rm part_3700", log, new, state=shortened(log), fresh=fresh)


def test_a_name_that_is_everywhere_tells_nothing() -> None:
    log = unit(1, LOG.replace("worker", "worker_9"))
    assert not quoted("kill worker_9", log, state=shortened(log))


def test_of_a_name_that_is_everywhere_its_definition_comes_back() -> None:
    calls = "\n".join(f"    take(parse_{i % 2}, {i})" for i in range(60))
    code = f"import os\n\ndef parse_1(path):\n    return path.strip()\n\ndef main():\n{calls}\n"
    source = unit(1, code, 'read_file {"path": "src/take.py"}')
    state = shortened(source, shown=Shown(((0, 0), (60, 60))))
    found = quoted("edit parse_1", source, state=state)
    assert "def parse_1(path):\n    return path.strip()" in found[1]
    assert "take(parse_1, 11)" not in found[1]


def test_a_file_that_is_opened_is_read_for_what_the_agent_is_doing() -> None:
    code = "\n".join(f"def step_{i}():\n    return {i * 7}" for i in range(80))
    source = unit(1, code, 'read_file {"path": "src/steps.py"}')
    state = shortened(source, shown=Shown(((0, 3),)))
    said = 'edit {"path": "src/steps.py"}'
    assert not quoted(said, source, state=state)
    found = quoted(said, source, state=state, about="step_50 returns the wrong number")
    assert "def step_50():\n    return 350" in found[1]


def test_a_record_of_json_comes_back_whole_and_valid() -> None:
    rows = [{"id": f"#W{n}", "note": "x" * 250, "state": "sent", "sum": n * 3} for n in range(60)]
    orders = unit(1, json.dumps({"orders": rows}), "list_orders {}")
    found = quoted("refund #W41", orders, state=shortened(orders, shown=Shown(((0, 1),))))
    assert {"id": "#W41", "state": "sent", "sum": 123}.items() <= json.loads(found[1])["orders"][
        1
    ].items()


def test_what_has_no_room_stays_out() -> None:
    log = unit(1, LOG)
    assert quoted("rm part_3700", log, state=shortened(log), room=100)
    assert not quoted("rm part_3700", log, state=shortened(log), room=10)


def test_what_two_results_say_of_a_name_has_one_room() -> None:
    logs = [unit(1, LOG), unit(3, LOG)]
    asked = "rm part_3700"
    assert len(quoted(asked, *logs, state=shortened(*logs), room=300)) == 2
    assert len(quoted(asked, *logs, state=shortened(*logs), room=100)) == 1


def test_a_users_turn_asks_by_plain_words_too() -> None:
    text = LOG.replace(
        "[200/400] worker took part_7400 of the queue", "The disk quota of tenant blue is full"
    )
    log = unit(1, text)
    asked = "Whose disk quota is full?"
    assert "tenant blue" in quoted(asked, log, state=shortened(log), words=True)[1]
    assert not quoted(asked, log, state=shortened(log))
    new = unit(3, "The disk quota of tenant blue is full\n" + "and so on\n" * 99)
    fresh = frozenset({new.results[0].key})
    assert not quoted(asked, log, new, state=shortened(log), words=True, fresh=fresh)


def test_the_newest_item_says_what_is_wished_for() -> None:
    asked = segment("Tidy up part_3700.", key=(0, 0, -1))
    steps = [unit(1, LOG), unit(3, LOG[:900], 'bash {"command": "rm part_3700"}')]
    wish = wish_of([asked, *steps], 4, asked.text)
    assert wish.said == 'bash {"command": "rm part_3700"}'
    assert "make" in wish.before
    assert wish.fresh == {(4, 0, 0)}
    more = segment("And part_37?", key=(5, 0, -1))
    assert wish_of([asked, *steps, more], 5, more.text).said == "And part_37?"


def test_names_are_identifiers_and_single_words_of_arguments() -> None:
    said = (
        'run {"name": "frobnicate", "n": 12345, "text": "two words"} of src/app.py and plain words, x2'
    )
    assert names_in(said) == ["12345", "src/app.py", "app.py", "frobnicate"]
    assert stands("see src/app.py, line 3", "src/app.py")
    assert not stands("see src/app.pyc", "src/app.py")
