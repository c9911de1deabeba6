"""What a prompt costs, from the prices in litellm's wheel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from foveate.proxy.pruning.models import look_up, model_entries
from foveate.proxy.pruning.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a prompt token, and one that repeats the previous prompt."""

    fresh: float
    cached: float

    def of(self, tokens: int, repeated: int) -> float:
        """Return what a prompt costs of which `repeated` tokens stood in the previous one."""
        repeated = min(repeated, tokens)
        return (tokens - repeated) * self.fresh + repeated * self.cached


@lru_cache(maxsize=1)
def price_table() -> Mapping[str, Price]:
    """Return prices by model name; a model without a price for cached tokens has no discount."""
    table = {}
    for name, entry in model_entries():
        fresh = entry.get("input_cost_per_token")
        if isinstance(fresh, (int, float)) and fresh > 0:
            cached = entry.get("cache_read_input_token_cost")
            table[name.lower()] = Price(fresh, cached if isinstance(cached, (int, float)) else fresh)
    return table


def saved(outcome: Outcome) -> float | None:
    """Return the US dollars that pruning has saved, below 0 where it cost; None where nothing can be said.

    Both prompts are priced alike: what repeats the conversation's previous request costs a cached token's price, the
    whole history without pruning and the pruned prompt with it. An estimate: whether a provider has a prefix cached is
    its own affair.
    """
    before, after = outcome.tokens_before, outcome.tokens_forwarded
    table = price_table()
    price = look_up(outcome.model, table)
    if before is None or after is None or price is None:
        return None
    if outcome.result in ("dry-run", "untouched"):
        return 0.0
    return price.of(before, outcome.tokens_repeated) - price.of(after, outcome.tokens_prefix or 0)
