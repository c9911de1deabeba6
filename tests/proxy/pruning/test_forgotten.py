"""How much a turn may be told of what its client no longer sends."""

from __future__ import annotations

from foveate.proxy.archive import Passage
from foveate.proxy.pruning.forgotten.quoting import standing_quotes
from foveate.proxy.pruning.forgotten.recall import room_in
from support.conversations import body, long_chat
from support.deciding import read
from support.grounds import earlier, grounds, state

PARSED = read(body(long_chat(100)))
SIZE = PARSED.tokens - PARSED.fixed_tokens
GONE = range(3, 9)
LEFT = SIZE - sum(PARSED.items[i].tokens for i in GONE)


def test_what_is_left_of_the_budget_is_counted_by_the_prompt_as_it_stands() -> None:
    allowance = room_in(grounds(PARSED, high=10 * SIZE))
    assert room_in(grounds(PARSED, high=SIZE + 7)) == 7
    assert room_in(grounds(PARSED, high=SIZE - 1)) > 100  # a cut makes room
    cut = earlier(100, state(GONE))
    assert room_in(grounds(PARSED, high=LEFT + 40, earlier=cut)) <= 40 < allowance
    another = earlier(100, state(GONE), model="another")  # whose cut does not stand
    assert room_in(grounds(PARSED, high=LEFT + 40, earlier=another)) > 40


def test_what_was_stored_without_its_quotations_keeps_them_all() -> None:
    turns = [1, 3, 5]
    found = Passage("c", {PARSED.items[i].id: PARSED.segments[:1] for i in turns})
    known = earlier(6, opening=PARSED.opening, quoting=(3,))
    assert list(standing_quotes(PARSED, turns, found, known)) == [3]
    assert list(standing_quotes(PARSED, turns, found, earlier(6))) == turns  # of the version before
    assert list(standing_quotes(PARSED, [*turns, 7], found, known)) == [3, 7]
    assert list(standing_quotes(PARSED, turns, found, None)) == [5]
