"""Ten outputs of everyday tools, before and after: `python -m benchmarks.results.examples OUT.md [--room TOKENS]`.

Each is made on the spot by the tool itself from this repository, or written out here, so that anyone can make the page
again and judge by eye whether an engineer still finds the thing.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.results.cases import Ruler
from benchmarks.results.shortening import shorten
from foveate.policies.results.scoring import Need
from foveate.policies.results.settings import Results

ROOT = Path(__file__).parents[2]
CITIES = ("Bonn", "Lyon", "Turin", "Porto", "Ghent")
GOODS = ("Kettle", "Lamp", "Keyboard")
STATES = ("shipped", "delivered", "pending", "returned")


@dataclass(frozen=True, slots=True)
class Example:
    name: str
    turn: str
    step: str
    make: Callable[[], str]


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    for place, name in (
        (f"{ROOT}/", ""),
        (str(ROOT), "/src"),
        (sys.executable, "python"),
        (sys.base_prefix, "/usr"),
    ):
        said = said.replace(place, name)
    return said


def failing_tests() -> str:
    """A run in which 3 of 400 tests fail."""
    body = (
        "import pytest\n\ndef price(order):\n    return order['total'] - order.get('discount', 0)\n\n"
        "@pytest.mark.parametrize('n', range(400))\ndef test_price(n):\n"
        "    order = {'total': n, 'discount': 5 if n in (17, 230, 388) else 0}\n    assert price(order) == n\n"
    )
    place = ROOT / "test_example_orders.py"
    place.write_text(body)
    try:
        out = run(
            sys.executable,
            "-m",
            "pytest",
            "-vv",
            "-p",
            "no:cacheprovider",
            "-o",
            "addopts=",
            place.name,
        )
    finally:
        place.unlink()
    return out


def build_log() -> str:
    lines = []
    for n in range(1, 901):
        unit = f"src/module_{n % 30}/part_{n}.c"
        lines.append(f"[{n:4}/900] Building C object CMakeFiles/engine.dir/{unit}.o")
        if n % 211 == 0:
            lines.append(f"{unit}:{n}:14: warning: unused variable 'spare' [-Wunused-variable]")
        if n == 640:
            lines += [
                f"FAILED: CMakeFiles/engine.dir/{unit}.o",
                f"{unit}:88:21: error: implicit declaration of 'decode_frame' [-Wimplicit-function-declaration]",
                "   88 |     int status = decode_frame(&buffer, size);",
                "      |                  ^~~~~~~~~~~~",
            ]
    return "\n".join([*lines, "ninja: build stopped: subcommand failed.", ""])


def orders() -> str:
    rows = [
        {
            "order_id": f"#W{7_000_000 + n * 37}",
            "customer": f"customer_{n % 90}", "status": STATES[n % 4],
            "items": [{"sku": f"SKU-{n * 3 + k}", "name": GOODS[k], "price": 19.5 + k} for k in range(n % 3 + 1)],
            "address": {"street": f"{n % 120} Mill Road", "city": CITIES[n % 5], "zip": f"{53_000 + n}"},
            "total": 20 + n,
        }
        for n in range(500)
    ]  # fmt: skip
    return json.dumps({"orders": rows, "count": 500, "next": None})


def table() -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["date", "host", "status", "latency_ms", "bytes"])
    for n in range(1500):
        writer.writerow(
            [
                f"2026-03-{n % 28 + 1:02}",
                f"web-{n % 12:02}",
                503 if n == 911 else 200,
                20 + n % 17,
                n * 11,
            ]
        )
    return out.getvalue()


def page() -> str:
    return run(
        sys.executable, "-c", "import pydoc, json.decoder as m; print(pydoc.HTMLDoc().document(m))"
    )


def trace() -> str:
    code = (
        "import json\ndef down(n):\n    if n == 0:\n"
        "        return json.loads('{\"price\": 12,}')\n    return down(n - 1)\n"
        "def top():\n    try:\n        down(40)\n    except ValueError as error:\n"
        "        raise RuntimeError('could not read the price list') from error\ntop()\n"
    )
    return "worker 3: starting\n" * 200 + run(sys.executable, "-c", code)


def source() -> str:
    folders = ("serving", "http", "pruning", "upstreams", "formats")
    files = [f for folder in folders for f in sorted((ROOT / "proxy" / folder).rglob("*.py"))]
    return "\n".join(f.read_text() for f in files)[:130_000]


EXAMPLES = (
    Example("a pytest run", "Run the tests.", 'bash {"command": "pytest -vv test_example_orders.py"}', failing_tests),
    Example("a build log", "Does it build?", 'bash {"command": "cmake --build build"}', build_log),
    Example("git diff", "What changed in how the index is watched?", 'bash {"command": "git diff -- proxy"}',
            lambda: run("git", "diff", "adc4829~6", "adc4829", "--", "proxy")),
    Example("ls -R", "Where are the tests of stickiness?", 'bash {"command": "ls -R"}',
            lambda: run("ls", "-R", "proxy", "policies", "tests", "benchmarks")),
    Example("grep", "Who calls latest_turn?", 'bash {"command": "grep -rn turn proxy policies"}',
            lambda: run("grep", "-rn", "--include=*.py", "turn", "proxy", "policies")),
    Example("a JSON list of 500 orders", "What is the status of order #W7009287?", 'list_orders {}', orders),
    Example("an HTML page", "How does raw_decode report errors?", 'fetch {"url": "json.decoder.html"}', page),
    Example("a stack trace", "Why did the worker die?", 'bash {"command": "python worker.py"}', trace),
    Example("CSV", "Was any request refused?", 'bash {"command": "cat latency.csv"}', table),
    Example("a source of 3,000 lines", "Where are retries decided?", 'read_file {"path": "proxy.py"}', source),
)  # fmt: skip


def main() -> None:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("out", type=Path)
    p.add_argument("--room", type=int, default=700, help="tokens")
    args = p.parse_args()
    ruler = Ruler()
    parts = [
        "# Ten results, shortened\n\nMade by `python -m benchmarks.results.examples`; tokens are those of o200k_base. "
        f"Each had room for {args.room:,} tokens, far less than a first appearance gets.\n"
    ]
    for example in EXAMPLES:
        text = example.make()
        need = Need(turn=example.turn, step=example.step)
        short = shorten(text, need, args.room, Results(), ruler.text)
        lines = len(text.splitlines())
        parts.append(
            f"## {example.name}\n\n> {example.turn}\n\n`{example.step}`: {lines:,} lines, {short.before:,} tokens; "
            f"read as {short.kind}; {short.tokens:,} tokens are shown.\n\n````\n{short.text}\n````\n"
        )
    args.out.write_text("\n".join(parts))


if __name__ == "__main__":
    main()
