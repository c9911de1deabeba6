"""What the page finds, follows and tries: by keyboard, in both themes, on a phone and on a desk."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.client import ask, chat
from support.console import HI, TOKEN, serve_pages
from support.conversations import body, long_chat
from support.messages import long_talk
from support.messages import request as messages
from support.page import NEEDS, Seen, findings
from support.server import Live, settings_for
from support.upstream import WAIT, Upstream, reply_json

pytestmark = NEEDS
POLICIES = {"lexical": {"preset": "balanced", "signals": {"semantic": {"weight": 0}}}}
SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 900}}
LONG = "a-provider/with-a-very-long-name/and-a-model-that-has-one-too-2026-11-11:free"
SETTINGS: dict[str, Any] = {
    "recent": {"keep_text": True},
    "policies": POLICIES,
    "window": {"models": {"gpt-4o": 128_000, LONG: 128_000}},
}


@pytest.fixture
def live(upstream: Upstream) -> Iterator[Live]:
    upstream.script = reply_json(HI)
    with serve_pages(settings_for(upstream.url, **SETTINGS)) as live:
        yield live


def talk(live: Live, key: str = "sk-talk", requests: int = 4, model: str = "gpt-4o") -> list[str]:
    """Hold a conversation of which each request is longer, and return their ids."""
    said = long_chat(question="When does the night train to Vienna leave?")
    ids = []
    for n in range(requests):
        answer = chat(live.url, body(said, model=model), budget="1500/700", key=key)
        ids.append(str(answer.header("x-pruning-id")))
        said = [
            *said,
            {"role": "assistant", "content": f"At {n}."},
            {"role": "user", "content": f"And on day {n}?"},
        ]
    return ids


def rows(page: Any) -> Any:
    return page.locator("#requests tbody tr")


def listed(page: Any, count: int) -> None:
    """Wait until so many requests are listed."""
    deadline = time.monotonic() + WAIT
    while rows(page).count() != count:
        assert time.monotonic() < deadline, rows(page).count()
        page.wait_for_timeout(50)


def picture(page: Any, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_requests_are_found_by_result_text_and_time(browser: Any, live: Live) -> None:
    talk(live)
    chat(live.url, body([{"role": "user", "content": "A word on Zürich."}]))
    seen = Seen(browser, live.url)
    page = seen.page
    listed(page, 5)
    page.get_by_label("result", exact=True).select_option("cut")
    listed(page, 1)
    assert "result=cut" in page.url
    page.wait_for_function("document.querySelector('#tiles dd').innerText.includes('1')")
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("text", exact=True).fill("zürich")
    listed(page, 1)
    page.get_by_label("text", exact=True).fill("no such word")
    page.wait_for_selector("#none:not([hidden])")
    page.locator("#none a").click()
    page.get_by_label("time", exact=True).select_option("3600")
    listed(page, 5)
    seen.close()


def test_a_row_keeps_focus_and_selection_while_others_come(browser: Any, live: Live) -> None:
    talk(live, requests=2)
    seen = Seen(browser, live.url)
    page = seen.page
    page.wait_for_selector("#requests tbody tr")
    link = page.locator("#requests tbody a").last
    href = link.get_attribute("href")
    link.focus()
    page.evaluate("getSelection().selectAllChildren(document.activeElement.closest('tr').cells[4])")
    selected = page.evaluate("getSelection().toString()")
    talk(live, "sk-other", requests=2)
    listed(page, 4)
    assert page.evaluate("document.activeElement.getAttribute('href')") == href
    assert page.evaluate("getSelection().toString()") == selected != ""
    seen.close()


def test_more_than_a_hundred_rows_are_paged(browser: Any, live: Live) -> None:
    request = json.dumps(body([{"role": "user", "content": "hi"}])).encode()
    for _ in range(130):
        chat(live.url, request)
    seen = Seen(browser, live.url)
    page = seen.page
    listed(page, 100)
    page.wait_for_selector("#shown:has-text('100 of 130')")
    newest = rows(page).first.locator("a").get_attribute("href")
    page.get_by_role("button", name="100 older").press("Enter")
    listed(page, 30)
    assert rows(page).first.locator("a").get_attribute("href") != newest
    page.get_by_role("button", name="Newest").press("Enter")
    listed(page, 100)
    seen.close()


def test_refusals_stand_out_and_save_nothing(browser: Any, live: Live, upstream: Upstream) -> None:
    upstream.script = reply_json({"error": {"message": "no"}}, status=429)
    talk(live, requests=1)
    seen = Seen(browser, live.url)
    seen.page.wait_for_selector("#requests tbody tr.bad")
    cells = rows(seen.page).first.locator("td").all_inner_texts()
    assert cells[1] == "rate limit (cut)"
    assert cells[7] == "–"
    assert cells[-1] == "429"
    [outcome] = ask(live.url, "GET", "/-/outcomes?status=failed").json["outcomes"]
    assert (outcome["saved"], outcome["cost"]) == (0, 0)
    seen.close()


def test_an_upstream_that_is_down_and_a_refused_key_are_said(browser: Any, upstream: Upstream) -> None:
    with serve_pages(settings_for("http://127.0.0.1:9")) as live:
        seen = Seen(browser, live.url)
        chat(live.url, body(long_chat(2)))
        seen.page.wait_for_selector("#problem:has-text('127.0.0.1:9')")
        assert "unreachable" in rows(seen.page).first.inner_text()
        seen.complaints[:] = [c for c in seen.complaints if "503" not in c]  # what /-/ready says
        seen.close()
    upstream.script = reply_json({"error": {"message": "bad key"}}, status=401)
    with serve_pages(settings_for(upstream.url)) as live:
        seen = Seen(browser, live.url)
        chat(live.url, body(long_chat(2)))
        seen.page.wait_for_selector("#problem:has-text('refuses the key')")
        seen.close()


def test_a_wrong_token_is_said(browser: Any, upstream: Upstream) -> None:
    with serve_pages(settings_for(upstream.url, admin={"token": TOKEN})) as live:
        seen = Seen(browser, live.url)
        page = seen.page
        assert not page.get_by_role("alert").is_visible()
        page.get_by_label("Admin token").fill("wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("[role=alert]:has-text('not the token')")
        assert findings(page) == []
        seen.complaints[:] = [c for c in seen.complaints if "401" not in c]
        seen.close()


def test_a_conversation_is_followed_over_its_requests(browser: Any, live: Live) -> None:
    ids = talk(live)
    talk(live, "sk-other", requests=2)
    seen = Seen(browser, live.url, "#/conversations")
    page = seen.page
    page.wait_for_selector("#conversations tbody tr")
    assert page.locator("#conversations tbody tr").count() == 2
    page.locator("#conversations tbody a").last.press("Enter")
    page.wait_for_selector(".turns a")
    assert page.locator(".turns a").count() == len(ids)
    labels = page.evaluate(
        "[...document.querySelectorAll('.turns a')].map(a => a.getAttribute('aria-label'))"
    )
    assert "cut" in labels[0]
    assert "sticky" in labels[1]
    assert page.locator(".turns text.t-cut").count() == 1
    told = page.inner_text("#detail .facts")
    for word in ("cuts", "reused", "would have cost", "reasoning kept"):
        assert word in told
    page.locator(".turns a").first.focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.wait_for_selector("#detail .strip g")
    assert ids[-1] in page.url
    page.locator("#detail .facts a").first.press("Enter")
    page.wait_for_selector(".turns a")
    seen.close()


def test_why_a_segment_goes_and_what_would_keep_it(browser: Any, live: Live) -> None:
    [key] = talk(live, requests=1)
    seen = Seen(browser, live.url, f"#/{key}")
    page = seen.page
    page.wait_for_selector("text=/would forward/")
    page.locator("#detail .strip").first.locator("g[aria-label*=dropped]").first.click()
    panel = page.locator("section[aria-label=Segment]")
    panel.locator("text=room left").wait_for()
    for word in ("of its own", "flowed to it", "price of its length", "threshold"):
        assert word in panel.inner_text()
    panel.get_by_role("button", name="What would keep this?").press("Enter")
    panel.locator("text=/It would stay with a budget of/").wait_for()
    seen.close()


@pytest.mark.parametrize(
    ("given", "path"),
    [
        (body(long_chat()), "/v1/chat/completions"),
        (
            messages(
                [
                    *long_talk(),
                ],
                system="You are brief.",
            ),
            "/v1/messages",
        ),
        ({"model": "gpt-4o", "input": long_chat()[1:]}, "/v1/responses"),
        (long_chat(), "/v1/chat/completions"),
    ],
    ids=["chat", "messages", "responses", "messages alone"],
)
def test_a_request_of_any_wire_is_pasted_and_tried(
    browser: Any, live: Live, given: Any, path: str
) -> None:
    seen = Seen(browser, live.url, "#/workbench")
    page = seen.page
    page.get_by_label("paste a request").fill(json.dumps(given))
    page.wait_for_selector("text=/would forward/")
    assert path in page.inner_text(".drop")
    assert page.locator("#detail .strip").count() == 1
    seen.close()


def test_weights_move_and_the_policy_is_exported(browser: Any, live: Live, tmp_path: Path) -> None:
    [key] = talk(live, requests=1)
    seen = Seen(browser, live.url, f"#/workbench?from={key}")
    page = seen.page
    page.wait_for_selector("text=/balanced would forward/")
    page.locator("#s-signals-semantic-weight").focus()
    page.keyboard.press("Home")
    page.wait_for_selector("text=/balanced, changed would forward/")
    page.locator("#budget").focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    page.select_option("#against", "recency")
    page.wait_for_selector("h4:has-text('recency')")
    assert page.locator("#detail .strip").count() == 2
    written = page.inner_text("[aria-label='The policy for config.yaml']")
    (tmp_path / "config.yaml").write_text(written)
    from foveate.proxy.config.loading import load_settings
    from foveate.proxy.config.policies import build_policies

    settings = load_settings(tmp_path / "config.yaml")
    weights = {s.name: s.weight for s in build_policies(settings)[settings.policy].signals}
    assert weights["semantic"] == 0
    assert weights["keyword"] == 1
    seen.close()


def test_a_file_is_dropped_and_what_is_no_json_is_said(
    browser: Any, live: Live, tmp_path: Path
) -> None:
    seen = Seen(browser, live.url, "#/workbench")
    page = seen.page
    path = tmp_path / "request.json"
    path.write_text("{ not json")
    page.get_by_label("or choose a file").set_input_files(path)
    page.wait_for_selector("text=/request.json is not JSON/")
    path.write_text(json.dumps({"prompt": "hi"}))
    page.get_by_label("or choose a file").set_input_files(path)
    page.wait_for_selector("text=/cannot be decided on/")
    page.evaluate(
        """text => {
            const data = new DataTransfer();
            data.setData("text", text);
            const dropped = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
            document.querySelector(".drop").dispatchEvent(dropped);
        }""",
        json.dumps(body(long_chat())),
    )
    page.wait_for_selector("text=/would forward/")
    seen.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_view_fits_and_keeps_nobody_out(browser: Any, live: Live, scheme: str, size: str) -> None:
    talk(live, model=LONG)
    key = talk(live, "sk-other", requests=1)[0]
    chat(live.url, b"{}")
    [conversation, *_] = ask(live.url, "GET", "/-/conversations").json["conversations"]
    views = {
        "requests": ("#/", "#requests tbody tr"),
        "conversations": ("#/conversations", "#conversations tbody tr"),
        "conversation": (f"#/conversation/{conversation['conversation']}", ".turns a"),
        "request": (f"#/{key}", "text=/would forward/"),
        "workbench": (f"#/workbench?from={key}", "text=/would forward/"),
    }
    for name, (view, there) in views.items():
        seen = Seen(browser, live.url, view, color_scheme=scheme, viewport=SIZES[size])
        seen.page.wait_for_selector(there)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"], name
        assert findings(seen.page) == [], name
        picture(seen.page, f"{name}-{scheme}-{size}")
        seen.close()


def test_on_a_phone_what_matters_is_there_without_scrolling(browser: Any, live: Live) -> None:
    talk(live, model=LONG)
    seen = Seen(browser, live.url, viewport=SIZES["phone"])
    seen.page.wait_for_selector("#requests tbody tr")
    shown = seen.page.locator("#requests thead th:visible").all_inner_texts()
    assert shown == ["time", "result", "tokens", "saved", "status"]
    table = seen.page.evaluate("document.querySelector('#requests').scrollWidth")
    assert table <= SIZES["phone"]["width"]
    seen.close()


def test_five_thousand_outcomes_are_listed_a_page_at_a_time(browser: Any, live: Live) -> None:
    from foveate.proxy.pruning.outcome import Outcome

    for n in range(5000):
        told: Any = {"tokens_before": 9, "tokens_after": 5, "status": 200, "conversation": f"c{n % 50}"}
        live.services.parts.recent.put(
            Outcome(id=f"prn-{n}", created=n, result="cut", policy="p", model="gpt-4o", **told)
        )
    seen = Seen(browser, live.url)
    listed(seen.page, 100)
    seen.page.wait_for_selector("#shown:has-text('100 of 5,000')")
    seen.close()


def test_what_is_found_is_taken_away(browser: Any, live: Live) -> None:
    [key, *_] = talk(live, requests=2)
    seen = Seen(browser, live.url, "#/?result=cut", accept_downloads=True)
    page = seen.page
    listed(page, 1)
    page.wait_for_selector("#export a[href*='result=cut']")
    with page.expect_download() as coming:
        page.get_by_role("link", name="CSV").press("Enter")
    table = Path(coming.value.path()).read_text().splitlines()
    assert len(table) == 2
    assert key in table[1]
    seen.close()


def test_a_request_is_copied_as_a_command(browser: Any, live: Live) -> None:
    [key] = talk(live, requests=1)
    seen = Seen(browser, live.url, f"#/{key}", permissions=["clipboard-read", "clipboard-write"])
    page = seen.page
    page.get_by_role("button", name="Copy as curl").press("Enter")
    page.get_by_role("button", name="Copied").wait_for()
    command = page.evaluate("navigator.clipboard.readText()")
    assert command.startswith(f"curl {live.url}/v1/chat/completions")
    assert "X-Pruning-Budget: 1500/700" in command
    with page.expect_download() as coming:
        page.get_by_role("link", name="Download the request").press("Enter")
    assert json.loads(Path(coming.value.path()).read_text())["messages"]
    seen.close()
