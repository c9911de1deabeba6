"""Who may see what is under /-/."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from foveate.proxy.pages import access
from foveate.proxy.pages.guesses import MOST, SLOW
from support.client import Answer, ask, chat, connect, received
from support.console import TOKEN, serve_pages
from support.conversations import body
from support.server import Live, serve, settings_for
from support.upstream import Upstream

PAGES = ["/-/", "/-/outcomes", "/-/outcomes/prn-1", "/-/metrics", "/-/status", "/-/static/main.js"]
BEARER = ("Authorization", f"Bearer {TOKEN}")


@pytest.fixture
def guarded(upstream: Upstream) -> Iterator[Live]:
    with serve_pages(settings_for(upstream.url, admin={"token": TOKEN})) as live:
        yield live


def log_in(live: Live, token: str) -> Answer:
    headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", live.url)]
    return ask(live.url, "POST", "/-/login", urlencode({"token": token}).encode(), headers)


@pytest.mark.parametrize("page", PAGES)
def test_without_a_token_pages_are_for_this_machine(quick: Live, page: str) -> None:
    assert ask(quick.url, "GET", page).status in (200, 404)
    for header in (
        ("X-Forwarded-For", "203.0.113.9"),
        ("Forwarded", "for=203.0.113.9"),
        ("X-Real-IP", "203.0.113.9"),
        ("X-Forwarded-Host", "foveate.example"),
        ("X-Amzn-Trace-Id", "Root=1-2"),
        ("Via", "1.1 proxy"),
    ):
        assert ask(quick.url, "GET", page, headers=[header]).status == 403


def test_who_speaks_as_proxies_do_by_default_is_taken_for_one(quick: Live) -> None:
    with socket.create_connection((urlsplit(quick.url).hostname, urlsplit(quick.url).port)) as plain:
        plain.sendall(b"GET /-/status HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        assert b" 403 " in plain.makefile("rb").readline()


@pytest.mark.parametrize("page", PAGES)
def test_a_name_that_was_pointed_at_this_machine_is_refused(quick: Live, page: str) -> None:
    port = quick.url.rsplit(":", 1)[1]
    for host in ("attacker.example", f"attacker.example:{port}", "127.0.0.1.attacker.example", ""):
        assert raw_host(quick, page, host) == 403
    for host in (f"localhost:{port}", "[::1]"):
        assert raw_host(quick, page, host) in (200, 404)


def raw_host(live: Live, page: str, host: str) -> int:
    connection = connect(live.url)
    try:
        connection.putrequest("GET", page, skip_host=True)
        connection.putheader("Host", host)
        connection.endheaders()
        return received(connection).status
    finally:
        connection.close()


def test_healthy_always_answers(quick: Live, guarded: Live) -> None:
    assert raw_host(quick, "/-/healthy", "anything.example") == 200
    assert ask(guarded.url, "GET", "/-/healthy").status == 200


def test_where_a_token_is_set_other_machines_may_log_in(guarded: Live) -> None:
    elsewhere = [("X-Forwarded-For", "203.0.113.9")]
    assert b'action="/-/login"' in ask(guarded.url, "GET", "/-/", headers=elsewhere).body
    assert ask(guarded.url, "GET", "/-/static/main.js", headers=elsewhere).status == 200


def test_who_tries_out_tokens_is_slowed_down_and_told_of(
    guarded: Live, caplog: pytest.LogCaptureFixture
) -> None:
    def tried(n: int) -> int:
        wrong = [("Authorization", f"Bearer wrong-{n}")]
        return ask(guarded.url, "GET", "/-/ready" if n % 2 else "/-/status", headers=wrong).status

    with ThreadPoolExecutor(3 * MOST) as pool:
        found = list(pool.map(tried, range(3 * MOST)))
    assert set(found) == {200, 401, 429}  # all may ask whether it is ready
    assert found.count(429) > 5
    assert ask(guarded.url, "GET", "/-/status", headers=[BEARER]).status == 200
    told = [r.getMessage() for r in caplog.records if r.name == "foveate.access"]
    assert len(told) == 1
    assert "127.0.0.1" in told[0]
    assert "wrong-" not in told[0]


def test_who_sends_no_token_tries_out_none(guarded: Live, caplog: pytest.LogCaptureFixture) -> None:
    basic = ("Authorization", "Basic dTpw")
    for given in ([], [basic], [("Authorization", "Bearer ")], [("Cookie", f"{access.COOKIE}=0.old")]):
        assert ask(guarded.url, "GET", "/-/status", headers=given).status == 401
    assert not [r for r in caplog.records if r.name == "foveate.access"]


@pytest.mark.parametrize("page", [p for p in PAGES if "static" not in p])
def test_with_a_token_pages_need_it(guarded: Live, page: str) -> None:
    assert ask(guarded.url, "GET", page).status == 401
    for wrong in ("Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer", "Bearer \xe9"):
        assert ask(guarded.url, "GET", page, headers=[("Authorization", wrong)]).status == 401
    assert ask(guarded.url, "GET", page, headers=[BEARER]).status in (200, 404)


def test_the_proxy_itself_needs_no_admin_token(guarded: Live) -> None:
    assert chat(guarded.url, body([{"role": "user", "content": "Hello"}])).status == 200


def test_a_login_sets_a_cookie_that_scripts_and_other_sites_cannot_use(guarded: Live) -> None:
    assert b'action="/-/login"' in ask(guarded.url, "GET", "/-/").body
    answer = log_in(guarded, TOKEN)
    cookie = answer.header("set-cookie") or ""
    assert (answer.status, answer.header("location")) == (303, "/-/")
    assert {"HttpOnly", "SameSite=strict", "Path=/-"} <= set(cookie.split("; "))
    assert TOKEN not in cookie
    session = [("Cookie", cookie.partition(";")[0])]
    assert b'id="overview"' in ask(guarded.url, "GET", "/-/", headers=session).body
    assert ask(guarded.url, "GET", "/-/outcomes", headers=session).status == 200
    assert 'foveate_session=""' in (
        ask(guarded.url, "POST", "/-/logout", b"", session).header("set-cookie") or ""
    )


def test_a_wrong_token_sets_none_and_costs_time(guarded: Live) -> None:
    start = time.monotonic()
    answer = log_in(guarded, "guess")
    assert (answer.status, answer.header("set-cookie")) == (401, None)
    assert time.monotonic() - start >= SLOW


def test_a_forged_or_old_session_does_not_hold(guarded: Live) -> None:
    later = int(time.time()) + 1000
    good = access.session(TOKEN, later)
    forged = [
        access.session(TOKEN, int(time.time()) - 1), access.session("other", later),
        f"{later + 1}.{good.partition('.')[2]}", "", ".", "9" * 400 + ".x", "\u0663.x",
    ]  # fmt: skip
    for value in forged:
        cookie = f"{access.COOKIE}={value}".encode().decode("latin-1")
        assert ask(guarded.url, "GET", "/-/outcomes", headers=[("Cookie", cookie)]).status == 401
    assert (
        ask(guarded.url, "GET", "/-/outcomes", headers=[("Cookie", f"{access.COOKIE}={good}")]).status
        == 200
    )


@pytest.mark.parametrize("path", ["/-/explain", "/-/prune", "/-/logout", "/-/outcomes/prn-1/explain"])
def test_another_sites_page_cannot_post(quick: Live, guarded: Live, path: str) -> None:
    for live, own in ((quick, []), (guarded, [BEARER])):
        for foreign in (
            ("Origin", "https://attacker.example"),
            ("Origin", "null"),
            ("Sec-Fetch-Site", "cross-site"),
        ):
            assert ask(live.url, "POST", path, b"{}", [foreign, *own]).status == 403
        assert ask(live.url, "POST", path, b"{}", [("Origin", live.url), *own]).status in (
            200,
            303,
            404,
        )


@pytest.mark.parametrize("setting", ["api_key", "anthropic_api_key"])
def test_another_sites_page_cannot_spend_the_operators_key(upstream: Upstream, setting: str) -> None:
    foreign = [("Origin", "https://attacker.example"), ("Content-Type", "text/plain")]
    with serve(settings_for(upstream.url, upstream={setting: "sk-ours"})) as live:
        answer = ask(live.url, "POST", "/v1/messages", json.dumps(body([])).encode(), foreign)
    assert answer.status == 403
    assert "callers.origins" in answer.body.decode()
    assert not [r for r in upstream.received if r.method == "POST"]


def test_the_page_may_load_nothing_from_elsewhere(quick: Live) -> None:
    answer = ask(quick.url, "GET", "/-/")
    policy = answer.header("content-security-policy") or ""
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.header("x-content-type-options") == "nosniff"


@pytest.mark.parametrize(
    "name", ["../routes.py", "%2e%2e/routes.py", "..%2froutes.py", "vendor/../main.js/", "main", ".js"]
)
def test_static_serves_its_own_files_only(quick: Live, name: str) -> None:
    assert ask(quick.url, "GET", f"/-/static/{name}").status in (404, 422)


def test_serving_other_machines_without_a_token_is_refused_with_the_remedy(tmp_path: Path) -> None:
    start = "from foveate.proxy.cli import main; main()"
    command = [sys.executable, "-c", start, "serve", "--host", "0.0.0.0", "--port", "0"]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FOVEATE_")}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=clean, timeout=60)
    assert done.returncode == 2
    assert "admin.token" in done.stderr
    assert "FOVEATE_ADMIN__TOKEN" in done.stderr
    assert len(done.stderr.splitlines()) == 1
