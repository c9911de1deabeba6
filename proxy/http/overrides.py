"""What a caller asks for with request headers."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from foveate.policies.types import Budget
from foveate.proxy.errors import RequestError, nearest
from foveate.proxy.http.headers import Headers

Fields = dict[str, Any]  # of Overrides
_BUDGET = re.compile(r"([1-9]\d{0,8})(?:/([1-9]\d{0,8}))?")
_SESSION = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True)
class Overrides:
    """The X-Pruning headers of one request; None where the caller leaves it to the settings."""

    mode: Literal["on", "off", "dry-run"] | None = None
    policy: str | None = None
    budget: Budget | None = None
    thrifty: bool = False  # cut where that pays, too
    sticky: bool | None = None
    session: str | None = None
    remember: bool | None = None  # nothing is kept of the request, nor quoted, where it is False


NO_OVERRIDES = Overrides()
THRIFTY = "economy"  # a budget that is the window's own, and cut below it where that pays


def read_overrides(headers: Headers, policies: Collection[str]) -> Overrides:
    """Return the overrides; RequestError 400 naming the header, its value and what is allowed."""
    given = {
        name.decode("latin-1"): value.decode("latin-1").strip()
        for name, value in headers
        if name.startswith(b"x-pruning")
    }
    if not given:
        return NO_OVERRIDES
    fields: dict[str, Any] = {}
    for name, value in given.items():
        reader = HEADERS.get(name)
        if reader is None:
            raise _unknown(name)
        fields |= reader(value, policies)
    return Overrides(**fields)


def _mode(value: str, policies: Collection[str]) -> Fields:
    if value not in ("on", "off", "dry-run"):
        raise _refused("X-Pruning", value, "on, off or dry-run")
    return {"mode": value}


def _policy(value: str, policies: Collection[str]) -> Fields:
    if value not in policies:
        allowed = f"one of {', '.join(sorted(policies))}{nearest(value, policies)}"
        raise _refused("X-Pruning-Policy", value, allowed)
    return {"policy": value}


def _budget(value: str, policies: Collection[str]) -> Fields:
    return {"thrifty": True} if value == THRIFTY else {"budget": read_budget(value)}


def _sticky(value: str, policies: Collection[str]) -> Fields:
    if value not in ("on", "off"):
        raise _refused("X-Pruning-Sticky", value, "on or off")
    return {"sticky": value == "on"}


def _session(value: str, policies: Collection[str]) -> Fields:
    if not _SESSION.fullmatch(value):
        allowed = "1 to 128 printable ASCII characters without spaces"
        raise _refused("X-Pruning-Session", value, allowed)
    return {"session": value}


def _memory(value: str, policies: Collection[str]) -> Fields:
    if value not in ("on", "off"):
        raise _refused("X-Pruning-Memory", value, "on or off")
    return {"remember": value == "on"}


# Every request header of ours, with what reads its value into fields of Overrides. No other that begins so is let by.
HEADERS: Mapping[str, Callable[[str, Collection[str]], Fields]] = {
    "x-pruning": _mode,
    "x-pruning-policy": _policy,
    "x-pruning-budget": _budget,
    "x-pruning-sticky": _sticky,
    "x-pruning-session": _session,
    "x-pruning-memory": _memory,
}


def read_budget(value: str) -> Budget:
    """Return the watermarks that `16000` or `16000/8000` states."""
    match = _BUDGET.fullmatch(value)
    if not match:
        raise _refused(
            "X-Pruning-Budget", value, "tokens such as 16000, high/low such as 16000/8000, or economy"
        )
    high, low = int(match[1]), int(match[2] or match[1])
    if low > high:
        raise _refused("X-Pruning-Budget", value, "high/low with low no larger than high")
    return Budget(high, low)


def _refused(header: str, value: str, allowed: str) -> RequestError:
    """Return the error for a header's value that is not allowed."""
    return RequestError(
        400, f"{header}: {value[:100]!r} is not allowed; send {allowed}", code="invalid_pruning_header"
    )


def _unknown(name: str) -> RequestError:
    """Return the error for a header that begins like ours and is none."""
    known = [each.title() for each in HEADERS]
    meant = nearest(name.title(), known)
    return RequestError(
        400,
        f"{name.title()[:100]} is not a request header of foveate's{meant or '; it takes ' + ', '.join(known)}",
        code="invalid_pruning_header",
    )
