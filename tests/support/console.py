"""foveate with its pages, its metrics and its log, around an embedder that needs no model."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from foveate.proxy.config import schema as config
from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.client import ask
from support.parts import WordEmbedder
from support.server import Live, serve_with
from support.upstream import completion

# An answer of which some was read from the cache.
HI = {
    **completion("Hi"),
    "usage": {
        "prompt_tokens": 480,
        "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 128},
    },
}
TOKEN = "correct-horse-battery-staple"


def serve_pages(settings: config.Settings) -> Live:
    """Serve all that the settings describe but the model."""
    return serve_with(settings, WordEmbedder(), InMemory())


def samples(
    url: str, headers: tuple[tuple[str, str], ...] = ()
) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return the metrics by name and labels, read as Prometheus reads them."""
    text = ask(url, "GET", "/-/metrics", headers=headers).body.decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(
    found: dict[tuple[str, tuple[tuple[str, str], ...]], float], name: str, **labels: str
) -> float:
    """Return the sum of a metric's samples that have those labels."""
    return sum(
        v for (n, given), v in found.items() if n == name and labels.items() <= dict(given).items()
    )
