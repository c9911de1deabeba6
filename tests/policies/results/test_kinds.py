# ruff: noqa: E501 (outputs as tools write them)
"""Outputs of many tools: which kind each is, and that an engineer still finds the thing in few tokens."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

import pytest

from benchmarks.results.outputs import commits
from benchmarks.results.shortening import shorten
from foveate.policies.results.pieces.dividing import pieces_of
from foveate.policies.results.pieces.kinds import is_json
from foveate.policies.results.scoring import Need
from foveate.policies.results.settings import Results


@dataclass(frozen=True)
class Output:
    kind: str
    turn: str
    text: str
    found: tuple[str, ...]  # lines that must be shown
    room: int = 300


def rows(line: str, n: int, odd: int, instead: str) -> str:
    """So many lines, one of which is another."""
    return "\n".join((instead if i == odd else line).format(i=i) for i in range(n))


CODE = "import os\n\n\n" + "\n\n".join(
    f"class Part{i}:\n    def build(self):\n        return {i} * 7\n\n    def size_{i}(self):\n        return {i}"
    for i in range(60)
)
OUTPUTS = {
    "cat -n": Output(
        "code", "Where is size_41 set?", "\n".join(f"{n:6}\t{line}" for n, line in enumerate(CODE.splitlines(), 1)),
        ("class Part41:", "def size_41(self):", "return 41"),
    ),
    "rg --heading": Output(
        "grep", "Who calls take_over?",
        "\n\n".join(f"src/m{k}.py\n" + rows("{i}7:    use(part)", 30, 13 if k == 7 else -1, "{i}7:    take_over(part)") for k in range(12)),
        ("src/m7.py", "137:    take_over(part)"),
    ),
    "a Go panic": Output(
        "log", "Why did it crash?",
        rows("2026/03/01 10:00:11 request {i} served in 3 ms", 400, -1, "") + "\npanic: runtime error: index out of range [5]\n\n"
        "goroutine 1 [running]:\nmain.pick(...)\n\t/src/app/pick.go:21\nexit status 2\n",
        ("panic: runtime error: index out of range [5]", "/src/app/pick.go:21"),
    ),
    "a Java trace": Output(
        "log", "Why does the job fail?",
        rows("2026-03-01 10:00:{i:02} INFO  [main] a.Job - batch {i} done", 300, 222, "2026-03-01 10:09:00 ERROR [main] a.Job - lost")
        + "\njava.lang.IllegalStateException: cannot commit\n" + rows("\tat a.b.F{i}.run(F{i}.java:{i})", 60, -1, "")
        + "\nCaused by: java.sql.SQLException: deadlock on orders\n" + rows("\tat p.D{i}.go(D.java:{i})", 40, -1, ""),
        ("ERROR [main] a.Job - lost", "IllegalStateException: cannot commit", "Caused by: java.sql.SQLException"),
    ),
    "JSON lines": Output(
        "log", "Which request failed?",
        rows('{{"t": {i}, "level": "info", "path": "/o/{i}"}}', 600, 333, '{{"t": {i}, "level": "error", "path": "/o/{i}"}}'),
        ('{"t": 333, "level": "error", "path": "/o/333"}',),
    ),
    "YAML": Output(
        "tree", "Which image does the worker run?",
        "items:\n" + "\n".join(
            f"- kind: Deployment\n  metadata:\n    name: {'worker' if i == 30 else f'svc-{i}'}\n  spec:\n    containers:\n"
            f"    - name: main\n      image: acme/{'worker' if i == 30 else f'svc-{i}'}:1.{i}" for i in range(70)
        ),
        ("name: worker", "image: acme/worker:1.30"),
    ),
    "XML": Output(
        "tree", "Which module depends on log4j?",
        "<projects>\n" + "\n".join(
            f'  <project name="mod-{i}">\n    <dependency>{"log4j" if i == 44 else "slf4j"}</dependency>\n  </project>'
            for i in range(120)
        ) + "\n</projects>",
        ('<project name="mod-44">', "<dependency>log4j</dependency>"),
    ),
    "a Markdown table": Output(
        "table", "What does the plan gold cost?",
        "# Prices\n\n| plan | price |\n|---|---|\n" + rows("| plan-{i} | {i} EUR |", 300, 61, "| gold | {i} EUR |"),
        ("| plan | price |", "| gold | 61 EUR |"),
    ),
    "psql": Output(
        "table", "Who is from Porto?",
        "  id  |  name  |  city\n------+--------+-------\n" + rows("  {i} | u_{i} | Lyon", 300, 151, "  {i} | u_{i} | Porto") + "\n(300 rows)\n",
        ("  id  |  name  |  city", "151 | u_151 | Porto", "(300 rows)"),
    ),
    "kubectl": Output(
        "table", "Which pod is not running?",
        "NAME       READY   STATUS     RESTARTS\n" + rows("api-{i:03}    1/1     Running    0", 200, 77, "api-{i:03}    0/1     CrashLoopBackOff    9"),
        ("NAME       READY   STATUS     RESTARTS", "api-077    0/1     CrashLoopBackOff    9"),
    ),
    "CSV": Output(
        "table", "Was any request refused?",
        "date,host,status\n" + rows("2026-03-01,web-{i},200", 900, 611, "2026-03-01,web-{i},503"),
        ("date,host,status", "2026-03-01,web-611,503"),
    ),
    "jest": Output(
        "text", "Run the tests.",
        rows("PASS src/mod{i}.test.js", 200, -1, "") + "\nFAIL src/cart.test.js\n  \u25cf cart \u203a adds two items\n\n"
        "    Expected: 3\n    Received: 2\n\n" + rows("PASS src/more{i}.test.js", 200, -1, "") + "\n\nTests: 1 failed, 400 passed\n",
        ("FAIL src/cart.test.js", "\u25cf cart \u203a adds two items", "Expected: 3", "Received: 2", "Tests: 1 failed, 400 passed"),
    ),
    "cargo build": Output(
        "text", "Does it build?",
        rows("   Compiling crate{i} v0.{i}.1", 250, -1, "") + "\nerror[E0308]: mismatched types\n  --> src/lib.rs:88:9\n",
        ("error[E0308]: mismatched types", "--> src/lib.rs:88:9"),
    ),
    "git log": Output(
        "tree", "When was the retry added?",
        "\n".join(
            f"commit {i:040x}\nAuthor: A B <a@b.c>\nDate:   Mar {i} 2026\n\n    {'Retry once on a reset' if i == 63 else f'Tidy part {i}'}\n"
            for i in range(1, 150)
        ),
        (f"commit {63:040x}", "Date:   Mar 63 2026", "    Retry once on a reset"),
    ),
    "a Markdown manual": Output(
        "text", "Which setting is for rotating the signing keys?",
        "# Manual\n\n" + "\n".join(
            f"## {'Rotating the signing keys' if i == 33 else f'Part {i} of the cart'}\n\nThis part tells how the cart and the queue work together.\n\n"
            f"```\n# Set it ahead of all else\n```\n\nSet `opt_{i}` to change it.\n" for i in range(60)
        ),
        ("# Manual", "## Rotating the signing keys", "Set `opt_33` to change it."),
    ),
    "a Markdown manual with numbers": Output(
        "text", "Which setting is for rotating the signing keys?",
        "\n".join(
            f"{n:6}\t{line}" for n, line in enumerate((line for i in range(60) for line in (
                f"## {'Rotating the signing keys' if i == 33 else f'Part {i} of the cart'}", "", "This tells how the cart works.", "", "",
                f"Set `opt_{i}` to change it.", "",
            )), 1)
        ),
        ("## Rotating the signing keys", "Set `opt_33` to change it."),
    ),
    "reStructuredText": Output(
        "text", "Which setting is for rotating the signing keys?",
        "Manual\n======\n\n" + "\n".join(
            f"{'Rotating the signing keys' if i == 33 else f'Part {i} of the shopping cart'}\n{'-' * 25}\n\n"
            f"This part tells how the cart and the queue work together.\n\nSet ``opt_{i}`` to change it.\n" for i in range(60)
        ),
        ("Manual", "Rotating the signing keys", "Set ``opt_33`` to change it."),
    ),
    "INI": Output(
        "text", "Which key does the ledger service use?",
        "\n".join(
            f"[{'ledger service' if i == 33 else f'cart {i}'}]\nhost = h{i}.test\nport = {8000 + i}\nretries = 3\ncolour = red\n# more\nkey = k-{i}\n" for i in range(60)
        ),
        ("[ledger service]", "key = k-33"),
    ),
    "a manual page": Output(
        "text", "Which file holds the key bindings?",
        "\n\n".join(
            f"{'KEY BINDINGS' if i == 12 else f'PART {i}'}\n" + rows("       This tells in some words how the cart works.", 6, -1, "") + f"\n       It is in ~/.cart/{i}.conf."
            for i in range(30)
        ),
        ("KEY BINDINGS", "It is in ~/.cart/12.conf."),
    ),
    "the same line again and again": Output(
        "text", "What happened?", "retrying in 5 s\n" * 400 + "gave up on copy_b\n" + "retrying in 5 s\n" * 400, ("gave up on copy_b",), 120,
    ),
}  # fmt: skip


def count(text: str) -> int:
    return (len(text) + 3) // 4


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_kind_of_an_output_is_known(name: str) -> None:
    assert pieces_of(OUTPUTS[name].text).kind == OUTPUTS[name].kind


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_engineer_still_finds_the_thing(name: str) -> None:
    output = OUTPUTS[name]
    assert count(output.text) > 4 * output.room
    short = shorten(output.text, Need(turn=output.turn), output.room, Results(), count)
    assert short.tokens <= output.room
    for line in output.found:
        assert line in short.text


def test_a_line_that_repeats_the_one_above_it_is_counted_by_its_mark() -> None:
    output = OUTPUTS["the same line again and again"]
    short = shorten(output.text, Need(turn=output.turn), output.room, Results(), count)
    assert short.text.count("retrying in 5 s") < 6
    assert "like the line above" in short.text


def test_what_stands_around_a_page_is_no_word_of_it() -> None:
    page = "<html><body>\n" + "\n".join(
        f'<div class="card shadow"><a href="/item/{i}">{"Blue lamp" if i == 70 else "Kettle"}</a></div>'
        for i in range(150)
    )
    short = shorten(page, Need(turn="Where is the lamp with a shadow card?"), 200, Results(), count)
    assert short.kind == "html"
    assert "/item/70" in short.text


def test_records_of_json_stay_json_when_their_kind_is_judged() -> None:
    assert pieces_of(json.dumps([{"a": i} for i in range(200)], indent=1)).kind == "json"


@pytest.mark.parametrize("seed", range(4))
def test_a_commit_that_is_asked_for_by_what_it_says_shows_its_hash(seed: int) -> None:
    case = commits(random.Random(seed))
    short = shorten(case.text, Need(turn=case.turn, since=1, step=case.call), 500, Results(), count)
    assert f"commit {case.answer}\n" in short.text
    assert "Throttle: back off" in short.text


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        " {}",
        '[\n {"a": 1}]',
        "[[1]]",
        "[]",
        '["a"]',
        "[-1]",
        "[7, 8]",
        "[1.5e3\n, 2]",
        "[true]",
        "[null, 1]",
    ],
)
def test_json_is_known_by_its_beginning(text):
    assert is_json(text)


@pytest.mark.parametrize(
    "text",
    [
        "[File: a.py (9 lines)]",
        "[INFO] done",
        "{{name}}",
        "{x for x in y}",
        "[trueish]",
        "[",
        "",
        "7",
        "[2024-05-01 12:00:00] GET /",
        "[12:01] up",
        "[1] A source",
        "[ 3/400] took",
    ],
)
def test_a_text_in_brackets_is_no_json(text):
    assert not is_json(text)
