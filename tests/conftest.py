"""Servers and settings that many tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, configuration, settings

from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.client import chat
from support.conversations import body
from support.parts import WordEmbedder
from support.server import Live, serve, serve_with, settings_for
from support.upstream import Upstream, until

# Bounded and the same on every machine: a law that fails, fails again.
settings.register_profile(
    "foveate", max_examples=60, deadline=None, database=None, derandomize=True, report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
settings.load_profile("foveate")


@pytest.fixture(scope="session", autouse=True)
def _no_traces_in_the_repository(tmp_path_factory: pytest.TempPathFactory) -> None:
    configuration.set_hypothesis_home_dir(tmp_path_factory.mktemp("hypothesis"))


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings come from the test alone."""
    import os

    for name in [n for n in os.environ if n.startswith("FOVEATE_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def _upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.close()


@pytest.fixture
def upstream(_upstream: Upstream) -> Upstream:
    """A recording upstream that answers chat completions until told otherwise."""
    _upstream.reset()
    return _upstream


@pytest.fixture(scope="session")
def _full(_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = settings_for(
        _upstream.url, index={"type": "chroma"}, data=tmp_path_factory.mktemp("data")
    )
    with serve(settings) as live:
        yield primed(live, _upstream)


@pytest.fixture
def full(_full: Live, upstream: Upstream) -> Live:
    """foveate as it ships, with the real model and a real Chroma folder, in front of `upstream`."""
    return _full


@pytest.fixture(scope="session")
def _quick(_upstream: Upstream) -> Iterator[Live]:
    with serve_with(settings_for(_upstream.url), WordEmbedder(), InMemory()) as live:
        yield primed(live, _upstream)


def primed(live: Live, upstream: Upstream) -> Live:
    """Let it ask the upstream for its list of models now, so that no test finds that request among its own."""
    upstream.reset()
    chat(live.url, body([], model="not known"))
    until(lambda: any(r.target == "/v1/models" for r in upstream.received))
    return live


@pytest.fixture
def quick(_quick: Live, upstream: Upstream) -> Live:
    """foveate with an embedder that needs no model, in front of `upstream`: for whatever is not about meaning."""
    return _quick
