"""What Prometheus reads: counts of finished requests, and what the process holds now."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from foveate.proxy.pruning.outcome import Outcome

STATUSES = frozenset({int(status) for status in HTTPStatus} | {499})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
BOUNDS = [*map(str, map(float, SECONDS)), "+Inf"]
# Sums of an outcome's numbers, by policy.
TOKENS = {
    "tokens_before": "Prompt tokens as they came.",
    "tokens_after": "Prompt tokens as they were forwarded.",
    "tokens_recalled": "Tokens of dropped segments, and of results that are not whole, that were quoted.",
    "tokens_shortened_birth": "Tokens that prompts had less for results shortened at their first appearance.",
    "tokens_shortened_cut": "Tokens that prompts had less for results of which a cut has left a part.",
    "tokens_would_save": "Tokens that dry runs would have left out.",
    "tokens_prefix": "Forwarded tokens that repeat the previous prompt.",
    "tokens_compared": "Forwarded tokens of prompts that were compared with a previous one.",
    "tokens_prompt": "Prompt tokens as the upstream counts them.",
    "tokens_cached": "Prompt tokens that the upstream had cached.",
}


@dataclass(frozen=True, slots=True)
class Gauges:
    """Numbers that are read when somebody asks: gauges and counters by name, with what each is."""

    gauges: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    counters: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    # Counters with a label: what each is, the label's name, and the counts by its values.
    labelled: Mapping[str, tuple[str, str, Mapping[str, int]]] = field(default_factory=dict)


class Histogram:
    """Counts durations by the bucket that they fall in."""

    def __init__(self) -> None:
        self._counts = [0] * len(BOUNDS)
        self._sum = 0.0

    def observe(self, milliseconds: float) -> None:
        """Count one."""
        seconds = milliseconds / 1000
        self._counts[bisect_left(SECONDS, seconds)] += 1
        self._sum += seconds

    def read(self) -> tuple[list[tuple[str, float]], float]:
        """Return the counts up to each bound, and the sum of all."""
        return list(zip(BOUNDS, accumulate(self._counts), strict=True)), self._sum


class Metrics(Collector):
    """Counts outcomes. Labels come from the settings and from fixed lists, never from what callers
    send.

    Plain numbers, which one thread counts; the library's families are made of them when somebody asks.
    """

    def __init__(self) -> None:
        # By result, policy, API and status
        self._requests: Counter[tuple[str, str, str, int]] = Counter()
        self._tokens: dict[str, Counter[str]] = {name: Counter() for name in TOKENS}
        self._resent: Counter[tuple[str, str]] = Counter()  # by policy and what was refused
        self._stages: dict[str, Histogram] = {}
        self._first_byte = Histogram()
        self._took = Histogram()
        self._reading = Gauges()
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def observe(self, outcome: Outcome) -> None:
        """Count a finished request."""
        policy = outcome.policy
        self._requests[outcome.result, policy, outcome.api, outcome.status] += 1
        self._took.observe(outcome.took)
        if outcome.first_byte is not None:
            self._first_byte.observe(outcome.first_byte)
        for stage, milliseconds in outcome.milliseconds.items():
            (self._stages.get(stage) or self._stages.setdefault(stage, Histogram())).observe(
                milliseconds
            )
        before, after, tokens = outcome.tokens_before, outcome.tokens_after, self._tokens
        if before is not None and after is not None:
            dry = outcome.result == "dry-run"
            sent = outcome.tokens_forwarded or 0
            tokens["tokens_before"][policy] += before
            tokens["tokens_after"][policy] += sent
            tokens["tokens_prefix"][policy] += outcome.tokens_prefix or 0
            tokens["tokens_compared"][policy] += 0 if outcome.tokens_prefix is None else sent
            if dry:
                tokens["tokens_would_save"][policy] += max(0, before - after)
            else:
                tokens["tokens_recalled"][policy] += outcome.tokens_recalled
                tokens["tokens_shortened_birth"][policy] += outcome.tokens_born
                tokens["tokens_shortened_cut"][policy] += outcome.tokens_cut
        if outcome.usage is not None:
            tokens["tokens_prompt"][policy] += outcome.usage.prompt_tokens
            tokens["tokens_cached"][policy] += outcome.usage.cached_tokens or 0
        if outcome.resent:
            self._resent[policy, outcome.resent] += 1

    def close(self) -> None:
        """Do nothing: numbers are read, never sent."""

    def render(self, reading: Gauges) -> bytes:
        """Return everything in Prometheus's text format."""
        self._reading = reading
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        """Name nothing ahead: names follow from the reading."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield what was counted, and the reading."""
        requests = CounterMetricFamily(
            "foveate_requests",
            "Requests that could be pruned, answered.",
            labels=["result", "policy", "api", "status"],
        )
        for labels, count in by_status(self._requests).items():
            requests.add_metric(labels, count)
        yield requests
        for name, help_text in TOKENS.items():
            yield labelled(name, help_text, "policy", self._tokens[name])
        resent = CounterMetricFamily(
            "foveate_requests_resent",
            "Requests sent once more after a refusal.",
            labels=["policy", "refused"],
        )
        for (policy, refused), count in list(self._resent.items()):
            resent.add_metric([policy, refused], count)
        yield resent
        stages = HistogramMetricFamily(
            "foveate_stage_seconds", "Time a stage of deciding took.", labels=["stage"]
        )
        for stage, spent in list(self._stages.items()):
            stages.add_metric([stage], *spent.read())
        yield stages
        yield _whole(
            "first_byte_seconds", "From a request's arrival to its answer's head.", self._first_byte
        )
        yield _whole("request_seconds", "From a request's arrival to its answer's end.", self._took)
        for name, (help_text, value) in self._reading.gauges.items():
            yield GaugeMetricFamily(f"foveate_{name}", help_text, value=value)
        for name, (help_text, value) in self._reading.counters.items():
            yield CounterMetricFamily(f"foveate_{name}", help_text, value=value)
        for name, (help_text, label, rows) in self._reading.labelled.items():
            yield labelled(name, help_text, label, rows)


def by_status(requests: Mapping[tuple[str, str, str, int], int]) -> Counter[tuple[str, str, str, str]]:
    """Return the counts with statuses as labels; an upstream's own inventions are all one."""
    found: Counter[tuple[str, str, str, str]] = Counter()
    for (result, policy, api, status), count in list(requests.items()):
        found[result, policy, api, str(status) if status in STATUSES else "other"] += count
    return found


def labelled(name: str, help_text: str, label: str, rows: Mapping[str, int]) -> CounterMetricFamily:
    """Return a counter with a row for each value of `label`."""
    family = CounterMetricFamily(f"foveate_{name}", help_text, labels=[label])
    for value, count in list(rows.items()):
        family.add_metric([value], count)
    return family


def _whole(name: str, help_text: str, spent: Histogram) -> HistogramMetricFamily:
    """Return a histogram without labels."""
    buckets, total = spent.read()
    return HistogramMetricFamily(f"foveate_{name}", help_text, buckets=buckets, sum_value=total)
