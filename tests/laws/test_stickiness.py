"""What holds of a conversation from request to request, whatever is said in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from foveate.policies.recall import SHARE, Recall, Turn, need
from foveate.policies.seams import SHORT
from foveate.proxy.pruning.request import Decision
from laws.strategies import long_texts, plain
from support.conversations import TOPICS, call, count, problems, result
from support.conversations import body as request_body
from support.deciding import CHAT, read
from support.server import settings_for
from support.sessions import NOWHERE, Deciding, caller, conversation, ends, pieces

Messages = list[dict[str, Any]]
ALLOWANCE = Recall().tokens
SMALL_TALK = (
    "thanks!",
    "Thank you so much.",
    "ok",
    "Great, that helps",
    "Good morning",
    "\U0001f44d",
    "Yes please.",
    "",
)
NAMES = ("ada", "night_train_enthusiast_with_a_long_name")


@pytest.fixture(scope="module")
def deciding() -> Iterator[Deciding]:
    with Deciding(settings=settings_for(NOWHERE, segments={"split_over": 100})) as made:
        yield made


@st.composite
def turns(draw: st.DrawFn) -> Messages:
    """A user message with what follows it: tool rounds and an answer, or neither."""
    topic = draw(st.sampled_from(TOPICS))
    said: Any = draw(
        st.one_of(
            st.sampled_from(
                [
                    f"Note {draw(st.integers(0, 99))}: {topic}.",
                    f"What did I say: {topic}?",
                    *SMALL_TALK[:4],
                ]
            ),
            plain,
            long_texts(),
        )
    )
    if draw(st.integers(0, 3)) == 0:
        said = [{"type": "text", "text": said}, {"type": "text", "text": draw(plain)}]
    messages: Messages = [{"role": "user", "content": said}]
    if draw(st.integers(0, 3)) == 0:
        messages[0]["name"] = draw(st.sampled_from(NAMES))
    for _ in range(draw(st.integers(0, 2))):
        ids = draw(
            st.lists(
                st.sampled_from(["call_1", "call_2", "call_3"]), min_size=1, max_size=3, unique=True
            )
        )
        found = [result(i, f"{draw(plain)} {topic}") for i in draw(st.permutations(ids))]
        messages += [call(*ids, content=draw(st.one_of(st.none(), plain))), *found]
    return [*messages, {"role": "assistant", "content": f"On {draw(plain)}: {topic}."}]


@st.composite
def talks(draw: st.DrawFn, least: int = 3) -> Messages:
    """A conversation of some turns."""
    head: Messages = [{"role": "system", "content": draw(plain)}] if draw(st.booleans()) else []
    return head + [m for turn in draw(st.lists(turns(), min_size=least, max_size=9)) for m in turn]


@st.composite
def budgets(draw: st.DrawFn, messages: Messages) -> tuple[int, int]:
    """Watermarks that a conversation passes somewhere on its way."""
    high = max(20, count(request_body(messages)) * draw(st.integers(15, 90)) // 100)
    return high, max(10, high * draw(st.integers(20, 100)) // 100)


def allowance(high: int) -> float:
    """The most that recall may add to a prompt."""
    return min(ALLOWANCE, SHARE * high)


def pinned(messages: Messages) -> int:
    """The most tokens of a prompt of nothing but what must stay, and at each seam a mark or a short neighbour."""
    latest = max(i for i, m in enumerate(messages) if m["role"] == "user")
    kept = [
        m
        for i, m in enumerate(messages)
        if m["role"] == "system" or i == latest or "cache_control" in str(m)
    ]
    tail = read(request_body(messages)).segments[-1]
    return count(request_body(kept)) + SHORT * len(kept) + (tail.tokens if tail.role != "user" else 0)


def own_words(message: dict[str, Any]) -> list[str]:
    content = message["content"]
    return [content] if isinstance(content, str) else [part["text"] for part in content]


def is_valid(messages: Messages, decision: Decision) -> None:
    """The prompt is one that the upstream takes, with its instructions, and the user's own words at their end."""
    left = CHAT.items(decision.body)
    assert decision.outcome.result in ("untouched", "cut", "sticky", "over")
    assert problems(left) == []
    assert decision.outcome.tokens_after == count({"messages": left})
    asked = next(m for m in reversed(messages) if m["role"] == "user")
    found = next(m for m in reversed(left) if m["role"] == "user")
    words = own_words(asked)
    assert own_words(found)[-len(words) + 1 :] == words[1:] if len(words) > 1 else True
    assert own_words(found)[-len(words)].endswith(words[0])
    made = [json.dumps(m["tool_calls"]) for m in messages if "tool_calls" in m]
    for message in left:
        if "tool_calls" in message:
            made.remove(json.dumps(message["tool_calls"]))  # each call at most as often as it was made


