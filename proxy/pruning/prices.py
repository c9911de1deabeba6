"""What prompts cost, from the prices in litellm's table and those of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from foveate.proxy.config import schema as config
from foveate.proxy.pruning.limits.models import look_up, model_entries
from foveate.proxy.pruning.outcome import Outcome

REFUSED = 400  # statuses from there on are refusals and faults,
HUNG_UP = 499  # but for a caller's who did not wait for the end


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a prompt token: one that is neither read from the cache nor written to it, and those
    two.
    """

    fresh: float
    read: float
    write: float

    def of(self, tokens: int, repeated: int) -> float:
        """Return what a prompt costs of which `repeated` tokens stood in the previous one."""
        repeated = min(repeated, tokens)
        return (tokens - repeated) * self.write + repeated * self.read


@dataclass(frozen=True, slots=True)
class Rates:
    """What a cached token costs relative to a fresh one, and how long it stays cached."""

    read: float
    write: float
    lifetime: float  # seconds from the last use


@lru_cache(maxsize=1)
def price_table() -> Mapping[str, Price]:
    """Return prices by model name; a model without a price for cached tokens has no discount."""
    table = {}
    for name, entry in model_entries():
        fresh = entry.get("input_cost_per_token")
        if isinstance(fresh, (int, float)) and fresh > 0:
            read = entry.get("cache_read_input_token_cost")
            write = entry.get("cache_creation_input_token_cost")
            table[name.lower()] = Price(fresh, numeric(read, fresh), numeric(write, fresh))
    return table


def numeric(value: object, default: float) -> float:
    """Return a number of the table, `default` where it has none."""
    return float(value) if isinstance(value, (int, float)) and value > 0 else default


def price_of(model: str) -> Price | None:
    """Return the price of a model, None where no table knows it."""
    return look_up(model, price_table())


def spent(model: str, tokens: int) -> float:
    """Return what a model's prompts of so many tokens cost in dollars, 0 where that is not known."""
    price = price_of(model) if tokens else None
    return tokens * price.fresh if price else 0.0


def rates_of(model: str, settings: config.Economy) -> Rates | None:
    """Return a model's rates, of the settings where they name it; None where none are known."""
    own = look_up(model, {name.lower(): price for name, price in settings.prices.items()})
    if own is not None:
        return Rates(own.read, own.write, own.lifetime or settings.lifetime)
    price = price_of(model)
    return (
        Rates(price.read / price.fresh, price.write / price.fresh, settings.lifetime) if price else None
    )


class Costs(NamedTuple):
    """US dollars: of the prompt that was sent, and of the whole history in its place."""

    sent: float
    whole: float


def costs(outcome: Outcome) -> Costs | None:
    """Return what a prompt has cost and would have cost; None where nothing can be said.

    Both prompts are priced alike: what repeats the conversation's previous request is read from the
    cache and the rest written to it, the whole history without pruning and the pruned prompt with it.
    An estimate: whether a provider has a prefix cached is its own affair. What the upstream has refused
    costs nothing.
    """
    before, after = outcome.tokens_before, outcome.tokens_forwarded
    price = price_of(outcome.model)
    if before is None or after is None or price is None:
        return None
    if outcome.status >= REFUSED and outcome.status != HUNG_UP:
        return Costs(0.0, 0.0)
    whole = price.of(before, outcome.tokens_repeated)
    if outcome.result in ("dry-run", "untouched"):
        return Costs(whole, whole)
    return Costs(price.of(after, outcome.tokens_prefix or 0), whole)


def saved(outcome: Outcome) -> float | None:
    """Return the US dollars that pruning has saved, below 0 where it cost; None where nothing can be
    said.
    """
    found = costs(outcome)
    return None if found is None else found.whole - found.sent
