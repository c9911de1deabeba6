"""Which reasoning is still what the provider signed."""

from __future__ import annotations

from typing import Any

from foveate.policies.types import Key, PruneState, Selection
from foveate.proxy.formats.messages import Messages
from foveate.proxy.formats.parsed import Parsed
from foveate.proxy.pruning.record import Recollection
from foveate.proxy.pruning.thoughts import UNKNOWN, latest_user, origins_of, without_strangers
from support import messages as wire
from support.conversations import body, call, result
from support.deciding import read

MESSAGES = Messages()


def user(said: str) -> dict[str, Any]:
    return {"role": "user", "content": said}


def thinking(said: str) -> dict[str, Any]:
    """Return an answer with bound reasoning."""
    blocks = [{"type": "thinking", "thinking": f"About {said}.", "signature": "c2lnbmVk"}]
    return {"role": "assistant", "content": said, "thinking_blocks": blocks}


def plainly(said: str) -> dict[str, Any]:
    """Return an answer with plain reasoning."""
    return {"role": "assistant", "content": said, "reasoning_content": f"About {said}."}


# 0 user, 1 bound, 2 user, 3 plain, 4 user, 5 bound, 6 user
TALK = [user("a"), thinking("b"), user("c"), plainly("d"), user("e"), thinking("f"), user("g")]


def key(item: int) -> Key:
    return (item, 0, -1)


def chosen(parsed: Parsed, *gone: int, cut: bool = True, bare: tuple[int, ...] = ()) -> Selection:
    """Return the selection that drops those items."""
    state = PruneState(frozenset(map(key, gone)), {}, frozenset(map(key, bare)))
    return Selection(parsed.segments, state, cut)


def remembered(parsed: Parsed, state: PruneState, earlier: Recollection | None = None) -> Recollection:
    """Return what is known after a request that `state` was decided for."""
    return Recollection(len(parsed.items), state, "balanced", "gpt-4o", origins_of(parsed, earlier))


def before(earlier: Recollection | None) -> PruneState:
    """Return the decisions that held until now."""
    return earlier.state if earlier else PruneState()


def bare_after(
    parsed: Parsed, selection: Selection, earlier: Recollection | None, distrusted: bool = False
) -> set[int]:
    """Return the items whose reasoning is taken out."""
    origins = origins_of(parsed, earlier, distrusted)
    return {
        item for item, _, _ in without_strangers(parsed, selection, before(earlier), origins).state.bare
    }


def test_reasoning_of_a_history_that_was_never_cut_is_at_home() -> None:
    parsed = read(body(TALK))
    assert set(origins_of(parsed, None)) == {key(1), key(5)}
    assert bare_after(parsed, chosen(parsed, cut=False), None) == set()


def test_a_history_without_reasoning_has_no_origins_and_loses_nothing() -> None:
    parsed = read(body([user("a"), {"role": "assistant", "content": "b"}, user("c")]))
    selection = chosen(parsed, 0)
    assert origins_of(parsed, None) == {}
    assert without_strangers(parsed, selection, PruneState(), {}) is selection


def test_a_cut_takes_out_the_bound_reasoning_behind_its_first_gap() -> None:
    parsed = read(body(TALK))
    assert 5 in bare_after(parsed, chosen(parsed, 2), None)
    assert 1 not in bare_after(parsed, chosen(parsed, 2), None)
    assert {1, 5} <= bare_after(parsed, chosen(parsed, 0), None)


def test_the_plain_reasoning_of_closed_turns_goes_with_a_cut_and_only_behind_it() -> None:
    parsed = read(body(TALK))
    assert 3 in bare_after(parsed, chosen(parsed, 0), None)
    assert 3 not in bare_after(parsed, chosen(parsed, 4), None)
    assert 3 not in bare_after(parsed, chosen(parsed, cut=False), None)


def test_plain_reasoning_that_went_stays_away_until_the_next_cut() -> None:
    parsed = read(body(TALK))
    state = chosen(parsed, 0, bare=(3,)).state
    assert 3 in bare_after(parsed, chosen(parsed, 0, cut=False, bare=(3,)), remembered(parsed, state))