def is_cut(decision: Decision) -> bool:
    """Whether it was decided afresh, and not for nothing."""
    assert decision.ledger is not None
    selection = decision.ledger.selection
    return selection.cut and bool(selection.state.dropped)


def fits(messages: Messages, decision: Decision, high: int, low: int) -> None:
    """The watermarks are met."""
    after, before = decision.outcome.tokens_after, decision.outcome.tokens_before
    assert after is not None
    assert before is not None
    if before <= high:
        assert decision.outcome.result == "untouched"
    assert decision.ledger is not None
    if decision.ledger.selection.cut:  # also where all is pinned and nothing could go
        assert after <= max(low, pinned(messages))
    else:
        assert after <= high + allowance(high)
    assert (decision.outcome.result == "over") == (after > high)


def quotes_what_is_gone(decision: Decision) -> None:
    """No segment stands in the prompt twice: in its place and as an excerpt, or in two excerpts."""
    assert decision.ledger is not None
    verdicts = decision.ledger.selection.verdicts
    kept = {v.segment.id for v in verdicts if v.fate == "kept"}
    quoted = [v.segment.id for v in verdicts if v.fate == "recalled"]
    assert len(quoted) == len(set(quoted))
    # What was quoted and is then said again stands there twice; the excerpt was there first, and stays.
    state = decision.ledger.selection.state
    newest = state.recalled.get(max(state.recalled, default=-1), ())
    fresh = {v.segment.id for v in verdicts if v.segment.key in newest and v.fate == "recalled"}
    earlier = {
        v.segment.id
        for v in verdicts
        if v.fate == "kept" and v.segment.key[0] < max(state.recalled, default=-1)
    }
    assert not fresh & earlier
    assert kept or not quoted


@settings(max_examples=100)
@given(st.data(), talks())
def test_without_a_cut_the_previous_prompt_is_a_prefix_of_the_next(
    deciding: Deciding, data: st.DataObject, messages: Messages
) -> None:
    high, low = data.draw(budgets(messages))
    key = caller()
    previous: list[bytes] = []
    for end in ends(messages):
        decision = deciding.ask(messages[:end], key, high, low)
        sent = pieces(decision.body)
        is_valid(messages[:end], decision)
        fits(messages[:end], decision, high, low)
        quotes_what_is_gone(decision)
        if not is_cut(decision):
            assert sent[: len(previous)] == previous
        previous = sent


SECRETS = (
    "the blue door opens with",
    "grandmother was born in",
    "the invoice of the plumber came to",
    "our cat is called",
)


@st.composite
def chats(draw: st.DrawFn) -> Messages:
    """A long chat of short notes, some of which are asked for much later, with a look-up before some answers."""
    messages: Messages = []
    for n in range(draw(st.integers(16, 26))):
        secret = draw(st.sampled_from(SECRETS))
        note = draw(
            st.sampled_from(
                [
                    f"{TOPICS[n % len(TOPICS)]}, that is all for now.",
                    f"By the way, {secret} {n}.",
                    *SMALL_TALK[:2],
                ]
            )
        )
        said: Any = draw(st.sampled_from([note, note, f"Please tell me again: {secret} what?"]))
        if draw(st.integers(0, 5)) == 0:
            said = [{"type": "text", "text": said}]
        messages.append({"role": "user", "content": said})
        if draw(st.integers(0, 4)) == 0:
            messages += [call("call_1"), result("call_1", f"{secret} {n} or {n + 1}")]
        messages.append({"role": "assistant", "content": f"Understood, number {n}."})
    return messages


