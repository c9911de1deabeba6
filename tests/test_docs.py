"""README.md and docs/ name what there is, what they name is there, and config.yaml has every setting."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from foveate.policies.flow.topics import Topics
from foveate.policies.pins import Pins
from foveate.policies.recall import Recall
from foveate.policies.registry import FUSIONS, GRAPHS, SELECTORS, SIGNALS, load
from foveate.policies.results.settings import Results
from foveate.proxy import services
from foveate.proxy.config.editors import settings_schema
from foveate.proxy.config.policies import preset_names
from foveate.proxy.config.schema import Index, Settings, State
from foveate.proxy.formats import FORMATS
from foveate.proxy.formats.wire.usage import Usage
from foveate.proxy.pages import routes
from foveate.proxy.pruning.outcome import Outcome
from foveate.proxy.pruning.states import STATES
from foveate.proxy.upstreams import UPSTREAMS
from foveate.proxy.vectors.embedders import EMBEDDERS
from foveate.proxy.vectors.indexes import INDEXES

ROOT = Path(__file__).parent.parent
PAGES = {
    page.relative_to(ROOT).as_posix(): page.read_text()
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
}
README = PAGES["README.md"]
DOCS = "\n".join(
    text for path, text in PAGES.items() if path == "README.md" or path.startswith("docs/")
)
LINES = 130  # of the README, at the most
LINK = re.compile(r"(?<!!)\[[^]]*\]\(([^)\s]+)\)")
PICTURE = re.compile(r"!\[[^]]*\]\(([^)]+)\)")
FILE = re.compile(r"`((?:proxy|policies|tests|benchmarks|docs)/[\w./-]*|config\.yaml)`")


def settings(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Every setting's path."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from settings(inner, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def header_names() -> set[str]:
    files = ("http/overrides.py", "observers/report.py", "serving/exchange.py")
    sources = [(ROOT / "proxy" / name).read_text() for name in files]
    found = {
        name
        for source in sources
        for name in re.findall(r"x-pruning-[a-z-]*[a-z]|server-timing", source)
    }
    return {name.title() for name in found} | {"X-Pruning"}


def metric_names() -> set[str]:
    built = services.build(Settings(index=Index(type="in_memory"), state=State(type="in_memory")))
    told: dict[str, Any] = {
        "tokens_before": 2,
        "tokens_after": 1,
        "tokens_prefix": 1,
        "usage": Usage(1, 1),
        "resent": "length",
    }
    for result in ("cut", "dry-run"):
        outcome: Any = {"id": "1", "created": 0, "result": result, "policy": "p", **told}
        built.parts.metrics.observe(Outcome(**outcome, milliseconds={"parse": 1.0}, first_byte=1.0))
    text = built.parts.metrics.render(built.reading()).decode()
    return {name for name in re.findall(r"# TYPE (\w+)", text) if not name.endswith("_created")}


def parameters() -> list[tuple[str, str]]:
    """Every parameter of a policy's parts, with the part's name."""
    parts = {
        name: load(target)
        for group in (SIGNALS, SELECTORS, GRAPHS, FUSIONS)
        for name, target in group.items()
    }
    parts |= {"topics": Topics, "pins": Pins, "recall": Recall, "results": Results}
    return [(part, field.name) for part, cls in parts.items() for field in dataclasses.fields(cls)]


def packages() -> set[str]:
    """Every package that is installed, or that an extra for users brings."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [
        *project["dependencies"],
        *(each for name in extras if name not in ("dev", "eval") for each in extras[name]),
    ]
    return {re.split(r"[^\w.-]", each)[0] for each in wanted}


def links() -> Iterator[tuple[str, str]]:
    """Every link of a page to another, with the page that has it."""
    for path, text in PAGES.items():
        if path != "docs/tool-results.md":  # it quotes what tools have said
            yield from ((path, target) for target in LINK.findall(text) if "://" not in target)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", settings(Settings))
def test_every_setting_is_documented(path: str) -> None:
    assert f"`{path}`" in DOCS


