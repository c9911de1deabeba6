"""README.md names every setting, header, metric, signal, selector and page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from foveate.policies.registry import SELECTORS, SIGNALS
from foveate.proxy import services
from foveate.proxy.config.policies import preset_names
from foveate.proxy.config.schema import Index, Settings
from foveate.proxy.formats.usage import Usage
from foveate.proxy.pages import routes
from foveate.proxy.pruning.outcome import Outcome

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def settings(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Every setting's path."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from settings(inner, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def header_names() -> set[str]:
    sources = [(ROOT / "proxy" / name).read_text() for name in ("http/overrides.py", "observers/report.py")]
    found = {name for source in sources for name in re.findall(r"x-pruning-[a-z-]*[a-z]|server-timing", source)}
    return {name.title() for name in found} | {"X-Pruning"}


def metric_names() -> set[str]:
    built = services.build(Settings(index=Index(type="in_memory")))
    told: dict[str, Any] = {
        "tokens_before": 2,
        "tokens_after": 1,
        "tokens_prefix": 1,
        "usage": Usage(1, 1),
        "resent": True,
    }
    for result in ("cut", "dry-run"):
        outcome: Any = {"id": "1", "created": 0, "result": result, "policy": "p", **told}
        built.parts.metrics.observe(Outcome(**outcome, milliseconds={"parse": 1.0}, first_byte=1.0))
    text = built.parts.metrics.render(built.reading()).decode()
    return {name for name in re.findall(r"# TYPE (\w+)", text) if not name.endswith("_created")}


@pytest.mark.parametrize("path", settings(Settings))
def test_every_setting_is_in_the_readme(path: str) -> None:
    assert f"`{path}`" in README


@pytest.mark.parametrize("path", settings(Settings))
def test_every_setting_is_in_the_settings_file(path: str) -> None:
    assert re.search(rf"^ *{path.rpartition('.')[2]}:", (ROOT / "config.yaml").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", sorted(header_names()))
def test_every_header_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("name", sorted(metric_names()))
def test_every_metric_is_in_the_readme(name: str) -> None:
    assert f"`{name}" in README


@pytest.mark.parametrize("name", SIGNALS)
def test_every_signal_is_in_the_readme(name: str) -> None:
    assert f"signal `{name}`" in README


@pytest.mark.parametrize("name", SELECTORS)
def test_every_selector_is_in_the_readme(name: str) -> None:
    assert f"selector `{name}`" in README


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README


def test_every_page_is_in_the_readme() -> None:
    internal = {"/-", "/-/static/{name}", "/-/login", "/-/logout"}
    app = FastAPI(docs_url=None, redoc_url=None)
    app.include_router(routes.router)
    paths = {path.replace("{key}", "{id}") for path in app.openapi()["paths"]} - internal
    assert len(paths) >= 9
    assert [path for path in paths if path not in README] == []


def test_pictures_are_where_the_readme_says() -> None:
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).read_bytes().startswith(b"\x89PNG")
