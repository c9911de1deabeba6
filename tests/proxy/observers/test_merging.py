"""The metrics of several processes read as those of one."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from foveate.proxy.observers.merging import merged
from foveate.proxy.observers.metrics import Gauges, Metrics
from foveate.proxy.pruning.outcome import Outcome


def told(requests: int, reloads: int = 0) -> str:
    """What a process says that has answered so many requests."""
    metrics = Metrics()
    for _ in range(requests):
        outcome = Outcome(
            id="1", created=0, result="cut", policy="p", api="chat", status=200, tokens_before=10,
            tokens_after=5, resent="length", first_byte=20.0, took=40.0, milliseconds={"parse": 3.0},
        )  # fmt: skip
        metrics.observe(outcome)
    reading = Gauges(
        gauges={"workers": ("w", 1), "recent_outcomes": ("o", 7)},
        labelled={"config_reloads": ("c", "result", {"applied": reloads})},
    )
    return metrics.render(reading).decode()


def values(content: bytes) -> dict[str, float]:
    """Every sample by its name and labels."""
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for family in text_string_to_metric_families(content.decode())
        for sample in family.samples
    }


def test_one_process_alone_is_told_as_it_is() -> None:
    assert values(merged([told(3, 1)], [])) == values(told(3, 1).encode())


def test_counts_and_gauges_add_up_and_what_is_shared_does_not() -> None:
    found = values(merged([told(3, 1), told(4, 1)], [told(5, 2)]))
    assert found["foveate_requests_total['200', 'chat', 'cut', 'p']"] == 12
    assert found["foveate_requests_resent_total['length', 'p']"] == 12
    assert found["foveate_tokens_before_total['p']"] == 120
    assert found["foveate_first_byte_seconds_count[]"] == 12
    assert found["foveate_first_byte_seconds_bucket['0.025']"] == 12
    assert found["foveate_stage_seconds_bucket['+Inf', 'parse']"] == 12
    assert found["foveate_workers[]"] == 2
    assert found["foveate_recent_outcomes[]"] == 7
    assert found["foveate_config_reloads_total['applied']"] == 2
