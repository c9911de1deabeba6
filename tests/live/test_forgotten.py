"""Memory: a turn is told what it needs and its client no longer sends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foveate.proxy import services
from foveate.proxy.errors import ConfigError
from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.client import Answer, ask, chat
from support.console import samples, total
from support.parts import WordEmbedder
from support.server import Live, serve_with, settings_for
from support.upstream import Upstream, until

KEY = "a secret of the test's own"
FACT = "My locker at the harbour station has the combination 7319-4402."
QUESTION = "What is the combination of my locker at the harbour station?"


def serve_memory(upstream: Upstream, folder: Path, **memory: Any) -> Live:
    settings = settings_for(upstream.url, data=folder, memory={"enabled": True, "key": KEY, **memory})
    return serve_with(settings, WordEmbedder(), InMemory())


def talk(count: int = 30) -> list[dict[str, Any]]:
    """What a user and an assistant say, the fact first."""
    said = [FACT, "I have noted it."]
    for n in range(count):
        said += [f"Day {n}: the tomatoes on balcony {n} grew again.", f"Good to hear about day {n}."]
    return [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(said)]


def replay(live: Live, messages: list[dict[str, Any]], keep: int = 8, **pruning: str) -> None:
    """Send a conversation turn by turn, as a client does that keeps its last messages only."""
    for end in range(1, len(messages) + 1, 2):
        sent = messages[max(0, end - keep) : end]
        assert chat(live.url, {"model": "gpt-4o", "messages": sent}, **pruning).status == 200


def ask_last(
    live: Live, messages: list[dict[str, Any]], question: str = QUESTION, **pruning: str
) -> Answer:
    sent = [*messages[-7:], {"role": "user", "content": question}]
    return chat(live.url, {"model": "gpt-4o", "messages": sent}, **pruning)


def forwarded(upstream: Upstream) -> str:
    return upstream.last.body.decode()


@pytest.mark.parametrize("named", [{}, {"session": "trip"}])
def test_a_turn_is_told_what_its_client_no_longer_sends(
    upstream: Upstream, tmp_path: Path, named: dict[str, str]
) -> None:
    messages = talk()
    with serve_memory(upstream, tmp_path) as live:
        replay(live, messages, key="sk-a", **named)
        answer = ask_last(live, messages, key="sk-a", **named)
        assert answer.result == "remembered"
        assert "quoted=" in (answer.header("x-pruning-memory") or "")
        last = upstream.last.messages[-1]["content"]
        assert FACT in last
        assert last.endswith(QUESTION)
        assert "quoted as data" in last
        assert upstream.last.messages[:-1] == messages[-7:]
        assert total(samples(live.url), "foveate_memory_quoted_total") >= 1


def test_an_explanation_tells_what_would_be_quoted_and_notes_nothing(
    upstream: Upstream, tmp_path: Path
) -> None:
    messages = talk()
    with serve_memory(upstream, tmp_path) as live:
        replay(live, messages, key="sk-a")
        sent = [*messages[-7:], {"role": "user", "content": QUESTION}]
        content = json.dumps({"model": "gpt-4o", "messages": sent}).encode()
        given = [("Content-Type", "application/json"), ("Authorization", "Bearer sk-a")]
        assert ask(live.url, "POST", "/-/explain", content, given).json["result"] == "remembered"
        assert total(samples(live.url), "foveate_memory_quoted_total") == 0


def test_a_turn_that_asks_for_nothing_is_told_nothing(upstream: Upstream, tmp_path: Path) -> None:
    messages = talk()
    with serve_memory(upstream, tmp_path) as live:
        replay(live, messages, key="sk-a")
        sent = [*messages[-7:], {"role": "user", "content": "The locker stays shut today."}]
        content = json.dumps({"model": "gpt-4o", "messages": sent}).encode()
        assert chat(live.url, content, key="sk-a").result == "untouched"
        assert upstream.last.body == content


def test_without_memory_nothing_comes_back_and_no_file_is_made(
    upstream: Upstream, tmp_path: Path
) -> None:
    messages = talk()
    with serve_memory(upstream, tmp_path, enabled=False) as live:
        replay(live, messages, key="sk-a", session="trip")
        assert ask_last(live, messages, key="sk-a", session="trip").result == "untouched"
        assert FACT not in forwarded(upstream)
        assert ask(live.url, "GET", "/-/memory").status == 404
    assert not list(tmp_path.glob("memory*"))


def test_a_request_that_says_so_is_neither_kept_nor_told(upstream: Upstream, tmp_path: Path) -> None:
    messages = talk()
    with serve_memory(upstream, tmp_path) as live:
        replay(live, messages, key="sk-a", session="trip", memory="off")
        ask_last(live, messages, key="sk-a", session="trip")
        assert FACT not in forwarded(upstream)
        listed = ask(live.url, "GET", "/-/memory/export").body.decode()
        assert FACT not in listed
        replay(live, messages, key="sk-b", session="trip")
        assert ask_last(live, messages, key="sk-b", session="trip", memory="off").result == "untouched"
        assert chat(live.url, {"messages": messages[:1]}, memory="perhaps").status == 400


def test_two_keys_never_meet(upstream: Upstream, tmp_path: Path) -> None:
    messages = talk()
    with serve_memory(upstream, tmp_path, others=True) as live:
        replay(live, messages, key="sk-a", session="trip")
        ask_last(live, messages, key="sk-b", session="trip")
        assert FACT not in forwarded(upstream)
        alone = {"messages": [{"role": "user", "content": QUESTION}]}
        chat(live.url, alone, key="sk-c", session="new")
        assert FACT not in forwarded(upstream)


@pytest.mark.parametrize("others", [True, False])
def test_other_conversations_of_a_caller_are_searched_by_setting(
    upstream: Upstream, tmp_path: Path, others: bool
) -> None:
    messages = talk()
    with serve_memory(upstream, tmp_path, others=others) as live:
        replay(live, messages, key="sk-a", session="trip")
        until(lambda: live.services.parts.histories.queued == 0)
        alone = {"model": "gpt-4o", "messages": [{"role": "user", "content": QUESTION}]}
        chat(live.url, alone, key="sk-a", session="new")
        assert (FACT in forwarded(upstream)) is others


def going_on(*said: str) -> list[dict[str, Any]]:
    """What follows the question: the answers and the user's further words."""
    return [{"role": ("assistant", "user")[n % 2], "content": text} for n, text in enumerate(said)]


