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
    ".".join(("foveate", *p.relative_to(ROOT).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): ast.parse(p.read_text())
    for p in FILES
}

# Folders and the files of the root, lowest first: a file imports from its own layer and from lower ones only.
LAYERS = (
    "policies.types",
    "policies",
    "policies.policy",
    "policies.cut",
    ("policies.prune", "policies.reasons"),
    (
        "proxy",
        "proxy.errors",
        "proxy.importer",
        "proxy.process",
        "proxy.cache",
        "proxy.trace",
        "proxy.worker",
        "proxy.team",
    ),
    ("proxy.config", "proxy.formats", "proxy.http", "proxy.vectors", "proxy.archive"),
    "proxy.upstreams",
    "proxy.pruning",
    "proxy.callers",
    "proxy.observers",
    "proxy.serving",
    ("proxy.services", "proxy.reload"),
    ("proxy.pages", "proxy.watcher"),
    ("proxy.app", "proxy.library"),
    "proxy.running",
    "proxy.evaluation",
    "proxy.setup",
    "proxy.cli",
)
# A third-party client, and the only files that may import it. Their names say so.
CLIENTS = {
    "aiohttp": "foveate.proxy.upstreams.http",
    "cryptography": "foveate.proxy.archive.cipher",
    "chromadb": "foveate.proxy.vectors.indexes.chroma",
    "qdrant_client": "foveate.proxy.vectors.indexes.qdrant",
    "faiss": "foveate.proxy.vectors.indexes.faiss",
    "pinecone": "foveate.proxy.vectors.indexes.pinecone",
    "litellm": "foveate.proxy.upstreams.litellm foveate.proxy.library.litellm",
    "onnx": "foveate.proxy.vectors.embedders.plain",
    "onnxruntime": "foveate.proxy.vectors.embedders.runtime",
    "tokenizers": "foveate.proxy.vectors.embedders.onnx",
    "sentence_transformers": "foveate.proxy.vectors.embedders.sentence_transformers",
    "torch": "foveate.proxy.vectors.embedders.sentence_transformers",
    "requests": "foveate.proxy.vectors.embedders.http",
    "redis": "foveate.proxy.pruning.states.redis",
    "tiktoken": "foveate.proxy.formats.tokens",
    "tiktoken_ext": "foveate.proxy.formats.tokens",
    "prometheus_client": "foveate.proxy.observers.metrics foveate.proxy.observers.merging",
    "opentelemetry": "foveate.proxy.observers.tracing",
}
# Each wire is a family of its own, whose files know each other and what all wires share.
WIRES = tuple(
    f"foveate.proxy.formats.{p.name}"
    for p in (ROOT / "proxy" / "formats").iterdir()
    if (p / "__init__.py").is_file() and p.name != "wire"
)
FAMILIES = (
    "foveate.proxy.vectors.embedders",
    "foveate.proxy.vectors.indexes",
    "foveate.proxy.upstreams",
    "foveate.proxy.pruning.states",
    "foveate.policies.signals",
    "foveate.policies.selectors",
)
HELPERS = {
    "foveate.proxy.vectors.indexes.apart",  # an index in a process of its own, which several may ask
    "foveate.proxy.vectors.indexes.owner",
    "foveate.proxy.vectors.indexes.filters",  # a language that several databases speak
    "foveate.proxy.vectors.indexes.aside",  # what makes room for a new index
    "foveate.proxy.vectors.indexes.lock",  # what keeps a folder to one process
    "foveate.proxy.vectors.embedders.runtime",  # what runs a model's graph
    "foveate.proxy.vectors.embedders.minilm",  # the model that the default embedder runs
    "foveate.proxy.vectors.embedders.weights",
    "foveate.proxy.vectors.embedders.plain",
    "foveate.proxy.vectors.embedders.onnxfile",  # how models are written for the runtime
    "foveate.proxy.pruning.states.in_memory",  # the latest of what others keep
    "foveate.proxy.pruning.states.board",  # what processes share beside decisions
    "foveate.proxy.vectors.embedders.e5",  # the model that the multilingual one runs
    "foveate.proxy.vectors.embedders.unigram",
    "foveate.proxy.upstreams.strict",  # what the echo upstream refuses
    "foveate.proxy.upstreams.strict.chat",
    "foveate.proxy.upstreams.strict.messages",
    "foveate.proxy.upstreams.strict.responses",
    "foveate.proxy.upstreams.litellm.answers",  # parts of one member
    "foveate.proxy.upstreams.litellm.endpoints",
    "foveate.proxy.upstreams.litellm.faults",
    "foveate.proxy.upstreams.litellm.keys",
    "foveate.policies.selectors.filling",
    "foveate.policies.selectors.price",
}
# Keys of wire JSON, and those that name nothing else where something is looked up by them.
WIRE_KEYS = {
    "tool_calls", "tool_use", "tool_result", "tool_call_id", "function_call", "function_call_output", "cache_control",
}  # fmt: skip
LOOKED_UP = {"messages", "input", "role", "content"}
# Who reads wire JSON: the formats, the upstreams that answer themselves, and what measures or shows conversations.
READERS = (
    "foveate.proxy.formats",
    "foveate.proxy.upstreams",
    "foveate.proxy.evaluation",
    "foveate.proxy.pages.explanation",
)
PYDANTIC = "foveate.proxy.errors"  # reads pydantic's `input`