def test_what_a_model_thinks_after_a_cut_stays_as_long_as_the_cut_does() -> None:
    parsed = read(body(TALK))
    first = without_strangers(parsed, chosen(parsed, 0), PruneState(), origins_of(parsed, None))
    earlier = remembered(parsed, first.state)
    grown = read(body([*TALK, thinking("h"), user("i")]))
    again = Selection(grown.segments, first.state, False)
    assert bare_after(grown, again, earlier) == {1, 3, 5}
    deeper = Selection(grown.segments, chosen(grown, 0, 2).state, True)
    assert 7 in bare_after(grown, deeper, earlier)


def test_reasoning_that_is_taken_out_takes_out_what_was_made_with_it_in_sight() -> None:
    parsed = read(body(TALK))
    origins = {**origins_of(parsed, None), key(1): UNKNOWN}
    found = without_strangers(parsed, chosen(parsed, cut=False), PruneState(), origins)
    assert found.state.bare == {key(1), key(5)}


def test_a_request_whose_reasoning_was_refused_loses_all_of_it_that_is_bound() -> None:
    parsed = read(body(TALK))
    assert bare_after(parsed, chosen(parsed, cut=False), None, distrusted=True) == {1, 5}


def test_what_was_refused_is_not_trusted_again_and_what_comes_after_is() -> None:
    parsed = read(body(TALK))
    origins = origins_of(parsed, None, distrusted=True)
    state = without_strangers(parsed, chosen(parsed, cut=False), PruneState(), origins).state
    earlier = Recollection(len(TALK), state, "", "gpt-4o", origins)
    grown = read(body([*TALK, thinking("h"), user("i")]))
    assert bare_after(grown, Selection(grown.segments, state, False), earlier) == {1, 5}


def test_origins_are_found_once_and_go_on_as_they_are() -> None:
    parsed = read(body(TALK))
    earlier = remembered(parsed, PruneState())
    assert origins_of(parsed, earlier) is earlier.origins


def test_a_mark_changes_no_origin() -> None:
    part = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    marked = read(body([{"role": "user", "content": [part]}, *TALK[1:]]))
    assert origins_of(marked, None) == origins_of(read(body(TALK)), None)


def test_a_bound_thought_that_calls_goes_without_its_call() -> None:
    made = {**call("call_1"), "thinking_blocks": thinking("x")["thinking_blocks"]}
    parsed = read(body([user("a"), thinking("b"), user("c"), made, result("call_1")]))
    found = without_strangers(parsed, chosen(parsed, 0), PruneState(), origins_of(parsed, None))
    assert found.state.bare == {key(1), key(3)}
    assert found.state.dropped == {key(0)}


def loop(insists: bool) -> Parsed:
    """Return a Messages request with a closed turn and an open loop, each with a thought."""
    said = [
        wire.user("a"),
        wire.assistant(wire.thought("of b"), "b"),
        wire.user("c"),
        wire.assistant(wire.thought("of d"), wire.use("toolu_1")),
        wire.user(wire.result("toolu_1")),
    ]
    kind = {"type": "enabled", "budget_tokens": 1024} if insists else {"type": "adaptive"}
    return read(wire.request(said, thinking=kind), wire=MESSAGES)


def test_an_open_loop_keeps_its_thoughts_where_the_provider_insists() -> None:
    for insists, gone in ((True, {1}), (False, {1, 3})):
        parsed = loop(insists)
        assert parsed.outline.insists == insists
        assert bare_after(parsed, chosen(parsed, 0), None) == gone


def test_words_beside_results_do_not_close_a_loop() -> None:
    parsed = loop(insists=True)
    assert latest_user(parsed.segments) == 2
    assert latest_user([]) == -1


def test_reasoning_comes_back_where_a_cut_makes_its_prompt_again() -> None:
    parsed = read(body(TALK))
    origins = origins_of(parsed, None)
    earlier = PruneState(frozenset({key(0)}), {}, frozenset({key(1), key(5)}))
    again = without_strangers(parsed, chosen(parsed, 3), earlier, origins)
    assert again.state.bare & {key(1), key(5)} == {key(5)}
    between = without_strangers(parsed, chosen(parsed, 3, cut=False), earlier, origins)
    assert between.state.bare == {key(1), key(5)}
    doubted = without_strangers(parsed, chosen(parsed), earlier, dict.fromkeys(origins, UNKNOWN))
    assert {key(1), key(5)} <= doubted.state.bare