def test_what_was_quoted_stays_the_same_while_the_client_goes_on(
    upstream: Upstream, tmp_path: Path
) -> None:
    messages = talk()
    with serve_memory(upstream, tmp_path) as live:
        replay(live, messages, key="sk-a")
        first = ask_last(live, messages, key="sk-a")
        assert first.result == "remembered"
        before = upstream.last.messages
        asked = {"role": "user", "content": QUESTION}
        said = going_on("It is 7319-4402.", "Thank you, that is all for today.")
        grown = [*messages[-7:], asked, *said]
        again = chat(live.url, {"model": "gpt-4o", "messages": grown}, key="sk-a")
        assert upstream.last.messages[: len(before)] == before
        assert int(again.header("x-pruning-prefix") or 0) >= int(
            first.header("x-pruning-tokens-after") or 0
        )
        assert int(again.header("x-pruning-tokens-before") or 0) < int(
            again.header("x-pruning-tokens-after") or 0
        )


def test_what_a_prompt_went_without_does_not_come_back_into_its_middle(
    upstream: Upstream, tmp_path: Path
) -> None:
    messages = talk()
    asked = {"role": "user", "content": QUESTION}
    with serve_memory(upstream, tmp_path) as live:
        replay(live, messages, key="sk-a")
        assert ask_last(live, messages, key="sk-a").result == "remembered"
        # The client drops two more messages: the quotation goes with the beginning
        sent = [*messages[-5:], asked, *going_on("It is 7319-4402.", "Thank you, that is all.")]
        chat(live.url, {"model": "gpt-4o", "messages": sent}, key="sk-a")
        assert FACT not in forwarded(upstream)
        sent += going_on("You are welcome.", "The tomatoes want water.")
        chat(live.url, {"model": "gpt-4o", "messages": sent}, key="sk-a")
        assert upstream.last.messages == sent