def imports(module: str) -> Iterator[str]:
    """Every module that a module imports, wherever in it."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            named = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in TREES else str(node.module) for name in named)


def layer(module: str) -> int:
    """How high a module stands: where its own name is listed, else the folder that it lies in."""
    name = module.removeprefix("foveate.")
    heights = {
        n: height
        for height, names in enumerate(LAYERS)
        for n in ([names] if isinstance(names, str) else names)
    }
    while name not in heights or (name == "proxy" and module != "foveate.proxy"):
        name, dot, _ = name.rpartition(".")
        assert dot, f"{module} has no layer"
    return heights[name]


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def test_there_is_something_to_walk() -> None:
    assert {
        "foveate.policies.prune",
        "foveate.proxy.pruning.pruner",
        "foveate.proxy.serving.handler",
    } <= TREES.keys()


@pytest.mark.parametrize("module", [m for m in TREES if within(m, "foveate.policies")])
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
    allowed = (sys.stdlib_module_names - touching) | {"numpy", "foveate"}
    assert {name.partition(".")[0] for name in imports(module)} <= allowed


@pytest.mark.parametrize("module", [m for m in TREES if within(m, "foveate.policies")])
def test_policies_know_no_clock_no_disk_and_no_async(module: str) -> None:
    tree = TREES[module]
    assert not [
        n
        for n in ast.walk(tree)
        if isinstance(n, (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith))
    ]
    called = {
        n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
    }
    assert not called & {"open", "print", "input", "exec", "eval"}


@pytest.mark.parametrize("module", TREES)
def test_imports_never_point_upwards(module: str) -> None:
    above = [name for name in imports(module) if name in TREES and layer(name) > layer(module)]
    assert not above


@pytest.mark.parametrize("folder", sorted({p.parent.relative_to(ROOT).parts for p in FILES}))
def test_no_two_folders_import_each_other(folder: tuple[str, ...]) -> None:
    room = ".".join(("foveate", *folder[:2]))
    there = {
        name for module in TREES if within(module, room) for name in imports(module) if name in TREES
    }
    back = [
        m
        for m in TREES
        if m in there and not within(m, room)
        for name in imports(m)
        if within(name, room)
    ]
    assert room in ("foveate.proxy", "foveate.policies") or not back


@pytest.mark.parametrize("module", TREES)
def test_only_pruning_prunes_and_only_serving_calls_it(module: str) -> None:
    found = set(imports(module))
    if "foveate.policies.prune" in found:  # requests, and measuring without any
        assert within(module, "foveate.proxy.pruning") or module == "foveate.proxy.evaluation.evaluate"
    if "foveate.proxy.pruning.pruner" in found:
        assert within(module, "foveate.proxy.serving") or module == "foveate.proxy.services"


@pytest.mark.parametrize("module", TREES)
def test_a_third_party_client_is_imported_in_the_file_of_its_name_alone(module: str) -> None:
    for name in imports(module):
        client = name.partition(".")[0]
        assert module in CLIENTS.get(client, module).split()


@pytest.mark.parametrize("family", FAMILIES)
def test_members_of_a_family_do_not_know_each_other_nor_other_families(family: str) -> None:
    for module in [m for m in TREES if m.startswith(f"{family}.")]:
        for name in imports(module):
            assert not [f for f in FAMILIES if within(name, f) and f != family], (
                f"{module} imports {name}"
            )
            assert name == family or not within(name, family) or name in HELPERS, (
                f"{module} imports {name}"
            )


@pytest.mark.parametrize("wire", WIRES)
def test_a_wire_knows_no_other_and_nobody_above_knows_a_wire(wire: str) -> None:
    for module in TREES:
        known = [name for name in imports(module) if within(name, wire)]
        speaks = any(
            within(module, place)
            for place in (wire, "foveate.proxy.upstreams", "foveate.proxy.evaluation")
        )
        assert speaks or not known, f"{module} imports {known}"


def wire_keys(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Lines that name a key of wire JSON."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in WIRE_KEYS:
            yield node.lineno, str(node.value)
        key = node.slice if isinstance(node, ast.Subscript) else None
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "get"
            and node.args
        ):
            key = node.args[0]
        if isinstance(key, ast.Constant) and key.value in LOOKED_UP:
            yield node.lineno, str(key.value)


@pytest.mark.parametrize("module", [m for m in TREES if within(m, "foveate.proxy") and m != PYDANTIC])
def test_wire_json_is_read_in_the_formats_alone(module: str) -> None:
    if not any(within(module, reader) for reader in READERS):
        assert not list(wire_keys(TREES[module]))


def test_the_keys_of_wire_json_are_found_where_they_are_read() -> None:
    assert list(wire_keys(TREES["foveate.proxy.formats.chat.message"]))


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


@pytest.mark.parametrize("module", [m for m in TREES if m != "foveate.proxy.config.loading"])
def test_only_the_configuration_reads_the_environment(module: str) -> None:
    assert not list(reads_environment(TREES[module]))


@pytest.mark.parametrize("module", TREES)
def test_only_the_pruner_catches_everything(module: str) -> None:
    broad = [
        node.lineno
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.ExceptHandler)
        and (
            node.type is None
            or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException"))
        )
        and not (
            isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
        )  # cleaning up is no catching
    ]
    assert len(broad) == (1 if module == "foveate.proxy.pruning.pruner" else 0)


@pytest.mark.parametrize("module", TREES)
def test_every_file_opens_with_what_it_is_for(module: str) -> None:
    told = ast.get_docstring(TREES[module])
    assert told
    assert told.partition("\n\n")[0].endswith((".", ":"))


def arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many arguments a function takes, itself aside."""
    given = function.args
    names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


@pytest.mark.parametrize("module", TREES)
def test_no_function_takes_more_than_six_arguments(module: str) -> None:
    functions = [
        n for n in ast.walk(TREES[module]) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    commands = [
        f for f in functions if any("command" in ast.dump(d) for d in f.decorator_list)
    ]  # their options
    assert not [f.name for f in functions if f not in commands and arguments(f) > 6]


def test_hardly_any_line_does_two_things() -> None:
    walruses = [
        (m, n.lineno)
        for m, tree in TREES.items()
        for n in ast.walk(tree)
        if isinstance(n, ast.NamedExpr)
    ]
    assert len(walruses) <= 10, walruses


def test_files_are_short() -> None:
    long = {str(p.relative_to(ROOT)): n for p in FILES if (n := len(p.read_text().splitlines())) > 300}
    assert len(long) <= 2, long


@pytest.mark.parametrize("folder", sorted({str(p.parent.relative_to(ROOT)) for p in FILES}))
def test_folders_are_small(folder: str) -> None:
    assert len([p for p in FILES if str(p.parent.relative_to(ROOT)) == folder]) <= 12
