"""How much a prompt may take, and what refusals and answers teach of it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from foveate.policies.types import Budget
from foveate.proxy.config import schema as config
from foveate.proxy.formats.wire.usage import Usage
from foveate.proxy.http.overrides import Overrides
from foveate.proxy.http.refusals import TooLong
from foveate.proxy.pruning.limits.calibration import Calibration
from foveate.proxy.pruning.limits.watermarks import DEEPER, Limits, Watermarks, lowered
from foveate.proxy.pruning.limits.windows import Windows
from foveate.proxy.pruning.outcome import Outcome
from foveate.proxy.pruning.request import Request
from foveate.proxy.upstreams.echo import Echo
from support.conversations import body, long_chat
from support.deciding import CHAT, read
from support.grounds import wanted

SIZES = config.WindowSettings(models={"gpt-4o": 10_000, "llama": 10_000}, reserve_output=0.0)
TOOL = {"type": "function", "function": {"name": "look_up", "description": "Looks a train up. " * 20}}


def watermarks() -> Watermarks:
    return Watermarks(Windows(SIZES, config.BudgetSettings(high=0.9, low=0.6), Echo()), Calibration())


def request(budget: Budget | None = None) -> Request:
    return Request(CHAT, b"{}", Overrides(budget=budget), "tenant")


async def found(
    marks: Watermarks, budget: Budget | None = None, model: str = "gpt-4o", **given: Any
) -> Limits:
    parsed = read(body(long_chat(5), model=model, tools=[TOOL]))
    return await marks.of(request(budget), wanted(**given), parsed)


def sent(model: str, tokens: int, **given: Any) -> Outcome:
    """Return the outcome of a request that was sent."""
    told = {
        "tokens_before": tokens,
        "tokens_after": tokens,
        "tokens_estimated": tokens,
        "model": model,
        **given,
    }
    return Outcome(id="1", created=0, result="untouched", policy="p", **told)


async def test_the_watermarks_are_shares_of_the_window_and_the_room_is_what_the_tools_leave() -> None:
    limits = await found(watermarks())
    fixed = read(body(long_chat(5), tools=[TOOL])).fixed_tokens
    assert fixed > 50
    assert (limits.window.tokens, limits.budget) == (10_000, Budget(9000, 6000))
    assert limits.room == Budget(9000 - fixed, 6000 - fixed)
    assert (limits.ratio, limits.counted(100)) == (1.0, 100)


async def test_a_callers_own_budget_takes_the_place_of_the_windows() -> None:
    limits = await found(watermarks(), Budget(500, 300))
    assert (limits.budget, limits.narrowed) == (Budget(500, 300), False)


async def test_a_prompt_that_was_refused_lowers_both_watermarks_for_that_request() -> None:
    marks = watermarks()
    assert (await found(marks, ceiling=1000)).budget == Budget(1000, int(1000 * DEEPER))
    assert (await found(marks, ceiling=100_000)).budget == Budget(9000, 6000)
    assert (await found(marks, Budget(500, 300), ceiling=1000)).budget == Budget(500, 300)


async def test_a_window_that_a_refusal_names_narrows_what_later_requests_ask_for() -> None:
    marks = watermarks()
    marks.refused(request(), sent("gpt-4o", 9000), TooLong(window=8000, prompt=9000))
    assert (await found(marks)).budget == Budget(7200, 4800)
    narrowed = await found(marks, Budget(9000, 300))
    assert (narrowed.budget, narrowed.narrowed) == (Budget(7200, 300), True)


async def test_a_window_is_learned_of_a_prompt_that_nobody_has_counted() -> None:
    marks = watermarks()
    marks.refused(request(), sent("gpt-4o", 0, tokens_after=None), TooLong(window=8000, prompt=9000))
    assert (await found(marks)).window.tokens == 8000


async def test_edits_of_the_providers_keep_a_prompt_within_the_window_and_within_nothing_else() -> None:
    marks = watermarks()
    parsed = read(body(long_chat(5), model="gpt-4o"))
    parsed = structs.replace(parsed, outline=structs.replace(parsed.outline, edited=True))
    of_tokens = Watermarks(
        Windows(SIZES, config.BudgetSettings(high=900, low=600), Echo()), Calibration()
    )
    budget = Budget(500, 300)
    assert (await marks.of(request(), wanted(), parsed)).edited
    assert not (await of_tokens.of(request(), wanted(), parsed)).edited
    assert not (await marks.of(request(budget), wanted(budgeted=True), parsed)).edited
    assert not (await marks.of(request(), wanted(ceiling=1000), parsed)).edited
    marks.refused(request(), sent("gpt-4o", 9000), TooLong(window=8000, prompt=9000))
    assert not (await marks.of(request(), wanted(), parsed)).edited


async def test_a_refusal_without_numbers_teaches_nothing() -> None:
    marks = watermarks()
    marks.refused(request(), sent("gpt-4o", 9000), TooLong(None, None))
    assert (await found(marks)).budget == Budget(9000, 6000)


async def test_a_tokenizer_that_counts_twice_as_much_halves_the_room() -> None:
    marks = watermarks()
    before = await found(marks, model="llama")
    for _ in range(20):
        marks.learn(request(), sent("llama", 1000), Usage(2000, None))
    limits = await found(marks, model="llama")
    assert limits.ratio == pytest.approx(2.0)
    assert limits.counted(100) == 200
    assert limits.budget == before.budget
    assert limits.room.high == 4500 - (9000 - before.room.high)


async def test_pictures_and_reasoning_say_nothing_about_a_tokenizer() -> None:
    marks = watermarks()
    for _ in range(20):
        marks.learn(request(), sent("llama", 1000, guessed=True), Usage(2000, None))
    assert (await found(marks, model="llama")).ratio == 1.0


def test_neither_watermark_is_ever_raised() -> None:
    assert lowered(Budget(100, 50), 80, 60) == Budget(80, 50)
    assert lowered(Budget(100, 50), 200, 20) == Budget(100, 20)
