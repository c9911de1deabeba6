"""What Prometheus reads: counts of finished requests, and what the process holds now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from proxy.outcome import Outcome

STATUSES = frozenset({int(status) for status in HTTPStatus} | {499})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True, slots=True)
class Reading:
    """Numbers that are read when somebody asks: gauges and counters by name, with what each is."""

    gauges: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    counters: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)  # of pruning, by stage
    reloads: Mapping[str, int] = field(default_factory=dict)  # of the settings file, by result


class Snapshot(Collector):
    """Gives Prometheus the latest reading."""

    def __init__(self) -> None:
        self.reading = Reading()

    def describe(self) -> Iterable[Metric]:
        """Name nothing ahead: names follow from the reading."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the reading."""
        for name, (help_text, value) in self.reading.gauges.items():
            yield GaugeMetricFamily(f"foveate_{name}", help_text, value=value)
        for name, (help_text, value) in self.reading.counters.items():
            yield CounterMetricFamily(f"foveate_{name}", help_text, value=value)
        failures = "Requests forwarded unchanged because pruning failed."
        yield labelled("foveate_pruning_failures", failures, "stage", self.reading.failures)
        yield labelled("foveate_config_reloads", "Changes of the settings file.", "result", self.reading.reloads)


def labelled(name: str, help_text: str, label: str, rows: Mapping[str, int]) -> CounterMetricFamily:
    """Return a counter with a row for each value of `label`."""
    family = CounterMetricFamily(name, help_text, labels=[label])
    for value, count in rows.items():
        family.add_metric([value], count)
    return family


class Metrics:
    """Counts outcomes. Labels come from the settings and from fixed lists, never from what callers send."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._snapshot = Snapshot()
        self._registry.register(self._snapshot)
        self._requests = self._counter("requests", "Chat completions answered.", "result", "policy", "status")
        self._before = self._counter("tokens_before", "Prompt tokens as they came.", "policy")
        self._after = self._counter("tokens_after", "Prompt tokens as they were forwarded.", "policy")
        self._recalled = self._counter("tokens_recalled", "Tokens of dropped segments that were quoted.", "policy")
        self._would = self._counter("tokens_would_save", "Tokens that dry runs would have left out.", "policy")
        self._prefix = self._counter("tokens_prefix", "Forwarded tokens that repeat the previous prompt.", "policy")
        self._prompt = self._counter("tokens_prompt", "Prompt tokens as the upstream counts them.", "policy")
        self._cached = self._counter("tokens_cached", "Prompt tokens that the upstream had cached.", "policy")
        self._resent = self._counter("requests_resent", "Requests cut deeper after a refusal as too long.", "policy")
        self._stages = self._histogram("stage_seconds", "Time a stage of deciding took.", "stage")
        self._first_byte = self._histogram("first_byte_seconds", "From a request's arrival to its answer's head.")
        self._took = self._histogram("request_seconds", "From a request's arrival to its answer's end.")

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"foveate_{name}", help_text, labels, registry=self._registry)

    def _histogram(self, name: str, help_text: str, *labels: str) -> Histogram:
        return Histogram(f"foveate_{name}", help_text, labels, registry=self._registry, buckets=SECONDS)

    def observe(self, outcome: Outcome) -> None:
        """Count a finished request."""
        policy = outcome.policy
        status = str(outcome.status) if outcome.status in STATUSES else "other"
        self._requests.labels(outcome.result, policy, status).inc()
        self._took.observe(outcome.took / 1000)
        if outcome.first_byte is not None:
            self._first_byte.observe(outcome.first_byte / 1000)
        for stage, milliseconds in outcome.milliseconds.items():
            self._stages.labels(stage).observe(milliseconds / 1000)
        self._count_tokens(outcome)

    def _count_tokens(self, outcome: Outcome) -> None:
        policy, before, after = outcome.policy, outcome.tokens_before, outcome.tokens_after
        if before is not None and after is not None:
            self._before.labels(policy).inc(before)
            self._after.labels(policy).inc(outcome.tokens_forwarded or 0)
            self._prefix.labels(policy).inc(outcome.tokens_prefix)
            if outcome.result == "dry-run":
                self._would.labels(policy).inc(max(0, before - after))
            else:
                self._recalled.labels(policy).inc(outcome.tokens_recalled)
        if outcome.usage is not None:
            self._prompt.labels(policy).inc(outcome.usage.prompt_tokens)
            self._cached.labels(policy).inc(outcome.usage.cached_tokens or 0)
        if outcome.resent:
            self._resent.labels(policy).inc()

    def render(self, reading: Reading) -> bytes:
        """Return everything in Prometheus's text format."""
        self._snapshot.reading = reading
        return generate_latest(self._registry)
