"""What holds of every signal, every selector and the pins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from foveate.policies.language.cues import described
from foveate.policies.language.manners import KINDS, manner_of, wording_of
from foveate.policies.pins import Pins
from foveate.policies.registry import SELECTORS, SIGNALS, load
from foveate.policies.types import Segment
from laws.strategies import plain
from support.conversations import history, segment

ROLES = ("system", "user", "assistant", "tool")


@st.composite
def segments(draw: st.DrawFn) -> list[Segment]:
    """Segments as a format makes them: turns never fall, a few are pinned."""
    turn = 0
    found = []
    for n in range(draw(st.integers(0, 12))):
        role = draw(st.sampled_from(ROLES))
        turn += role == "user"
        found.append(
            segment(
                draw(plain),
                id=str(n),
                role=role,
                turn=turn,
                tokens=draw(st.integers(0, 200)),
                kind="tool" if role == "tool" else "conversation",
                pin=draw(st.sampled_from(["", "", "", "cache_control"])),
            )
        )
    return found


@pytest.mark.parametrize("name", SIGNALS)
@given(given_segments=segments(), query=plain)
def test_every_signal_gives_one_finite_value_a_segment(
    name: str, given_segments: list[Segment], query: str
) -> None:
    scores = load(SIGNALS[name])().score(history(given_segments, query))
    assert scores.shape == (len(given_segments),)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", SIGNALS)
@given(given_segments=segments(), query=plain)
def test_every_signal_gives_the_same_values_again(
    name: str, given_segments: list[Segment], query: str
) -> None:
    signal: Any = load(SIGNALS[name])()
    seen = history(given_segments, query)
    assert (signal.score(seen) == signal.score(seen)).all()


@pytest.mark.parametrize("name", SIGNALS)
@given(given_segments=segments())
def test_every_signal_does_without_vectors(name: str, given_segments: list[Segment]) -> None:
    seen = history(
        given_segments, "red file_7", vectors=np.zeros((len(given_segments), 64), dtype=np.float32)
    )
    assert np.isfinite(load(SIGNALS[name])().score(seen)).all()


@pytest.mark.parametrize("name", SELECTORS)
@given(given_segments=segments(), room=st.integers(0, 500), data=st.data())
def test_no_selector_exceeds_the_room_or_picks_what_is_pinned(
    name: str, given_segments: list[Segment], room: int, data: st.DataObject
) -> None:
    size = len(given_segments)
    scores = np.array(data.draw(st.lists(st.floats(-5, 5), min_size=size, max_size=size)), dtype=float)
    chosen = load(SELECTORS[name])().select(history(given_segments, "red"), scores, room)
    assert chosen <= set(range(size))
    assert sum(given_segments[i].tokens for i in chosen) <= room
    assert not [i for i in chosen if given_segments[i].pin]


@given(segments(), st.integers(-100, 1000), st.booleans(), st.integers(0, 3), st.floats(0, 1))
def test_pins_keep_what_must_stay_and_nothing_that_does_not_fit(
    given_segments: list[Segment], budget: int, first: bool, turns: int, share: float
) -> None:
    pinned = Pins(first_user=first, last_turns=turns, share=share).apply(given_segments, budget)
    assert [s.id for s in pinned] == [s.id for s in given_segments]
    users = [i for i, s in enumerate(given_segments) if s.role == "user"]
    latest = users[-1] if users else len(given_segments) - 1
    must = {
        i
        for i, s in enumerate(given_segments)
        if s.pin or s.role == "system" or i in (latest, len(given_segments) - 1)
    }
    assert must <= {i for i, s in enumerate(pinned) if s.pin}
    required = sum(given_segments[i].tokens for i in must)
    assert sum(s.tokens for s in pinned if s.pin) <= max(budget, required)


@pytest.mark.parametrize("code", [code for code, said in described().items() if "hints" in said])
@given(data=st.data())
def test_a_directive_has_one_of_the_words_that_are_looked_for_first(
    code: str, data: st.DataObject
) -> None:
    manner = data.draw(st.sampled_from(list(KINDS.values())))
    pattern = wording_of(code, described()[code]).patterns[manner]
    plain = st.characters(exclude_categories=["Cs", "Mn", "Mc", "Me"])  # no marks upon other letters
    letters = st.characters() if code in ("ar", "hi") else plain
    drawn = st.from_regex(pattern, fullmatch=True, alphabet=letters)
    text = data.draw(drawn.filter(lambda t: len(t) < 500))
    assume(pattern.search(text.lower().replace("’", "'")))
    assert manner_of(text) & manner
