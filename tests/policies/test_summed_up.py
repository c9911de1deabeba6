"""What a later summary stands for goes first at a cut."""

from __future__ import annotations

from dataclasses import replace

from foveate.policies.cut import spent_of
from foveate.policies.prune import selection_of
from foveate.policies.types import MARKS, SUMMARY, Budget, PruneState
from foveate.proxy.config.policies import build_policy
from foveate.proxy.config.schema import PolicySettings
from support.conversations import history, segment, situation

POLICY = build_policy("balanced", PolicySettings(preset="balanced"))


def test_neither_the_users_words_nor_instructions_nor_pins_are_spent() -> None:
    told = history(
        [
            segment("rules", role="system"),
            segment("task"),
            segment("old", role="assistant"),
            segment("tools", role="developer", pin="tools"),
            segment("marked", role="assistant", pin=MARKS[0]),
            segment("older summary", role="developer", pin=SUMMARY),
            segment("summary", role="developer", pin=SUMMARY),
            segment("new", role="assistant"),
        ]
    ).segments
    assert spent_of(told, 6) == {told[2].key, told[5].key}
    assert spent_of(told, 0) == set()


def test_what_is_summed_up_makes_room_for_what_is_not() -> None:
    told = history(
        [
            segment("task"),
            *[segment(f"old {n}", role="assistant", tokens=100) for n in range(5)],
            segment("summary", role="developer", pin=SUMMARY),
            *[segment(f"new {n}", role="assistant", tokens=100, turn=1) for n in range(3)],
            segment("and now?", turn=2),
        ],
        "and now?",
    )
    asked = situation(told.segments, "and now?", POLICY, Budget(700, 500), PruneState())
    found = selection_of(replace(asked, summed_up=6), told)
    assert found.cut
    assert [told.segments[i].text for i in found.kept] == [
        "task",
        "summary",
        "new 0",
        "new 1",
        "new 2",
        "and now?",
    ]


def test_a_settled_situation_is_never_cut() -> None:
    told = history([segment("a", tokens=500), segment("b", tokens=500)], "b")
    asked = situation(told.segments, "b", POLICY, Budget(100, 50), PruneState())
    assert asked.plan() == "cut"
    assert replace(asked, settled=True).plan() == "untouched"
