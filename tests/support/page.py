"""The page in a real Chromium, and all that the browser and axe have to complain about."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in BROWSERS if (path := shutil.which(name))), "")
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
NEEDS = pytest.mark.skipif(not CHROMIUM, reason="no browser found: apt-get install chromium")
SERIOUS = ("serious", "critical")


class Seen:
    """A page, and all that the browser complained about."""

    def __init__(self, browser: Any, url: str, view: str = "", **context: Any) -> None:
        self.url = url
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.on(
            "console",
            lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None,
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "request", lambda r: self.foreign.append(r.url) if not r.url.startswith(url) else None
        )
        self.page.goto(f"{url}/-/{view}")

    def close(self) -> None:
        self.context.close()
        assert self.complaints == []
        assert self.foreign == []


def findings(page: Any) -> list[str]:
    """Return what axe finds that keeps people out."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright",
        reason="axe-playwright-python is not installed: pip install '.[dev]'",
    )
    found = axe.Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in found if v["impact"] in SERIOUS]
