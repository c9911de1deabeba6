"""Features, fusion, pins, the registry and the whole decision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from foveate.policies import cut as cutting
from foveate.policies.cut import size_of
from foveate.policies.features import extract
from foveate.policies.flow.fusion import standardise
from foveate.policies.language.stemming import stem
from foveate.policies.pins import Pins
from foveate.policies.policy import Policy, WeightedSignal
from foveate.policies.prune import Situation, selection_of
from foveate.policies.recall import Turn
from foveate.policies.registry import load
from foveate.policies.seams import MARK_TOKENS
from foveate.policies.selectors.greedy import Greedy
from foveate.policies.signals.keyword import Keyword
from foveate.policies.signals.recency import Recency
from foveate.policies.types import Budget, History, Segment, Selection
from foveate.proxy.config.policies import build_policy, named_policies
from foveate.proxy.config.schema import Settings
from support.conversations import history, pruned, segment


@pytest.mark.parametrize(
    ("words", "same"),
    [
        (("train", "trains"), True),
        (("booked", "booking"), True),
        (("city", "cities"), True),
        (("class", "classes"), True),
        (("stop", "stopped"), True),
        (("cake", "cakes"), True),
        (("bus", "bug"), False),
        (("sing", "sung"), False),
    ],
)
def test_words_meet_in_their_stem(words: tuple[str, str], same: bool) -> None:
    assert (stem(words[0]) == stem(words[1])) == same


def test_identifiers_are_what_a_person_would_copy() -> None:
    text = "Set MAX_SIZE in /etc/app.conf to 4096 for user_id 7f3a-11, and see issue #12, please"
    found = {identifier.lower() for identifier in extract(text).identifiers}
    assert {"max_size", "4096", "user_id", "7f3a-11"} <= found
    assert any("app.conf" in f for f in found)
    assert not {"please", "set", "issue"} & found


def test_stopwords_are_no_terms() -> None:
    assert not extract("what is the of and").terms.size


@pytest.mark.parametrize("text", ["", " \n", "\x00", "\ud800", "\U0001f600", "a" * 10_000])
def test_features_of_any_text(text: str) -> None:
    found = extract(text)
    assert found.length == found.counts.sum()
    assert (np.diff(found.terms.astype(np.int64)) > 0).all(), "ascending, each once"


def test_standardised_scores_have_mean_zero_and_spread_one() -> None:
    scores = standardise(np.array([1.0, 2.0, 3.0]))
    assert scores.mean() == pytest.approx(0)
    assert scores.std() == pytest.approx(1)


@pytest.mark.parametrize("scores", [[], [5.0], [2.0, 2.0, 2.0]])
def test_scores_that_do_not_differ_become_zero(scores: list[float]) -> None:
    assert not standardise(np.array(scores)).any()


def pinned(segments: list[Segment], budget: int = 1000, **pins: Any) -> dict[int, str]:
    return {i: s.pin for i, s in enumerate(Pins(**pins).apply(segments, budget)) if s.pin}


def chat(*roles: str, tokens: int = 10) -> list[Segment]:
    turn = 0
    found = []
    for i, role in enumerate(roles):
        turn += role == "user"
        found.append(segment(str(i), role=role, turn=turn, tokens=tokens, key=(i, 0, -1), id=str(i)))
    return found


def test_instructions_and_the_latest_user_turn_are_always_pinned() -> None:
    found = pinned(
        chat("system", "user", "assistant", "developer", "user", "assistant", "user"), budget=0
    )
    assert found == {0: "system", 3: "developer", 6: "latest user turn"}


def test_of_a_reminder_that_is_repeated_the_first_and_the_last_are_pinned() -> None:
    segments = chat("user", "system", "assistant", "system", "assistant", "system", "user")
    same = [replace(s, id="reminder") if s.role == "system" else s for s in segments]
    assert pinned(same, budget=0).keys() == {1, 5, 6}
    assert pinned(segments, budget=0).keys() == {1, 3, 5, 6}


def test_results_stay_with_the_words_that_the_user_has_put_beside_them() -> None:
    segments = [*chat("user", "assistant"), segment("stop", role="user", turn=2, key=(2, 1, -1))]
    assert pinned(segments, budget=0) == {1: "beside the latest user turn", 2: "latest user turn"}


def test_the_end_of_the_conversation_is_pinned() -> None:
    assert 2 in pinned(chat("user", "assistant", "assistant"), budget=0)


def test_what_follows_the_latest_user_turn_is_pinned_where_it_fits() -> None:
    segments = chat("user", "assistant", "user", "assistant", "assistant", "assistant")
    assert {2, 3, 4, 5} <= pinned(segments, budget=60).keys()
    assert {2, 4, 5} <= pinned(segments, budget=40).keys()
    assert 3 not in pinned(segments, budget=39)


def test_the_first_user_turn_and_the_last_turns_are_pinned_within_their_share() -> None:
    segments = chat(*["user", "assistant"] * 10, "user")
    assert pinned(segments, first_user=True, last_turns=2) == {
        0: "first user turn",
        16: "last turns",
        17: "last turns",
        18: "last turns",
        19: "last turns",
        20: "latest user turn",
    }
    assert pinned(segments, first_user=False, last_turns=0) == {20: "latest user turn"}
    assert pinned(segments, first_user=True, last_turns=2, share=0.0) == {20: "latest user turn"}


def test_standing_instructions_are_pinned_within_their_share_in_their_order() -> None:
    segments = chat(*["user", "assistant"] * 5, "user")
    given = {"first_user": False, "last_turns": 0, "standing": 0.25}
    said = [segments[i].key for i in (6, 2, 0)]
    found = Pins(**given).apply(
        segments, 90, lasting=said
    )  # 80 are left beside the latest turn, 20 for these
    assert {i: s.pin for i, s in enumerate(found) if s.pin} == {
        2: "standing instruction",
        6: "standing instruction",
        10: "latest user turn",
    }


RULE = "Never book anything before nine."


@pytest.mark.parametrize(("kind", "pin"), [("tool", "standing instruction"), ("conversation", "")])
def test_where_tools_are_at_work_a_rule_of_the_user_stays(kind: str, pin: str) -> None:
    said = ["Book a flight.", "FL100 is free", RULE, "noted", "FL200 is free", "What now?"]
    roles = ["user", "assistant", "user", "assistant", "assistant", "user"]
    talk = [
        replace(s, text=text, kind=kind if "free" in text else "conversation")
        for s, text in zip(chat(*roles), said, strict=True)
    ]
    policy = build_policy("balanced", named_policies(Settings())["balanced"])
    selection = cutting.cut(history(talk, "What now?"), policy, cutting.Terms(200))
    assert selection.segments[2].pin == pin


def test_what_the_format_pins_stays_and_what_stands_before_it_where_it_fits() -> None:
    segments = chat("user", "assistant", "user", "assistant", "user")
    marked = [*segments[:2], segment("m", role="user", turn=2, pin="cache_control"), *segments[3:]]
    off = {"first_user": False, "last_turns": 0}
    assert pinned(marked, budget=1000, **off).keys() == {0, 1, 2, 4}
    assert pinned(marked, budget=30, **off).keys() == {2, 4}


@pytest.mark.parametrize("budget", range(40, 140, 10))
def test_what_is_pinned_beside_what_must_stay_fits_the_budget(budget: int) -> None:
    segments = chat(*["user", "assistant"] * 5, "user", *["assistant"] * 4)
    segments[3] = replace(segments[3], pin="cache_control")
    lasting = [s.key for s in segments[4:8]]
    found = Pins(last_turns=3, share=0.5, standing=1.0).apply(segments, budget, lasting=lasting)
    assert sum(s.tokens for s in found if s.pin) <= budget


def test_pins_of_nothing_are_nothing() -> None:
    assert pinned([]) == {}


POLICY = Policy(
    "test",
    (WeightedSignal("keyword", 2.0, Keyword()), WeightedSignal("recency", 0.5, Recency())),
    Greedy(),
)


def cut(seen: History, low: int) -> Selection:
    return pruned(seen, POLICY, Budget(high=0, low=low))


def conversation(n: int = 20) -> History:
    rows = []
    for i in range(n):
        rows.append(segment(f"topic{i} is settled", role="user", turn=i + 1, id=f"u{i}"))
        rows.append(segment(f"I agree on topic{i}", role="assistant", turn=i + 1, id=f"a{i}"))
    return history(
        [*rows, segment("what of topic7?", role="user", turn=n + 1, id="q")], "what of topic7?"
    )


def test_every_segment_gets_one_verdict_in_order() -> None:
    seen = conversation()
    selection = cut(seen, 200)
    assert [v.segment.id for v in selection.verdicts] == [s.id for s in seen.segments]
    assert {v.fate for v in selection.verdicts} == {"kept", "dropped"}
    assert all(v.reason for v in selection.verdicts)


def test_what_is_kept_fits_the_budget() -> None:
    for low in (30, 100, 200, 400):
        assert (
            sum(v.segment.tokens for v in cut(conversation(), low).verdicts if v.fate == "kept") <= low
        )


def test_what_is_kept_fits_the_budget_with_the_marks_at_its_seams() -> None:
    numbers = np.random.default_rng(1)
    for n in range(4, 24):
        speakers = ("user", "assistant")
        said = [
            segment(
                f"topic{i}", tokens=int(numbers.integers(7, 40)), role=speakers[i % 2], turn=i // 2 + 1
            )
            for i in range(n)
        ]
        seen = history(said, f"topic{n // 2}")
        size = sum(s.tokens for s in said)
        for low in range(size // 4, size, 9):
            kept = selection_of(
                Situation(seen.segments, Turn(""), size, POLICY, Budget(0, low), turns=True), seen
            )
            pins = sum(s.tokens + MARK_TOKENS for s in kept.segments if s.pin)
            assert size_of(kept.segments, frozenset(kept.kept)) <= max(low, pins)


def test_what_the_query_asks_for_is_kept() -> None:
    kept = {v.segment.id for v in cut(conversation(), 100).verdicts if v.fate == "kept"}
    assert {"u7", "a7", "q"} <= kept


def test_a_score_is_the_sum_of_its_shares() -> None:
    for verdict in cut(conversation(), 100).verdicts:
        assert verdict.shares
        assert verdict.score == pytest.approx(sum(verdict.shares.values()))


def test_dropped_segments_stay_dropped() -> None:
    seen = conversation()
    first = cut(seen, 100)
    later = pruned(seen, POLICY, Budget(high=400, low=400), first.state)
    assert not later.cut
    dropped = [v.segment.id for v in first.verdicts if v.fate == "dropped"]
    assert [v.segment.id for v in later.verdicts if v.fate != "kept"] == dropped


def test_a_weight_changes_who_stays() -> None:
    newest = Policy(
        name="newest",
        signals=(WeightedSignal("recency", 1.0, Recency(half_life_turns=1)),),
        selector=Greedy(),
        pins=Pins(first_user=False, last_turns=0),
    )
    selection = pruned(conversation(), newest, Budget(0, 60))
    assert [i for i, v in enumerate(selection.verdicts) if v.fate == "kept"] == [35, 36, 37, 38, 39, 40]


def test_a_signal_of_no_weight_is_not_asked() -> None:
    class Refuses:
        def score(self, history: History) -> Any:
            raise AssertionError

    assert Policy("p", (WeightedSignal("x", 0.0, Refuses()),), Greedy()).shares(conversation()) == {}


def test_a_name_that_leads_nowhere_is_an_error() -> None:
    with pytest.raises(ImportError):
        load("foveate.policies.signals.telepathy:Telepathy")
    with pytest.raises(AttributeError):
        load("foveate.policies.signals.keyword:Telepathy")


def test_what_is_read_of_a_text_full_of_values_takes_little_more_than_it() -> None:
    text = "\n".join(f"key_{n}={n * 7919 % 10007}" for n in range(4000))
    found = extract(text)
    kept = found.terms.nbytes + found.counts.nbytes + found.values.nbytes + len(found.written)
    assert len(found.identifiers) > 7000
    assert kept <= 3 * len(text)