def test_a_quotation_that_a_header_takes_out_counts_as_a_change(
    upstream: Upstream, tmp_path: Path
) -> None:
    messages = talk()
    with serve_memory(upstream, tmp_path) as live:
        replay(live, messages, key="sk-a")
        first = ask_last(live, messages, key="sk-a")
        asked = {"role": "user", "content": QUESTION}
        sent = [*messages[-7:], asked, *going_on("It is 7319-4402.", "Thank you, that is all.")]
        without = chat(live.url, {"model": "gpt-4o", "messages": sent}, key="sk-a", memory="off")
        assert upstream.last.messages == sent
        whole, repeated = first.header("x-pruning-tokens-before"), without.header("x-pruning-prefix")
        assert int(repeated or 0) < int(whole or 0)


def test_no_prompt_is_cut_for_what_is_quoted_in_it(upstream: Upstream, tmp_path: Path) -> None:
    told = "My bicycle at the old mill has the number 5521-8830."
    noted = [{"role": "user", "content": told}, {"role": "assistant", "content": "Noted."}]
    messages = [*talk(120)[:2], *noted, *talk(120)[2:]]
    other = "What is the number of my bicycle at the old mill?"
    kept = [*messages[-101:], {"role": "user", "content": QUESTION}]
    later = [*kept, *going_on("It is 7319-4402.", other)]

    budget, tried = 20000, 0
    with serve_memory(upstream, tmp_path) as live:
        # Each with a budget just below what the last one took
        for caller in ("sk-a", "sk-b", "sk-c", "sk-d"):
            replay(live, messages, key=caller, session="trip", keep=102)
            for sent in (kept, later):
                answer = chat(
                    live.url, {"messages": sent}, key=caller, session="trip", budget=str(budget)
                )
                assert answer.result == "remembered"
            budget = int(answer.header("x-pruning-tokens-after") or 0) - 1
            tried += 1
            if budget <= int(answer.header("x-pruning-tokens-before") or 0):
                break
    assert tried > 2


def test_a_tool_loop_keeps_what_its_turn_was_told(upstream: Upstream, tmp_path: Path) -> None:
    messages = talk()
    with serve_memory(upstream, tmp_path) as live:
        replay(live, messages, key="sk-a")
        ask_last(live, messages, key="sk-a")
        told = upstream.last.messages[-1]
        call = {"id": "c1", "type": "function", "function": {"name": "open", "arguments": "{}"}}
        looped = [
            *messages[-5:], {"role": "user", "content": QUESTION},  # two of the oldest are gone
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "opened"},
        ]  # fmt: skip
        chat(live.url, {"model": "gpt-4o", "messages": looped}, key="sk-a")
        assert upstream.last.messages[5] == told


def test_a_conversation_is_kept_through_a_restart_and_nobody_can_read_it(
    upstream: Upstream, tmp_path: Path
) -> None:
    messages = talk()
    with serve_memory(upstream, tmp_path) as live:
        replay(live, messages, key="sk-a")
    files = [f for f in tmp_path.rglob("*") if f.is_file()]
    assert any(f.name == "memory.sqlite3" for f in files)
    for file in files:
        content = file.read_bytes()
        assert not [w for w in (b"locker", b"7319", b"tomatoes", b"harbour") if w in content], file
    with serve_memory(upstream, tmp_path) as live:
        ask_last(live, messages, key="sk-a")
        assert FACT in forwarded(upstream)
    with pytest.raises(ConfigError, match=r"memory\.key is not the key"):
        services.build(
            settings_for(upstream.url, data=tmp_path, memory={"enabled": True, "key": "x" * 20})
        )


