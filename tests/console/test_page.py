"""The page in a real Chromium: what a person sees and does, and that the browser has nothing to complain about."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foveate.proxy.pages import access
from support.client import chat
from support.console import HI, TOKEN, serve_pages
from support.conversations import body, count, long_chat
from support.page import NEEDS, Seen
from support.server import Live, settings_for
from support.upstream import Gate, Upstream, chat_events, reply_json, stream

pytestmark = NEEDS
POLICIES = {"lexical": {"preset": "balanced", "signals": {"semantic": {"weight": 0}}}}
PHONE = {"width": 375, "height": 740}


@pytest.fixture
def live(upstream: Upstream) -> Iterator[Live]:
    upstream.script = reply_json(HI)
    with serve_pages(settings_for(upstream.url, recent={"keep_text": True}, policies=POLICIES)) as live:
        yield live


@pytest.fixture
def seen(browser: Any, live: Live) -> Iterator[Seen]:
    found = Seen(browser, live.url)
    yield found
    found.close()


def opened(seen: Seen, live: Live) -> Any:
    """Open the outcome of one cut request by the keyboard alone."""
    chat(live.url, body(long_chat()), budget="1000/500")
    link = seen.page.locator("#requests tbody a").first
    link.focus()
    seen.page.keyboard.press("Enter")
    seen.page.wait_for_selector("#detail .strip g")
    return seen.page


def test_an_empty_list_says_how_to_begin(seen: Seen, live: Live) -> None:
    seen.page.wait_for_selector("#address:text-matches('.')")
    assert f"OPENAI_BASE_URL={live.url}/v1" in seen.page.inner_text("#empty")


def test_requests_appear_by_themselves_with_totals(seen: Seen, live: Live) -> None:
    answer = chat(live.url, body(long_chat()), budget="1000/500")
    seen.page.wait_for_selector("#requests tbody tr")
    before, after = (
        f"{int(answer.header(f'x-pruning-tokens-{w}') or 0):,}" for w in ("before", "after")
    )
    assert f"{before} → {after}" in seen.page.inner_text("#requests tbody tr")
    seen.page.wait_for_selector(f"#tiles:has-text('{after}')")
    tiles = seen.page.inner_text("#tiles")
    assert before in tiles
    assert "128" in tiles  # cached, says the upstream
    assert "$0.00" in tiles
    assert seen.page.locator("#charts figure canvas").count() == 4


def test_a_request_within_its_budget_is_counted_and_shown_whole(seen: Seen, live: Live) -> None:
    request = body(long_chat(2))
    chat(live.url, request)
    seen.page.wait_for_selector("#requests tbody tr")
    cells = seen.page.locator("#requests tbody td").all_inner_texts()
    assert cells[1:5] == ["untouched", "gpt-4o", "balanced", f"{count(request):,}"]
    seen.page.locator("#requests tbody a").first.click()
    seen.page.wait_for_selector("#detail .strip g")
    assert seen.page.locator("#detail .strip").first.locator("g").count() == len(request["messages"])


def test_a_request_of_which_nothing_was_decided_says_so(browser: Any, live: Live) -> None:
    chat(live.url, body(long_chat(2)), pruning="off")
    seen = Seen(browser, live.url)
    seen.page.locator("#requests tbody a").first.click()
    seen.page.wait_for_selector("#detail :text('Nothing was decided')")
    seen.close()


def test_a_request_under_way_shows_its_stage(seen: Seen, live: Live, upstream: Upstream) -> None:
    import threading

    gate = Gate()
    upstream.script = stream(chat_events(["a", "b"]), gates={1: gate})
    thread = threading.Thread(target=lambda: chat(live.url, body(long_chat(2), stream=True)))
    thread.start()
    seen.page.wait_for_selector("#underway li:has-text('answer')")
    gate.open()
    thread.join()
    seen.page.wait_for_selector("#requests tbody tr")
    seen.page.wait_for_selector("#underway li", state="detached")


def test_an_outcome_is_a_strip_as_wide_as_its_tokens(seen: Seen, live: Live) -> None:
    page = opened(seen, live)
    blocks = page.locator("#detail .strip").first.locator("g")
    assert blocks.count() == len(long_chat())
    assert "system" in (blocks.first.get_attribute("aria-label") or "")
    sizes = page.evaluate(
        "[...document.querySelector('.strip').querySelectorAll('g')].map(g => [g.getAttribute('aria-label'),"
        " Number(g.querySelector('.block').getAttribute('width'))])"
    )
    wide = max(sizes, key=lambda row: row[1])
    tokens = [int(label.split(" tokens")[0].rsplit(", ", 1)[1]) for label, _ in sizes]
    assert f"{max(tokens)} tokens" in wide[0]
    assert {"block kept", "block pinned", "block dropped"} <= set(
        page.evaluate(
            "[...document.querySelectorAll('.strip .block')].map(b => b.getAttribute('class'))"
        )
    )


def test_the_keyboard_walks_the_strip_and_shows_each_segment(seen: Seen, live: Live) -> None:
    page = opened(seen, live)
    page.locator("#detail .strip g").first.focus()
    for key in ("End", "ArrowLeft", "Home", "ArrowRight"):
        page.keyboard.press(key)
    panel = page.locator("section[aria-label=Segment]")
    assert "Segment 2" in panel.inner_text()
    assert long_chat()[1]["content"] in panel.inner_text()
    assert page.locator(".strip g[aria-selected=true]").count() == 1
    assert panel.locator(".shares i").count() >= 2


def test_the_slider_explains_another_budget(seen: Seen, live: Live) -> None:
    page = opened(seen, live)
    page.wait_for_selector("text=/would forward/")
    page.locator("#budget").focus()
    page.keyboard.press("End")
    page.wait_for_selector(
        f"text=/would forward/ >> text=/{len(long_chat())} of {len(long_chat())} segments/"
    )
    said = page.inner_text("section[aria-labelledby=what-if] [role=status]")
    assert f"{len(long_chat())} of {len(long_chat())} segments" in said


def test_two_policies_stand_side_by_side(seen: Seen, live: Live) -> None:
    page = opened(seen, live)
    page.select_option("#against", "lexical")
    page.wait_for_selector("h4:has-text('lexical')")
    section = page.locator("section[aria-labelledby=what-if]")
    assert section.locator(".strip").count() == 2
    said = section.locator("[role=status]").inner_text()
    assert "only balanced keeps" in said or "Both keep the same" in said


def test_without_kept_text_the_page_says_how_to_have_it(browser: Any, upstream: Upstream) -> None:
    with serve_pages(settings_for(upstream.url)) as live:
        seen = Seen(browser, live.url)
        page = opened(seen, live)
        assert page.locator("#budget").count() == 0
        page.locator("#detail .strip g").first.click()
        assert "recent.keep_text" in page.inner_text("section[aria-label=Segment]")
        seen.close()


def test_a_failed_request_and_an_unknown_one_are_told(browser: Any, live: Live) -> None:
    chat(live.url, b"{}")
    seen = Seen(browser, live.url)
    seen.page.locator("#requests tbody a").first.click()
    seen.page.wait_for_selector("text=/failed at the stage parse/")
    seen.page.goto(f"{live.url}/-/#/prn-unknown")
    seen.page.wait_for_selector("[role=alert]:has-text('no outcome')")
    complaints = [c for c in seen.complaints if "404" not in c]
    seen.complaints[:] = complaints
    seen.close()


def test_text_of_messages_is_text_and_never_markup(browser: Any, live: Live) -> None:
    nasty = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    chat(live.url, {**body([{"role": "user", "content": nasty}]), "model": nasty})
    seen = Seen(browser, live.url)
    seen.page.on("dialog", lambda dialog: seen.complaints.append(dialog.message))
    seen.page.locator("#requests tbody a").first.click()
    seen.page.locator("#detail .strip g").first.click()
    assert nasty in seen.page.inner_text("section[aria-label=Segment]")
    seen.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, {"width": 1280, "height": 900}], ids=["phone", "desk"])
def test_it_fits_the_screen_in_both_themes(
    browser: Any, live: Live, scheme: str, size: dict[str, int]
) -> None:
    seen = Seen(browser, live.url, color_scheme=scheme, viewport=size)
    page = opened(seen, live)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.goto(f"{live.url}/-/#/")
    page.wait_for_selector("#charts canvas")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)"
    assert dark is (scheme == "dark")
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"overview-{scheme}-{size['width']}.png", full_page=True)
    seen.close()


def test_every_control_has_a_name(seen: Seen, live: Live) -> None:
    page = opened(seen, live)
    unnamed = page.evaluate(
        """[...document.querySelectorAll(
            'a, button, input, select, summary, [role=listbox], [role=option], [tabindex="0"]')]
        .filter(e => e.offsetParent !== null || e.ownerSVGElement)
        .filter(e => !(e.getAttribute('aria-label') || e.labels?.length || e.textContent.trim()
                       || e.getAttribute('aria-labelledby')))
        .map(e => e.outerHTML.slice(0, 80))"""
    )
    assert unnamed == []
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.evaluate("document.activeElement.tagName") == "H2"  # where reading goes on


def test_a_refused_change_of_the_settings_is_told(seen: Seen, live: Live) -> None:
    live.services.parts.reloads.problem = "config.yaml: budget is wrong"
    seen.page.wait_for_selector("[role=alert]:has-text('refused: config.yaml: budget is wrong')")
    live.services.parts.reloads.problem = ""
    seen.page.wait_for_selector("#problem", state="hidden")


def test_the_chart_library_is_the_file_that_the_notice_names() -> None:
    console = Path(access.__file__).parent
    named = re.findall(r"(uPlot\.\S+) +sha256 (\w{64})", (console / "NOTICE").read_text())
    assert len(named) == 2
    for name, expected in named:
        assert (
            hashlib.sha256((console / "static" / "vendor" / name).read_bytes()).hexdigest() == expected
        )


def test_logging_in_and_out(browser: Any, upstream: Upstream) -> None:
    with serve_pages(settings_for(upstream.url, admin={"token": TOKEN})) as live:
        seen = Seen(browser, live.url)
        page = seen.page
        page.get_by_label("Admin token").fill(TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_selector("#tiles")
        assert page.evaluate("document.cookie") == ""  # out of reach for scripts
        page.get_by_role("button", name="Log out").click()
        page.get_by_label("Admin token").wait_for()
        seen.complaints[:] = [c for c in seen.complaints if "401" not in c]
        seen.close()
