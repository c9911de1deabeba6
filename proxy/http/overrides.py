"""What a caller asks for with request headers."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from foveate.policies.types import Budget
from foveate.proxy.errors import RequestError
from foveate.proxy.http.headers import Headers

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
    mode = given.get("x-pruning")
    if mode is not None and mode not in ("on", "off", "dry-run"):
        raise _refused("X-Pruning", mode, "on, off or dry-run")
    policy = given.get("x-pruning-policy")
    if policy is not None and policy not in policies:
        raise _refused("X-Pruning-Policy", policy, f"one of {', '.join(sorted(policies))}")
    sticky = given.get("x-pruning-sticky")
    if sticky is not None and sticky not in ("on", "off"):
        raise _refused("X-Pruning-Sticky", sticky, "on or off")
    session = given.get("x-pruning-session")
    if session is not None and not _SESSION.fullmatch(session):
        raise _refused(
            "X-Pruning-Session", session, "1 to 128 printable ASCII characters without spaces"
        )
    budget = given.get("x-pruning-budget")
    return Overrides(
        mode=mode,  # type: ignore[arg-type]
        policy=policy,
        budget=None if budget in (None, THRIFTY) else read_budget(str(budget)),
        thrifty=budget == THRIFTY,
        sticky=None if sticky is None else sticky == "on",
        session=session,
    )


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
