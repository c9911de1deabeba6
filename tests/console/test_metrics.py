"""GET /-/metrics, read with Prometheus's own parser."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.client import ask, chat
from support.console import TOKEN, samples, serve_pages, total
from support.conversations import body, count, long_chat
from support.server import Live, settings_for
from support.upstream import Gate, Upstream, chat_events, completion, reply_json, stream

STREAMS = 64


@pytest.fixture
def counted(upstream: Upstream) -> Iterator[Live]:
    with serve_pages(settings_for(upstream.url)) as live:
        yield live


def test_a_request_is_counted_by_result_policy_and_status(counted: Live, upstream: Upstream) -> None:
    chat(counted.url, body(long_chat()), budget="1000/500")
    chat(counted.url, body(long_chat(2)))
    upstream.script = reply_json({"error": {}}, status=429)
    chat(counted.url, body(long_chat(2)))
    found = samples(counted.url)
    name = "foveate_requests_total"
    assert total(found, name, result="cut", policy="balanced", status="200") == 1
    assert total(found, name, result="untouched", status="200") == 1
    assert total(found, name, result="untouched", status="429") == 1
    assert total(found, "foveate_stage_seconds_count", stage="parse") == 3
    assert total(found, "foveate_first_byte_seconds_count") == 3


def test_tokens_are_those_of_the_headers(counted: Live, upstream: Upstream) -> None:
    usage = {
        "prompt_tokens": 480,
        "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 128},
    }
    upstream.script = reply_json({**completion("Hi"), "usage": usage})
    answer = chat(counted.url, body(long_chat()), budget="1000/500")
    found = samples(counted.url)
    assert total(found, "foveate_tokens_before_total") == int(
        answer.header("x-pruning-tokens-before") or 0
    )
    assert total(found, "foveate_tokens_after_total") == int(
        answer.header("x-pruning-tokens-after") or 0
    )
    assert total(found, "foveate_tokens_prompt_total") == 480
    assert total(found, "foveate_tokens_cached_total") == 128


def test_a_first_request_is_compared_with_nothing_and_a_second_with_it(counted: Live) -> None:
    request = body(long_chat(2))
    chat(counted.url, request, key="sk-1")
    found = samples(counted.url)
    assert (
        total(found, "foveate_tokens_before_total")
        == total(found, "foveate_tokens_after_total")
        == count(request)
    )
    assert total(found, "foveate_tokens_compared_total") == 0
    chat(counted.url, request, key="sk-1")
    assert total(samples(counted.url), "foveate_tokens_compared_total") == count(request)


@pytest.mark.parametrize("how", ["header", "mode"])
def test_a_dry_run_counts_what_would_have_been_saved(upstream: Upstream, how: str) -> None:
    with serve_pages(settings_for(upstream.url, mode="shadow" if how == "mode" else "on")) as live:
        asked = {"pruning": "dry-run"} if how == "header" else {}
        answer = chat(live.url, body(long_chat()), budget="500", **asked)
        before, after = (
            int(answer.header(f"x-pruning-tokens-{when}") or 0) for when in ("before", "after")
        )
        assert (answer.result, upstream.last.messages) == ("dry-run", long_chat())
        found = samples(live.url)
        assert total(found, "foveate_tokens_would_save_total") == before - after > 0
        assert total(found, "foveate_tokens_after_total") == before  # what was forwarded


def test_failures_are_counted_by_stage(counted: Live) -> None:
    chat(counted.url, b"{}")
    assert total(samples(counted.url), "foveate_pruning_failures_total", stage="parse") == 1


def test_no_label_is_the_callers(counted: Live) -> None:
    odd = "odd-model-name"
    chat(counted.url, {**body(long_chat(2)), "model": odd, "user": odd}, session=odd)
    chat(counted.url, body(long_chat(2)), policy=odd)
    assert odd not in ask(counted.url, "GET", "/-/metrics").body.decode()


def test_a_scrape_while_many_streams_run(counted: Live, upstream: Upstream) -> None:
    gate = Gate()
    upstream.script = stream(chat_events(["a", "b"]), gates={1: gate})
    begun = threading.Barrier(STREAMS + 1, timeout=30)

    def one(n: int) -> int:
        begun.wait()
        return chat(counted.url, body(long_chat(n % 7 + 1), stream=True), budget="200").status

    with ThreadPoolExecutor(STREAMS) as pool:
        running = [pool.submit(one, n) for n in range(STREAMS)]
        begun.wait()
        found = samples(counted.url)
        while total(found, "foveate_requests_in_progress") < STREAMS:
            found = samples(counted.url)
        listed = ask(counted.url, "GET", "/-/outcomes").json["underway"]
        assert len(listed) == STREAMS
        gate.open()
        assert [r.result() for r in running] == [200] * STREAMS
    found = samples(counted.url)
    assert total(found, "foveate_requests_total") == STREAMS
    assert total(found, "foveate_requests_in_progress") == 0
    assert total(found, "foveate_embedding_queue") >= 0


def test_each_metric_says_what_it_is(counted: Live) -> None:
    chat(counted.url, body(long_chat(2)))
    for family in text_string_to_metric_families(ask(counted.url, "GET", "/-/metrics").body.decode()):
        assert family.name.startswith("foveate_")
        assert family.documentation.endswith(".")


def test_the_dashboard_asks_for_metrics_that_there_are(counted: Live, upstream: Upstream) -> None:
    upstream.script = reply_json(
        {**completion("Hi"), "usage": {"prompt_tokens": 480, "completion_tokens": 1}}
    )
    chat(counted.url, body(long_chat()), budget="500")
    chat(counted.url, b"{}")
    chat(counted.url, body(long_chat()), budget="500", pruning="dry-run")
    known = {name for name, _ in samples(counted.url)}
    board = json.loads((files("foveate.proxy.pages") / "grafana.json").read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    assert len(queries) >= 8
    for query in queries:
        asked = set(re.findall(r"foveate_\w+", query))
        assert asked
        assert asked <= known


def test_prometheus_logs_in_with_a_bearer_token(upstream: Upstream) -> None:
    with serve_pages(settings_for(upstream.url, admin={"token": TOKEN})) as live:
        assert ask(live.url, "GET", "/-/metrics").status == 401
        assert samples(live.url, (("Authorization", f"Bearer {TOKEN}"),))
