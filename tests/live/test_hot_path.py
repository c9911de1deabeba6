"""What is done beside the event loop, and once."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from foveate.proxy.formats.chat import Chat
from foveate.proxy.formats.memo import Memo
from foveate.proxy.vectors import features
from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.client import chat
from support.conversations import body
from support.parts import WordEmbedder
from support.server import Live, serve_with, settings_for
from support.upstream import Upstream, reply_json, stream, until


def large(size: int = 32 * 1024, **more: Any) -> dict[str, Any]:
    return body([{"role": "user", "content": "word " * (size // 5)}], **more)


def threads_of(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[str]:
    """Return the names of the threads that call a function, as it is called from now on."""
    threads: list[str] = []
    called = getattr(owner, name)

    def noted(*given: Any) -> Any:
        threads.append(threading.current_thread().name)
        return called(*given)

    monkeypatch.setattr(owner, name, noted)
    return threads


def test_a_prompt_within_its_budget_is_read_and_cut_where_the_upstream_refuses_it(
    quick: Live, upstream: Upstream
) -> None:
    messages = [
        {"role": "user" if n % 2 == 0 else "assistant", "content": f"{n} " + "word " * 200}
        for n in range(41)
    ]
    refusal = {
        "error": {"code": "context_length_exceeded", "message": "maximum context length is 6000 tokens"}
    }
    seen = []

    async def script(request: Any, content: bytes) -> Any:
        seen.append(len(content))
        answer = reply_json(refusal, 400) if len(seen) == 1 else reply_json({"ok": True})
        return await answer(request, content)

    upstream.script = script
    answer = chat(quick.url, body(messages))
    assert answer.status == 200
    assert answer.result == "cut"
    assert seen[1] < seen[0]


def test_a_stream_of_unknown_length_ends_where_the_upstream_ends_it(
    quick: Live, upstream: Upstream
) -> None:
    upstream.script = stream([b"data: one\n\n", b"data: two\n\n", b"data: [DONE]\n\n"])
    assert chat(quick.url, large()).body == b"data: one\n\ndata: two\n\ndata: [DONE]\n\n"


def test_a_histories_first_cut_is_read_beside_the_event_loop(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = threads_of(monkeypatch, features, "extract")
    messages = [
        {"role": "assistant" if n % 2 else "user", "content": f"{n} " + "some words " * 200}
        for n in range(41)
    ]
    with serve_with(settings_for(upstream.url), WordEmbedder(), InMemory()) as live:
        chat(
            live.url, body(messages), budget="17500", key="sk-1"
        )  # within it, and near enough to be embedded
        until(lambda: live.services.parts.histories.queued == 0)
        assert threads == []
        assert chat(live.url, body(messages), budget="9000", key="sk-1").result == "cut"
    assert len(threads) > 30
    assert {name.partition("_")[0] for name in threads} == {"prune"}


def test_a_large_message_is_written_beside_the_event_loop(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = threads_of(monkeypatch, Chat, "rebuild")
    hi = {"role": "user", "content": "hi"}
    odd = body([hi, {"role": "assistant", "content": "\ud800" * 200_000}, hi])  # mended to be read
    with serve_with(settings_for(upstream.url), WordEmbedder(), InMemory()) as live:
        assert chat(live.url, odd, budget="1000").result == "cut"
    assert [name.partition("_")[0] for name in threads] == ["prune"]


def test_a_message_too_large_to_be_kept_is_read_once_a_request(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    learned = Memo._learned
    monkeypatch.setattr(
        Memo,
        "_learned",
        lambda self, *given: (read.append(threading.current_thread().name), learned(self, *given))[1],
    )
    settings = settings_for(upstream.url, cache={"max_mib": 0.05})
    with serve_with(settings, WordEmbedder(), InMemory()) as live:
        assert chat(live.url, large(100_000)).result == "untouched"
    assert [name.partition("_")[0] for name in read] == ["prune"]