def excerpts(decision: Decision) -> int:
    return len(decision.ledger.selection.state.quoted)


def test_what_is_quoted_stays_to_the_byte_until_the_next_cut(deciding: Deciding) -> None:
    seen = []

    @settings(max_examples=40)
    @given(chats())
    def law(messages: Messages) -> None:
        key = caller()
        previous: list[bytes] = []
        for end in ends(messages):
            decision = deciding.ask(messages[:end], key, 450, 200)
            sent = pieces(decision.body)
            is_valid(messages[:end], decision)
            fits(messages[:end], decision, 450, 200)
            quotes_what_is_gone(decision)
            if not is_cut(decision):
                assert sent[: len(previous)] == previous
            else:
                assert excerpts(decision) == 0
            seen.append((decision.outcome.result, excerpts(decision)))
            previous = sent

    law()
    assert sum(quoted > 0 for _, quoted in seen) > len(seen) // 20  # the law is about something
    assert sum(result == "sticky" for result, _ in seen) > len(seen) // 4


@settings(max_examples=30)
@given(st.data(), talks(), talks(least=1))
def test_a_fork_goes_on_from_the_prompt_of_the_longest_history_it_shares(
    deciding: Deciding, data: st.DataObject, messages: Messages, other: Messages
) -> None:
    high, low = data.draw(budgets(messages))
    key = caller()
    sent: dict[str, list[bytes]] = {}
    turn_starts = [i for i, m in enumerate(messages) if m["role"] == "user"]
    fork = data.draw(st.sampled_from(turn_starts))
    answer_edited = [
        *messages[: turn_starts[-1] - 1],
        {"role": "assistant", "content": "again"},
        *messages[turn_starts[-1] :],
    ]
    for branch in (
        messages,
        [*messages[:fork], *[m for m in other if m["role"] != "system"]],
        answer_edited,
        messages,
    ):
        if problems(branch):
            continue
        for end in ends(branch):
            asked = branch[:end]
            known = [n for n in range(end, 0, -1) if json.dumps(asked[:n]) in sent]
            decision = deciding.ask(asked, key, high, low)
            is_valid(asked, decision)
            if known and not is_cut(decision):
                before = sent[json.dumps(asked[: known[0]])]
                assert pieces(decision.body)[: len(before)] == before
            sent[json.dumps(asked)] = pieces(decision.body)


@settings(max_examples=60)
@given(st.data(), talks())
def test_the_same_request_again_gets_the_same_prompt(
    deciding: Deciding, data: st.DataObject, messages: Messages
) -> None:
    high, low = data.draw(budgets(messages))
    key = caller()
    for end in ends(messages):
        first = deciding.ask(messages[:end], key, high, low)
        if first.outcome.tokens_after is not None and first.outcome.tokens_after <= high:
            assert deciding.ask(messages[:end], key, high, low).body == first.body


def marked(messages: Messages) -> Messages:
    """The messages as a caller sends them who moves two cache marks along with the conversation."""
    users = [i for i, m in enumerate(messages) if m["role"] == "user"][-2:]
    given = [dict(m) for m in messages]
    for i in users:
        content = given[i]["content"]
        parts = (
            [{"type": "text", "text": content}]
            if isinstance(content, str)
            else [dict(p) for p in content]
        )
        parts[-1]["cache_control"] = {"type": "ephemeral"}
        given[i]["content"] = parts
    return given


def unmarked(sent: list[dict[str, Any]]) -> list[Any]:
    """What those messages say."""
    said = []
    for message in sent:
        content = message["content"]
        if isinstance(content, list):
            content = [{k: v for k, v in part.items() if k != "cache_control"} for part in content]
            content = content[0]["text"] if len(content) == 1 else content
        said.append({**message, "content": content})
    return said


