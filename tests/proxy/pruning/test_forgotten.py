"""How much a turn may be told of what its client no longer sends."""

from __future__ import annotations

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
