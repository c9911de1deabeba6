"""Answers flow chunk by chunk, and whoever hangs up takes the upstream's connection along."""

from __future__ import annotations

import http.client
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiohttp import web

from support.client import ask, chat, connect
from support.conversations import body, long_chat
from support.server import Live, serve, settings_for
from support.upstream import WAIT, Gate, Upstream, chat_events, hang, stream, until

BROKEN = (http.client.HTTPException, OSError)  # what a client makes of an answer that does not end
STREAMED = json.dumps(body([{"role": "user", "content": "hi"}], stream=True)).encode()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_a_chunk_is_passed_on_before_the_next_one_exists(
    quick: Live, upstream: Upstream, path: str
) -> None:
    chunks = [b"data: 1\n\n", b"data: 2\n\n", b"data: [DONE]\n\n"]
    gates = {1: Gate(), 2: Gate()}
    upstream.script = stream(chunks, gates)
    connection = connect(quick.url)
    connection.request("POST", path, STREAMED)
    response = connection.getresponse()
    assert response.getheader("content-type") == "text/event-stream"
    for n, chunk in enumerate(chunks):
        assert response.read1(100) == chunk
        if n + 1 in gates:
            gates[n + 1].open()
    assert response.read() == b""


def test_the_head_is_passed_on_before_the_first_chunk_exists(quick: Live, upstream: Upstream) -> None:
    gate = Gate()
    upstream.script = stream([b"data: 1\n\n"], {0: gate})
    connection = connect(quick.url)
    connection.request("POST", "/v1/chat/completions", STREAMED)
    response = connection.getresponse()
    assert response.status == 200
    gate.open()
    assert response.read() == b"data: 1\n\n"


def test_a_stream_arrives_byte_for_byte(full: Live, upstream: Upstream) -> None:
    events = [
        *chat_events(["caf\u00e9", "\u2028", "\U0001f600"]),
        b": a comment\r\n\r\n",
        b"event: x\ndata: \xff\n\n",
    ]
    upstream.script = stream(events)
    answer = chat(full.url, body(long_chat(), stream=True), budget="500")
    assert answer.body == b"".join(events)
    assert answer.result == "cut"


def test_a_stream_that_breaks_off_ends_broken_for_the_caller_too(
    quick: Live, upstream: Upstream
) -> None:
    upstream.script = stream([b"data: 1\n\n"], break_off=True)
    connection = connect(quick.url)
    connection.request("POST", "/v1/chat/completions", STREAMED)
    response = connection.getresponse()
    with pytest.raises(BROKEN):
        response.read()


def test_an_answer_shorter_than_its_length_ends_broken_for_the_caller_too(
    quick: Live, upstream: Upstream
) -> None:
    async def half(request: web.BaseRequest, _: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "20"})
        await response.prepare(request)
        await response.write(b"x" * 10)
        assert request.transport is not None
        request.transport.close()
        return response

    upstream.script = half
    connection = connect(quick.url)
    connection.request("POST", "/v1/chat/completions", STREAMED)
    with pytest.raises(BROKEN):
        connection.getresponse().read()


def test_an_upstream_that_closes_without_an_answer_is_a_502(quick: Live, upstream: Upstream) -> None:
    async def slam(request: web.BaseRequest, _: bytes) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    upstream.script = slam
    answer = ask(quick.url, "POST", "/v1/chat/completions", STREAMED)
    assert answer.status == 502
    assert answer.json["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_a_hang_up_before_the_first_byte_closes_the_upstream(
    quick: Live, upstream: Upstream, path: str
) -> None:
    upstream.script = hang()
    connection = connect(quick.url)
    connection.request("POST", path, STREAMED)
    assert upstream.arrived.wait(WAIT)
    connection.close()
    assert upstream.hung_up.wait(WAIT)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_hang_up_of_a_request_without_a_body_closes_the_upstream(
    quick: Live, upstream: Upstream, method: str
) -> None:
    upstream.script = hang()
    connection = connect(quick.url)
    connection.request(method, "/v1/models")
    assert upstream.arrived.wait(WAIT)
    connection.close()
    assert upstream.hung_up.wait(WAIT)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_a_hang_up_in_the_middle_of_a_stream_closes_the_upstream(
    quick: Live, upstream: Upstream, path: str
) -> None:
    upstream.script = hang(after=[b"data: 1\n\n"])
    connection = connect(quick.url)
    connection.request("POST", path, STREAMED)
    response = connection.getresponse()
    assert response.read1(100) == b"data: 1\n\n"
    response.close()
    connection.close()
    assert upstream.hung_up.wait(WAIT)


