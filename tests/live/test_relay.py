"""Everything is relayed as it is: methods, paths, bodies, headers, statuses."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator

import pytest

from support.client import Answer, ask, send_raw
from support.server import Live
from support.upstream import Upstream, reply, reply_json


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_is_relayed_with_its_body(quick: Live, upstream: Upstream, method: str) -> None:
    answer = ask(
        quick.url, method, "/v1/files/file-1", b'{"a": 1}', [("Content-Type", "application/json")]
    )
    assert answer.status == 200
    assert (upstream.last.method, upstream.last.target, upstream.last.body) == (
        method,
        "/v1/files/file-1",
        b'{"a": 1}',
    )


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "POST"])
def test_a_request_without_a_body_stays_without_one(
    quick: Live, upstream: Upstream, method: str
) -> None:
    assert ask(quick.url, method, "/v1/models").status == 200
    assert upstream.last.body == b""
    assert upstream.last.header("transfer-encoding") is None
    assert upstream.last.header("content-type") is None


def test_head_gives_the_headers_of_the_answer_and_no_body(quick: Live, upstream: Upstream) -> None:
    upstream.script = reply(200, b"twelve bytes", [("X-Model", "gpt-4o")])
    answer = ask(quick.url, "HEAD", "/v1/models/gpt-4o")
    assert (answer.status, answer.body, answer.header("x-model")) == (200, b"", "gpt-4o")
    assert upstream.last.method == "HEAD"
    assert answer.header("content-length") == "12"


@pytest.mark.parametrize(
    "target",
    [
        "/v1/models?limit=2&after=b%2Fc",
        "/v1/files/a%2Fb%20c",
        "/v1/files/%E2%82%AC?x=%00&y=a+b&y=c",
        "/v1/files/a%2fb",
        "/v1/x?q=[1]&r={a}|b",
        "/v1/a//b/",
        "/v1/a/./b",
        "/v1/a;b=c,d:@!$'()*",
        "/v1/~user",
    ],
)
def test_path_and_query_arrive_exactly_as_sent(quick: Live, upstream: Upstream, target: str) -> None:
    assert ask(quick.url, "GET", target).status == 200
    assert upstream.last.target == target


def test_paths_outside_the_api_version_stand_beside_it(quick: Live, upstream: Upstream) -> None:
    ask(quick.url, "GET", "/health")
    assert upstream.last.target == "/health"


@pytest.mark.parametrize("target", ["*", "@evil.example", ".evil.example/x", "evil.example:80"])
def test_a_target_that_is_no_path_never_leads_to_another_host(
    quick: Live, upstream: Upstream, target: str
) -> None:
    method = "OPTIONS" if target == "*" else "CONNECT" if target.endswith(":80") else "GET"
    answer = send_raw(
        quick.url, f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )
    status = int(answer.split(b" ", 2)[1])
    assert status != 500
    if target == "*":
        assert status < 500
    else:
        assert status == 400
        assert not upstream.received


def test_our_own_pages_are_not_relayed(quick: Live, upstream: Upstream) -> None:
    assert ask(quick.url, "GET", "/-/healthy").json == {"status": "ok"}
    assert ask(quick.url, "GET", "/-/no-such-page").status == 404
    assert not upstream.received


def test_a_multipart_upload_arrives_byte_for_byte(quick: Live, upstream: Upstream) -> None:
    content = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n\x00\xff\xfe\r\n--b--\r\n'
    ask(quick.url, "POST", "/v1/files", content, [("Content-Type", "multipart/form-data; boundary=b")])
    assert upstream.last.body == content
    assert upstream.last.header("content-type") == "multipart/form-data; boundary=b"
    assert upstream.last.header("content-length") == str(len(content))


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_upload_arrives_whole(quick: Live, upstream: Upstream, chunked: bool) -> None:
    piece = bytes(range(256)) * 256
    pieces = 200  # 12.5 MiB
    body: bytes | Iterator[bytes] = (piece for _ in range(pieces)) if chunked else piece * pieces
    answer = ask(quick.url, "POST", "/v1/files", body, chunked=chunked)
    assert answer.json["size"] == len(piece) * pieces
    assert hashlib.sha256(upstream.last.body).digest() == hashlib.sha256(piece * pieces).digest()
    assert (upstream.last.header("transfer-encoding") is not None) == chunked


def test_request_headers_reach_the_upstream_as_the_caller_sent_them(
    quick: Live, upstream: Upstream
) -> None:
    sent = [
        ("Authorization", "Bearer sk-caller"), ("OpenAI-Organization", "org-1"), ("X-Twice", "a"), ("X-Twice", "b"),
        ("Accept", "application/json"), ("Accept-Encoding", "gzip, br"), ("User-Agent", "me/1"), ("Cookie", "a=b"),
        ("X-Empty", ""),
    ]  # fmt: skip
    ask(quick.url, "GET", "/v1/models", headers=sent)
    arrived = [
        (n.lower(), v) for n, v in upstream.last.headers if n.lower() not in ("host", "connection")
    ]
    assert sorted(arrived) == sorted((n.lower(), v) for n, v in sent)


def test_header_bytes_outside_ascii_are_not_rewritten(quick: Live, upstream: Upstream) -> None:
    on_the_wire = "caf\u00e9".encode().decode(
        "latin-1"
    )  # http.client writes latin-1, and so these UTF-8 bytes
    ask(quick.url, "GET", "/v1/models", headers=[("X-Accent", on_the_wire)])
    assert upstream.last.header("x-accent") == on_the_wire


def test_nothing_is_added_to_a_request(quick: Live, upstream: Upstream) -> None:
    ask(quick.url, "GET", "/v1/models")
    assert {n.lower() for n, _ in upstream.last.headers} <= {"host", "connection"}


def test_the_upstream_sees_its_own_host(quick: Live, upstream: Upstream) -> None:
    ask(quick.url, "GET", "/v1/models")
    assert f"http://{upstream.last.header('host')}" == upstream.url


def test_hop_by_hop_headers_of_the_request_stay_on_their_hop(quick: Live, upstream: Upstream) -> None:
    hop = [
        ("Connection", "keep-alive, X-Private"), ("X-Private", "1"), ("Keep-Alive", "timeout=5"), ("TE", "trailers"),
        ("Proxy-Authorization", "Basic eA=="), ("Proxy-Connection", "keep-alive"), ("Trailer", "X-T"), ("X-Kept", "1"),
    ]  # fmt: skip
    ask(quick.url, "GET", "/v1/models", headers=hop)
    names = {n.lower() for n, _ in upstream.last.headers}
    assert not names & {
        "x-private",
        "keep-alive",
        "te",
        "proxy-authorization",
        "proxy-connection",
        "trailer",
    }
    assert "x-kept" in names


def test_hop_by_hop_headers_of_the_answer_stay_on_their_hop(quick: Live, upstream: Upstream) -> None:
    upstream.script = reply(
        200, b"{}",
        [("Connection", "keep-alive, X-Private"), ("X-Private", "1"), ("Keep-Alive", "timeout=5"), ("Trailer", "X-T"),
         ("Proxy-Authenticate", "Basic"), ("X-Kept", "1")],
    )  # fmt: skip
    answer = ask(quick.url, "GET", "/v1/models")
    names = {n.lower() for n, _ in answer.headers}
    assert not names & {"x-private", "keep-alive", "proxy-authenticate", "trailer"}
    assert "x-kept" in names


def test_repeated_response_headers_are_all_relayed_in_order(quick: Live, upstream: Upstream) -> None:
    upstream.script = reply(
        200, b"{}", [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2"), ("X-Ratelimit", "9")]
    )
    answer = ask(quick.url, "GET", "/v1/models")
    assert answer.all("set-cookie") == ["a=1; Path=/", "b=2"]
    assert answer.header("x-ratelimit") == "9"


def test_cookies_of_one_caller_never_reach_the_upstream_with_another_request(
    quick: Live, upstream: Upstream
) -> None:
    upstream.script = reply(200, b"{}", [("Set-Cookie", "session=secret; Path=/")])
    ask(quick.url, "GET", "/v1/models")
    ask(quick.url, "GET", "/v1/models")
    assert upstream.last.header("cookie") is None


def test_the_answer_keeps_the_upstreams_date_and_server(quick: Live, upstream: Upstream) -> None:
    upstream.script = reply(
        200, b"{}", [("Server", "theirs"), ("Date", "Mon, 01 Jan 2024 00:00:00 GMT")]
    )
    answer = ask(quick.url, "GET", "/v1/models")
    assert answer.all("server") == ["theirs"]
    assert answer.all("date") == ["Mon, 01 Jan 2024 00:00:00 GMT"]


@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions"])
def test_a_compressed_answer_passes_untouched(quick: Live, upstream: Upstream, path: str) -> None:
    packed = gzip.compress(b'{"data": []}')
    upstream.script = reply(
        200, packed, [("Content-Encoding", "gzip"), ("Content-Type", "application/json")]
    )
    answer = ask(quick.url, "POST", path, b'{"messages": []}', [("Accept-Encoding", "gzip")])
    assert answer.body == packed
    assert answer.header("content-encoding") == "gzip"
    assert upstream.last.header("accept-encoding") == "gzip"


def test_a_compressed_request_passes_untouched(quick: Live, upstream: Upstream) -> None:
    packed = gzip.compress(b'{"messages": []}')
    answer = ask(quick.url, "POST", "/v1/chat/completions", packed, [("Content-Encoding", "gzip")])
    assert answer.status == 200
    assert upstream.last.body == packed
    assert upstream.last.header("content-encoding") == "gzip"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_relayed_and_not_followed(quick: Live, upstream: Upstream, status: int) -> None:
    upstream.script = reply(status, b"", [("Location", "http://127.0.0.1:1/elsewhere")])
    answer = ask(quick.url, "GET", "/v1/models")
    assert (answer.status, answer.header("location")) == (status, "http://127.0.0.1:1/elsewhere")
    assert len(upstream.received) == 1


def test_no_content_has_no_body(quick: Live, upstream: Upstream) -> None:
    upstream.script = reply(204)
    answer = ask(quick.url, "DELETE", "/v1/files/1")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("transfer-encoding") is None


@pytest.mark.parametrize("extra", [[], [("Content-Length", "12")]])
def test_not_modified_has_no_body(
    quick: Live, upstream: Upstream, extra: list[tuple[str, str]]
) -> None:
    # RFC 9110 section 8.6 allows a 304 to state the length that a 200 would have had.
    upstream.script = reply(304, b"", [("ETag", '"x"'), *extra])
    connection_still_serves = [
        ask(quick.url, "GET", "/v1/models", headers=[("If-None-Match", '"x"')]) for _ in range(2)
    ]
    for answer in connection_still_serves:
        assert (answer.status, answer.body, answer.header("etag")) == (304, b"", '"x"')


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 529])
def test_errors_of_the_upstream_come_back_as_they_are(
    quick: Live, upstream: Upstream, status: int
) -> None:
    error = {"error": {"message": "no", "type": "their_type", "param": None, "code": "their_code"}}
    upstream.script = reply_json(error, status, [("Retry-After", "7"), ("X-Request-Id", "req-1")])
    answer = ask(quick.url, "POST", "/v1/chat/completions", b'{"messages": []}')
    assert (answer.status, answer.json) == (status, error)
    assert (answer.header("retry-after"), answer.header("x-request-id")) == ("7", "req-1")
    assert len(upstream.received) == 1


def test_a_large_response_header_is_relayed(quick: Live, upstream: Upstream) -> None:
    upstream.script = reply(200, b"{}", [("X-Large", "x" * 20_000)])
    answer = ask(quick.url, "GET", "/v1/models")
    assert answer.status == 200
    assert answer.header("x-large") == "x" * 20_000


def test_a_large_answer_arrives_whole(quick: Live, upstream: Upstream) -> None:
    content = bytes(range(256)) * 20_000
    upstream.script = reply(200, content, [("Content-Type", "application/octet-stream")])
    answer = ask(quick.url, "GET", "/v1/files/1/content")
    assert answer.body == content
    assert answer.header("content-length") == str(len(content))


def test_an_empty_answer_is_relayed(quick: Live, upstream: Upstream) -> None:
    upstream.script = reply(200, b"")
    answer: Answer = ask(quick.url, "GET", "/v1/models")
    assert (answer.status, answer.body) == (200, b"")