@settings(max_examples=60)
@given(st.data(), talks())
def test_cache_marks_that_move_along_never_break_the_prefix(
    deciding: Deciding, data: st.DataObject, messages: Messages
) -> None:
    high, low = data.draw(budgets(messages))
    key = caller()
    previous: list[Any] = []
    for end in ends(messages):
        asked = marked(messages[:end])
        decision = deciding.ask(asked, key, high, low)
        sent = unmarked(CHAT.items(decision.body))
        fits(asked, decision, high, low)
        for message in asked:
            if "cache_control" in str(message):
                assert [m for m in sent if unmarked([message])[0]["role"] == m["role"]]
        if not is_cut(decision):
            assert flat(sent[: len(previous)]) == flat(previous)
        previous = sent


def flat(said: list[Any]) -> list[Any]:
    """Messages with their texts run together: an excerpt stands in a part of its own where content is a list."""
    return [{**m, "content": "".join(own_words(m)) if m["content"] is not None else None} for m in said]


@settings(max_examples=60)
@given(st.data(), talks())
def test_losing_the_store_never_costs_validity(
    deciding: Deciding, data: st.DataObject, messages: Messages
) -> None:
    high, low = data.draw(budgets(messages))
    key = caller()
    for end in ends(messages):
        if data.draw(st.booleans()):
            key = caller()  # nothing is known of this one: as after a restart
        decision = deciding.ask(messages[:end], key, high, low)
        is_valid(messages[:end], decision)
        fits(messages[:end], decision, high, low)


@settings(max_examples=40)
@given(st.data(), talks())
def test_what_one_key_does_changes_nothing_for_another(
    deciding: Deciding, data: st.DataObject, messages: Messages
) -> None:
    high, low = data.draw(budgets(messages))
    alone, beside, neighbour = caller(), caller(), caller()
    for end in ends(messages):
        deciding.ask(messages[:end], neighbour, max(1, high // 2), max(1, low // 2))
        assert (
            deciding.ask(messages[:end], beside, high, low).body
            == deciding.ask(messages[:end], alone, high, low).body
        )


@given(
    st.text(), st.text(), st.lists(st.text(max_size=5), min_size=1, max_size=20), st.text(), st.text()
)
def test_two_keys_never_share_a_place_in_the_store(
    a: str, b: str, ids: list[str], one: str, two: str
) -> None:
    assume(a != b)
    assume(not any(0xD800 <= ord(c) <= 0xDFFF for c in "".join([a, b, one, two, *ids])))
    places = [*conversation(a, ids).keys(), *conversation(b, ids).keys()]
    assert len(set(places)) == 2 * len(ids)
    if one:
        named = {next(conversation(tenant, ids, one).keys()) for tenant in (a, b)}
        assert len(named) == 2
        assert not named & set(places)


def keys(ids: list[str]) -> list[str]:
    """Where a history of those messages is looked up, the longest first."""
    return list(conversation("key", ids).keys())


@given(st.lists(st.text(alphabet="ab", max_size=3), min_size=1, max_size=12), st.data())
def test_the_place_of_a_history_is_that_of_its_messages_in_their_order(
    ids: list[str], data: st.DataObject
) -> None:
    other = data.draw(st.permutations(ids))
    assert (keys(ids) == keys(other)) == (ids == other)
    assert keys([*ids, "more"])[1:] == keys(ids)


@pytest.mark.parametrize("said", SMALL_TALK)
def test_a_turn_that_asks_for_nothing_needs_nothing(said: str) -> None:
    assert need(said) < Recall().threshold
    assert not Recall().wanted(Turn(said))


@settings(max_examples=40)
@given(st.data(), talks(), st.sampled_from(SMALL_TALK))
def test_thanks_recalls_nothing(
    deciding: Deciding, data: st.DataObject, messages: Messages, said: str
) -> None:
    high, low = data.draw(budgets(messages))
    key = caller()
    before = set()
    for end in [*ends(messages), len(messages) + 1]:
        asked = [*messages, {"role": "user", "content": said}][:end]
        ledger = deciding.ask(asked, key, high, low).ledger
        assert ledger is not None
        selection = ledger.selection
        if end > len(messages):
            assert selection.state.quoted <= before
        before = set(selection.state.quoted)
