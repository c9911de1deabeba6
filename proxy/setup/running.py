"""Asks a running foveate what it has done."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from foveate.proxy.config.schema import Settings
from foveate.proxy.errors import ConfigError

PATIENCE = 5.0  # seconds
PERIOD = 1.0  # between questions
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True, slots=True)
class Running:
    """A running foveate: its address, and the token for its pages."""

    url: str
    token: str = ""

    def get(self, page: str, **asked: Any) -> Any:
        """Return what a page under /-/ says; ConfigError with the remedy where it cannot be had."""
        query = urlencode({name: value for name, value in asked.items() if value not in ("", None)})
        request = urllib.request.Request(f"{self.url}/-/{page}?{query}")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise ConfigError(f"{self.url}: {told_by(error)}") from None
        except (OSError, ValueError) as error:
            why = getattr(error, "reason", error)
            raise ConfigError(
                f"no foveate answers at {self.url} ({why}); start one with `foveate serve`, or name it with --url"
            ) from None

    def outcomes(self, latest: int) -> Iterator[dict[str, Any]]:
        """Yield the latest outcomes, and then each as it comes, without end."""
        serial, epoch = 0, ""
        while True:
            news = self.get(
                "outcomes", since=serial, epoch=epoch, limit=500 if serial else max(1, latest)
            )
            yield from news["outcomes"] if serial or latest else ()
            serial, epoch = news["serial"], news["epoch"]
            time.sleep(PERIOD)


def running_of(settings: Settings, url: str | None, token: str | None) -> Running:
    """Return the foveate that the settings describe, where nothing else is named."""
    server = settings.server
    host = ANYWHERE.get(server.host, server.host)
    shown = f"[{host}]" if ":" in host else host
    return Running(
        (url or f"http://{shown}:{server.port}").rstrip("/").removesuffix("/-"),
        token or settings.admin.token.get_secret_value(),
    )


def told_by(error: urllib.error.HTTPError) -> str:
    """Return what an answer says of its refusal."""
    try:
        said = json.loads(error.read())
    except (ValueError, OSError):
        return f"it answered {error.code}"
    detail = said.get("detail") if isinstance(said, dict) else None
    return str(detail or f"it answered {error.code}")
