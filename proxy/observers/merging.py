"""The metrics of several processes as those of one."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

# What happens to all of them at once, and what they have together
HIGHEST = frozenset(
    {
        "foveate_config_reloads",
        "foveate_recent_outcomes",
        "foveate_recent_text_bytes",
        "foveate_memory_segments",
        "foveate_memory_bytes",
        "foveate_memory_conversations",
        "foveate_workers_begun_anew",
    }
)


class Merged(Collector):
    """Sums what processes say, in Prometheus's text format; of one that has ended its counts alone."""

    def __init__(self, living: Iterable[str], ended: Iterable[str]) -> None:
        self._families: dict[str, Metric] = {}
        self._samples: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
        for text in living:
            self._add(text, gauges=True)
        for text in ended:
            self._add(text, gauges=False)

    def _add(self, text: str, gauges: bool) -> None:
        for family in text_string_to_metric_families(text):
            if family.type == "gauge" and not gauges:
                continue
            self._families.setdefault(family.name, family)
            sums = self._samples.setdefault(family.name, {})
            for sample in family.samples:
                key = (sample.name, tuple(sample.labels.items()))
                if family.name in HIGHEST:
                    sums[key] = max(sums.get(key, 0.0), sample.value)
                else:
                    sums[key] = sums.get(key, 0.0) + sample.value

    def collect(self) -> Iterable[Metric]:
        """Yield the sums."""
        for name, family in self._families.items():
            found = Metric(family.name, family.documentation, family.type)
            for (sample, labels), value in self._samples[name].items():
                found.add_sample(sample, dict(labels), value)
            yield found


def merged(living: Iterable[str], ended: Iterable[str]) -> bytes:
    """Return one text of many."""
    registry = CollectorRegistry()
    registry.register(Merged(living, ended))
    return generate_latest(registry)