@pytest.mark.parametrize(("key", "told"), [("", "is empty"), ("short", "has 5 characters")])
def test_a_key_that_cannot_serve_is_told_with_the_remedy(
    upstream: Upstream, tmp_path: Path, key: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=rf"memory\.key {told}.*FOVEATE_MEMORY__KEY"):
        services.build(settings_for(upstream.url, data=tmp_path, memory={"enabled": True, "key": key}))


def test_what_is_kept_is_counted_exported_and_deleted(upstream: Upstream, tmp_path: Path) -> None:
    messages = talk(6)
    with serve_memory(upstream, tmp_path) as live:
        replay(live, messages, key="sk-a", session="trip")
        replay(live, talk(3), key="sk-a", session="two")
        replay(live, talk(3), key="sk-b", session="trip")
        bearer = (("Authorization", "Bearer sk-a"),)
        listed = ask(live.url, "GET", "/-/memory", headers=bearer).json
        assert len(listed["conversations"]) == 2
        said = ask(live.url, "GET", "/-/memory/export?session=trip", headers=bearer).body.decode()
        texts = [json.loads(line)["text"] for line in said.splitlines()]
        assert texts[0] == FACT
        assert len(texts) == 13
        assert ask(live.url, "DELETE", "/-/memory").status == 400
        assert ask(live.url, "DELETE", "/-/memory?session=trip").status == 400
        gone = ask(live.url, "DELETE", "/-/memory?session=trip", headers=bearer).json
        assert gone["deleted"] > 0
        left = ask(live.url, "GET", "/-/memory").json
        assert len(left["conversations"]) == 2
        counts = ask(live.url, "GET", "/-/status").json["memory"]
        assert (counts["conversations"], counts["segments"]) == (2, left["total_segments"])
        assert total(samples(live.url), "foveate_memory_conversations") == 2
        ask_last(live, messages, key="sk-a", session="trip")
        assert FACT not in forwarded(upstream)
        assert ask(live.url, "DELETE", "/-/memory?all=true").status == 200
        assert ask(live.url, "GET", "/-/memory").json["conversations"] == []


def test_a_memory_that_fails_costs_what_it_would_have_told(upstream: Upstream, tmp_path: Path) -> None:
    messages = talk()
    with serve_memory(upstream, tmp_path) as live:
        replay(live, messages, key="sk-a")
        archive = live.services.parts.archive
        assert archive is not None
        archive._thread.submit(archive._shelf.close).result()
        assert ask_last(live, messages, key="sk-a").result == "untouched"
        assert archive.failures >= 1


@pytest.mark.parametrize("wire", ["responses", "messages"])
def test_the_other_wires_are_told_as_well(upstream: Upstream, tmp_path: Path, wire: str) -> None:
    messages = talk()
    field = {"responses": "input", "messages": "messages"}[wire]
    more = {"responses": {}, "messages": {"max_tokens": 10}}[wire]
    headers = (("x-pruning-session", "trip"), ("authorization", "Bearer sk-a"))

    def send(sent: list[dict[str, Any]]) -> Answer:
        content = json.dumps({"model": "gpt-4o", field: sent, **more}).encode()
        return ask(live.url, "POST", f"/v1/{wire}", content, headers)

    with serve_memory(upstream, tmp_path) as live:
        for end in range(1, len(messages) + 1, 2):
            send(messages[max(0, end - 8) : end])
        answer = send([*messages[-8:], {"role": "user", "content": QUESTION}])
        assert answer.result == "remembered"
        assert FACT in forwarded(upstream)
        assert upstream.last.json[field][:-1] == messages[-8:]
