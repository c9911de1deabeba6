"""Lets known callers in, within what each may use; everybody where nobody is named."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from foveate.proxy.callers.caller import ANYBODY, Caller
from foveate.proxy.callers.keys import hashed, presented
from foveate.proxy.config import schema
from foveate.proxy.errors import ConfigError, RequestError
from foveate.proxy.http.headers import Headers, without_keys
from foveate.proxy.pruning.memory import Memory

MINUTE, DAY = 60, 86_400  # seconds
UNKNOWN = "(unknown)"  # who has shown no key that is known; no caller can be called so


@dataclass(slots=True)
class Tally:
    """What callers have sent since the start, by name."""

    requests: Counter[str] = field(default_factory=Counter)  # let in
    refused: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)

    def rows(self) -> list[dict[str, object]]:
        """Return a row a name."""
        names = sorted({*self.requests, *self.refused})
        return [
            {
                "name": name,
                "requests": self.requests[name],
                "refused": self.refused[name],
                "tokens": self.tokens[name],
            }
            for name in names
        ]


class Admission:
    """Finds who calls by the key that a request carries, and counts what each uses.

    Limits are counted where decisions are kept, so that all who share those share them. Where that
    does not answer, nobody is refused for a limit.
    """

    def __init__(self, named: Mapping[str, schema.NamedCaller], memory: Memory, tally: Tally) -> None:
        self._memory = memory
        self.tally = tally
        self._by_hash = {
            each.get_secret_value(): Caller(
                name, caller.models, caller.policies, caller.requests_a_minute, caller.tokens_a_day
            )
            for name, caller in named.items()
            for each in caller.keys
        }

    def identified(self, headers: Headers) -> tuple[Caller, Headers]:
        """Return who calls, and the headers less the key, which is for nobody else; RequestError 401
        where it is not known.
        """
        if not self._by_hash:
            return ANYBODY, headers
        caller = self.find(headers)
        if caller is not None:
            return caller, without_keys(headers)
        self.tally.refused[UNKNOWN] += 1
        told = "this key is not known here" if presented(headers) else "no key was sent"
        raise RequestError(
            401,
            f"{told}; send one that the operator of this foveate has given out (callers.named)",
            code="invalid_api_key",
            headers=[(b"www-authenticate", b"Bearer")],
        )

    def find(self, headers: Headers) -> Caller | None:
        """Return whose key the headers carry, None where it is nobody's that is named."""
        found = (self._by_hash.get(hashed(key)) for key in presented(headers))
        return next((caller for caller in found if caller is not None), None)

    async def admit(self, caller: Caller) -> None:
        """Count a request; RequestError 429 where the caller has no more of them, or of tokens."""
        if not caller.name:
            return
        now = time.time()
        if caller.requests_a_minute:
            key = f"caller {caller.name} requests {now // MINUTE:.0f}"
            made = await self._memory.count(key, 1, 2 * MINUTE)
            if made is not None and made > caller.requests_a_minute:
                limit = f"{caller.requests_a_minute} requests a minute"
                raise exhausted(caller, limit, MINUTE - now % MINUTE)
        if caller.tokens_a_day:
            used = await self._memory.count(tokens_key(caller, now), 0, 2 * DAY)
            if used is not None and used >= caller.tokens_a_day:
                raise exhausted(caller, f"{caller.tokens_a_day} tokens a day", DAY - now % DAY)
        self.tally.requests[caller.name] += 1

    def refused(self, caller: Caller) -> None:
        """Take note that a caller was refused."""
        self.tally.refused[caller.name] += 1

    async def spend(self, caller: Caller, tokens: int) -> None:
        """Count what a request took."""
        if not caller.name or tokens <= 0:
            return
        self.tally.tokens[caller.name] += tokens
        if caller.tokens_a_day:
            await self._memory.count(tokens_key(caller, time.time()), tokens, 2 * DAY)


def tokens_key(caller: Caller, now: float) -> str:
    """Return under which key a caller's tokens of a day, in UTC, are counted."""
    return f"caller {caller.name} tokens {now // DAY:.0f}"


def exhausted(caller: Caller, limit: str, seconds: float) -> RequestError:
    """Return the refusal of what is beyond a limit that begins anew after so many seconds."""
    wait = max(1, int(seconds + 1))
    headers: Headers = [(b"retry-after", b"%d" % wait)]
    if wait > MINUTE:  # the SDKs would try again within seconds, in vain
        headers.append((b"x-should-retry", b"false"))
    return RequestError(
        429,
        f"caller {caller.name} may use {limit}; more in {wait} seconds",
        "rate_limit_error",
        "rate_limit_exceeded",
        headers,
    )


def check_named(named: Mapping[str, schema.NamedCaller], policies: Mapping[str, object]) -> None:
    """Raise ConfigError where a caller may use a policy that is none, or two have the same key."""
    owners: dict[str, str] = {}
    for name, caller in named.items():
        for policy in caller.policies:
            if policy not in policies:
                raise ConfigError(
                    f'callers.named.{name}.policies "{policy}" is not one of {", ".join(sorted(policies))}'
                )
        for key in caller.keys:
            other = owners.setdefault(key.get_secret_value(), name)
            if other != name:
                raise ConfigError(
                    f"callers.named.{name} has a key of {other}'s; give each its own: foveate key {name}"
                )