def test_a_hang_up_in_the_middle_of_an_upload_never_looks_like_a_whole_one(
    quick: Live, upstream: Upstream
) -> None:
    connection = connect(quick.url)
    connection.putrequest("POST", "/v1/files")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    connection.send(b"5\r\nhello\r\n")
    assert upstream.arrived.wait(WAIT)
    connection.close()
    until(upstream.hung_up.is_set)
    assert not upstream.received


def test_a_caller_who_hangs_up_is_noted_as_499(quick: Live, upstream: Upstream) -> None:
    upstream.script = hang(after=[b"data: 1\n\n"])
    connection = connect(quick.url)
    connection.request("POST", "/v1/chat/completions", STREAMED)
    response = connection.getresponse()
    key = response.getheader("x-pruning-id") or ""
    response.read1(100)
    response.close()
    connection.close()
    until(lambda: (found := quick.services.parts.recent.get(key)) is not None and found.status == 499)


def test_a_caller_who_goes_while_a_long_history_is_decided_is_not_sent_on(
    quick: Live, upstream: Upstream
) -> None:
    said = [
        {"role": ("user", "assistant")[n % 2], "content": f"{n} " + "word " * 400} for n in range(301)
    ]
    connection = connect(quick.url)
    headers = {"Content-Type": "application/json", "X-Pruning-Budget": "9000"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body(said)), headers)
    connection.close()
    assert chat(quick.url, body([{"role": "user", "content": "hi"}])).status == 200
    until(lambda: not quick.services.handler.running)
    assert [len(r.messages) for r in upstream.received if r.method == "POST"] == [1]


def test_a_silent_upstream_is_a_504_in_openais_shape(upstream: Upstream) -> None:
    upstream.script = hang()
    with serve(settings_for(upstream.url, upstream={"read_timeout": 0.3})) as live:
        answer = ask(live.url, "POST", "/v1/chat/completions", STREAMED)
    assert answer.status == 504
    assert answer.json["error"].keys() == {"message", "type", "param", "code"}
    assert answer.json["error"]["code"] == "upstream_timeout"
    assert answer.result == "untouched"


def test_an_upstream_that_falls_silent_mid_stream_ends_broken(upstream: Upstream) -> None:
    upstream.script = hang(after=[b"data: 1\n\n"])
    with serve(settings_for(upstream.url, upstream={"read_timeout": 0.3})) as live:
        connection = connect(live.url)
        connection.request("POST", "/v1/chat/completions", STREAMED)
        with pytest.raises(BROKEN):
            connection.getresponse().read()
    assert upstream.hung_up.wait(WAIT)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models"])
def test_an_upstream_that_is_not_there_is_a_502_in_openais_shape(path: str) -> None:
    with serve(settings_for("http://127.0.0.1:1")) as live:
        answer = ask(live.url, "POST", path, STREAMED)
    assert answer.status == 502
    assert answer.json["error"]["code"] == "upstream_unreachable"
    assert answer.header("content-type") == "application/json"


def test_many_streams_at_once_do_not_mix(quick: Live, upstream: Upstream) -> None:
    async def tell(request: web.BaseRequest, content: bytes) -> web.StreamResponse:
        said = json.loads(content)["messages"][-1]["content"]
        return await stream([f"data: {said} {n}\n\n".encode() for n in range(20)])(request, content)

    upstream.script = tell

    def one(n: int) -> bytes:
        return chat(quick.url, body([{"role": "user", "content": f"caller {n}"}], stream=True)).body

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, range(48)))
    for n, answer in enumerate(answers):
        assert answer == b"".join(f"data: caller {n} {i}\n\n".encode() for i in range(20))