@pytest.mark.parametrize("path", settings(Settings))
def test_every_setting_is_in_the_settings_file(path: str) -> None:
    assert re.search(
        rf"^ *{path.rpartition('.')[2]}:", (ROOT / "config.yaml").read_text(), re.MULTILINE
    )


@pytest.mark.parametrize("name", sorted(header_names()))
def test_every_header_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("path", FORMATS)
def test_every_path_that_is_pruned_is_in_the_readme(path: str) -> None:
    assert f"`POST {path}`" in README


@pytest.mark.parametrize("name", sorted(metric_names()))
def test_every_metric_is_documented(name: str) -> None:
    assert f"`{name}" in DOCS


@pytest.mark.parametrize("name", SIGNALS)
def test_every_signal_is_documented(name: str) -> None:
    assert f"signal `{name}`" in DOCS


@pytest.mark.parametrize("name", SELECTORS)
def test_every_selector_is_documented(name: str) -> None:
    assert f"selector `{name}`" in DOCS


@pytest.mark.parametrize(("part", "name"), parameters())
def test_every_parameter_of_a_policy_stands_in_its_row(part: str, name: str) -> None:
    rows = re.findall(
        rf"^\|[^|]*`{part}`[^|]*\|([^|]*)\|", PAGES["docs/configuration.md"], re.MULTILINE
    )
    assert any(f"`{name}`" in row for row in rows)


@pytest.mark.parametrize("name", [*UPSTREAMS, *EMBEDDERS, *INDEXES, *STATES])
def test_every_type_is_documented(name: str) -> None:
    assert f"`{name}`" in PAGES["docs/configuration.md"]


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_documented(name: str) -> None:
    assert f"| `{name}` |" in DOCS


def test_every_page_of_ours_is_documented() -> None:
    internal = {"/-", "/-/static/{name}", "/-/login", "/-/logout"}
    app = FastAPI(docs_url=None, redoc_url=None)
    app.include_router(routes.router)
    paths = {path.replace("{key}", "{id}") for path in app.openapi()["paths"]} - internal
    assert len(paths) >= 9
    assert [path for path in paths if path not in DOCS] == []


@pytest.mark.parametrize("package", sorted(packages()))
def test_every_package_has_a_reason(package: str) -> None:
    rows = re.findall(
        r"^\| ([^|]+) \| [^|]+ \|$",
        PAGES["docs/architecture.md"].partition("## Dependencies")[2],
        re.MULTILINE,
    )
    assert any(package in re.split(r"[, ]+", row) for row in rows)


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= LINES


@pytest.mark.parametrize("path", [path for path in PAGES if path.startswith("docs/")])
def test_the_readme_leads_to_every_page(path: str) -> None:
    assert f"]({path})" in README


@pytest.mark.parametrize(("page", "target"), sorted(set(links())))
def test_links_lead_somewhere(page: str, target: str) -> None:
    path, _, anchor = target.partition("#")
    found = (ROOT / page).parent / path if path else ROOT / page
    assert found.exists()
    if anchor:
        assert anchor in anchors(found.read_text())


@pytest.mark.parametrize("path", PICTURE.findall(README))
def test_pictures_are_there(path: str) -> None:
    assert (ROOT / path).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("path", sorted(set(FILE.findall(PAGES["docs/architecture.md"]))))
def test_every_file_that_the_architecture_names_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(
    "page", ["CONTRIBUTING.md", "SECURITY.md", "docs/configuration.md", "docs/operations.md"]
)
def test_files_that_other_pages_name_exist(page: str) -> None:
    assert [path for path in FILE.findall(PAGES[page]) if not (ROOT / path).exists()] == []


def test_the_schema_in_the_wheel_is_that_of_the_settings() -> None:
    kept = json.loads((ROOT / "proxy" / "config" / "settings.schema.json").read_text())
    assert kept == settings_schema(), "run: foveate schema > proxy/config/settings.schema.json"
