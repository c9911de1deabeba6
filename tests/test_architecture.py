"""The shape of the code: which way imports point, and who may do what."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(p for package in ("policies", "proxy") for p in (ROOT / package).rglob("*.py"))
TREES = {
    ".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(p.read_text())
    for p in FILES
}

# A file's layer: it imports from lower ones and from its own only.
LAYERS = [
    ("policies.types",),
    (
        "policies.signals",
        "policies.selectors",
        "policies.graph",
        "policies.features",
        "policies.fusion",
        "policies.pins",
        "policies.recall",
        "policies.registry",
        "policies.terms",
        "policies.topics",
        "policies.state",
        "policies.presets",
    ),
    ("policies.policy",),
    ("policies.prune",),
    ("proxy.pruner",),
    ("proxy.handler",),
    ("proxy.services",),
    ("proxy.routes",),
    ("proxy.app",),
    ("proxy.cli",),
]
# A third-party client, and the only files that may import it. Their names say so.
CLIENTS = {
    "aiohttp": "proxy.upstreams.http",
    "chromadb": "proxy.indexes.chroma",
    "litellm": "proxy.upstreams.litellm",
    "onnx": "proxy.embedders.minilm proxy.embedders.e5",
    "onnxruntime": "proxy.embedders.onnx proxy.embedders.multilingual",
    "tokenizers": "proxy.embedders.onnx",
    "sentence_transformers": "proxy.embedders.sentence_transformers",
    "torch": "proxy.embedders.sentence_transformers",
    "redis": "proxy.redis_store",
    "tiktoken": "proxy.tokens",
}
FAMILIES = (
    "proxy.embedders",
    "proxy.indexes",
    "proxy.upstreams",
    "proxy.formats",
    "policies.signals",
    "policies.selectors",
)


def imports(module: str) -> Iterator[str]:
    """Every module that a module imports, wherever in it."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            named = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in TREES else str(node.module) for name in named)


def layer(module: str) -> int | None:
    """How high a module stands; None where any height will do."""
    return next(
        (n for n, names in enumerate(LAYERS) if any(module == x or module.startswith(f"{x}.") for x in names)), None
    )


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def test_there_is_something_to_walk() -> None:
    assert {"policies.prune", "proxy.pruner", "proxy.handler"} <= TREES.keys()


@pytest.mark.parametrize("module", [m for m in TREES if within(m, "policies")])
def test_policies_stand_on_the_standard_library_and_numpy_alone(module: str) -> None:
    touching = {
        "os",
        "sys",
        "io",
        "pathlib",
        "socket",
        "asyncio",
        "time",
        "datetime",
        "random",
        "secrets",
        "subprocess",
    }
    allowed = (sys.stdlib_module_names - touching) | {"numpy", "policies"}
    assert {name.partition(".")[0] for name in imports(module)} <= allowed


@pytest.mark.parametrize("module", [m for m in TREES if within(m, "policies")])
def test_policies_know_no_clock_no_disk_and_no_async(module: str) -> None:
    tree = TREES[module]
    assert not [
        n for n in ast.walk(tree) if isinstance(n, (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith))
    ]
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert not called & {"open", "print", "input", "exec", "eval"}


@pytest.mark.parametrize("module", [m for m in TREES if layer(m) is not None])
def test_imports_never_point_upwards(module: str) -> None:
    height = layer(module)
    assert height is not None
    above = [name for name in imports(module) if (other := layer(name)) is not None and other > height]
    assert not above


@pytest.mark.parametrize("module", TREES)
def test_only_the_pruner_prunes_and_only_the_handler_calls_it(module: str) -> None:
    found = set(imports(module))
    if "policies.prune" in found:
        assert module in ("proxy.pruner", "proxy.evaluate")  # requests, and measuring without any
    if "proxy.pruner" in found:
        assert module in ("proxy.handler", "proxy.services")


@pytest.mark.parametrize("module", TREES)
def test_a_third_party_client_is_imported_in_the_file_of_its_name_alone(module: str) -> None:
    for name in imports(module):
        client = name.partition(".")[0]
        assert module in CLIENTS.get(client, module).split()


@pytest.mark.parametrize("family", FAMILIES)
def test_members_of_a_family_do_not_know_each_other_nor_other_families(family: str) -> None:
    members = [m for m in TREES if m.startswith(f"{family}.")]
    for module in members:
        for name in imports(module):
            others = [f for f in FAMILIES if within(name, f) and f != family]
            assert not others, f"{module} imports {name}"
            models = {"proxy.embedders.minilm", "proxy.embedders.e5", "proxy.embedders.unigram"}
            helpers = models | {"proxy.formats.message", "proxy.formats.text"}
            assert name == family or not within(name, family) or name in helpers, f"{module} imports {name}"


def reads_environment(tree: ast.AST) -> Iterator[int]:
    """Lines that read os.environ; writing to it is no reading."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "getenv":
            yield node.lineno
    written = {
        id(target.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Subscript)
    } | {
        id(node.func.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("setdefault", "update")
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "environ" and id(node) not in written:
            yield node.lineno


@pytest.mark.parametrize("module", [m for m in TREES if m != "proxy.config"])
def test_only_the_configuration_reads_the_environment(module: str) -> None:
    assert not list(reads_environment(TREES[module]))


@pytest.mark.parametrize("module", TREES)
def test_only_the_pruner_catches_everything(module: str) -> None:
    broad = [
        node.lineno
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)  # cleaning up is no catching
    ]
    assert len(broad) == (1 if module == "proxy.pruner" else 0)


@pytest.mark.parametrize("module", TREES)
def test_every_file_opens_with_what_it_is_for(module: str) -> None:
    told = ast.get_docstring(TREES[module])
    assert told
    assert told.splitlines()[0].endswith((".", ":"))
