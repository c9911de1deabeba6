# ruff: noqa: E501 (outputs as tools write them)
"""Outputs as tools write them, made up, each with a question that one place in it answers."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

WORDS = "api web cart auth queue mail search billing stock user price order".split()
LETTERS = "abcdefghkmnpqrstvwxz0123456789"


class Case(NamedTuple):
    """An output and what is asked of it."""

    text: str
    turn: str
    call: str
    answer: str


def name(rng: random.Random, n: int = 5) -> str:
    """Return `n` random letters and digits."""
    return "".join(rng.choices(LETTERS, k=n))


def pods(question: str) -> Callable[[random.Random], Case]:
    """Return what makes `kubectl get pods` with one that crashes."""

    def make(rng: random.Random) -> Case:
        names = [f"{rng.choice(WORDS)}-{name(rng, 9)}-{name(rng)}" for _ in range(200)]
        odd = rng.randrange(20, 180)
        names[odd] = f"ledger-{name(rng, 9)}-{name(rng)}"
        rows = [
            f"{pod:28} {'0/1     CrashLoopBackOff' if i == odd else '1/1     Running':24} "
            f"{rng.randrange(9):8} {rng.randrange(99):6}d"
            for i, pod in enumerate(names)
        ]
        head = "NAME                         READY   STATUS           RESTARTS     AGE"
        return Case("\n".join([head, *rows]), question, "kubectl get pods", names[odd])

    return make


def plan(rng: random.Random) -> Case:
    """Return a plan of Terraform that replaces one resource."""
    names = [f"{rng.choice(WORDS)}_{name(rng)}" for _ in range(60)]
    odd = rng.randrange(10, 50)
    blocks = [
        f"  # aws_instance.{one} {'must be replaced' if i == odd else 'will be updated in-place'}\n"
        f'  ~ resource "aws_instance" "{one}" {{\n      ~ tags = {{\n          + "team" = "{rng.choice(WORDS)}"\n        }}\n    }}\n'
        for i, one in enumerate(names)
    ]
    return Case("\n".join(blocks), "Which resource must be replaced?", "terraform plan", names[odd])


def keyed(line: str, first: str, turn: str, call: str) -> Callable[[random.Random], Case]:
    """Return what makes outputs of many entries, each written as `line`: a key that the question names
    and the value that it asks for.
    """

    def make(rng: random.Random) -> Case:
        entries = [
            (f"{rng.choice(WORDS)}_{name(rng)}", f"{name(rng, 6)}-{name(rng, 6)}") for _ in range(150)
        ]
        key, value = entries[rng.randrange(20, 130)]
        body = "".join([line.format(key=k, value=v, word=rng.choice(WORDS)) for k, v in entries])
        return Case(first + body, turn.format(key=key), call, value)

    return make


def build(line: str, error: str, call: str) -> Callable[[random.Random], Case]:
    """Return what makes builds of many lines with an `error` somewhere, which names a file."""

    def make(rng: random.Random) -> Case:
        lines = [line.format(word=rng.choice(WORDS), name=name(rng)) for _ in range(300)]
        file = f"src/{name(rng, 7)}"
        at = rng.randrange(80, 260)
        return Case(
            "\n".join([*lines[:at], error.format(file=file), *lines[at:]]), "Fix the build.", call, file
        )

    return make


def commits(rng: random.Random) -> Case:
    """Return `git log`, of which a commit is asked for by what its subject says."""
    hashes = ["".join(rng.choices("0123456789abcdef", k=40)) for _ in range(90)]
    odd = rng.randrange(15, 75)
    subjects = [
        f"{rng.choice(WORDS).title()}: {rng.choice(['fix', 'add', 'drop'])} {rng.choice(WORDS)} {name(rng)}"
        for _ in hashes
    ]
    subjects[odd] = "Throttle: back off when the ledger is busy"
    log = [
        f"commit {a}\nAuthor: A B <a@b.test>\nDate:   Mon Mar 2 10:00:00 2026\n\n    {b}\n"
        for a, b in zip(hashes, subjects, strict=True)
    ]
    return Case(
        "\n".join(log), "Which commit made the ledger throttle back off?", "git log", hashes[odd]
    )


def trace(rng: random.Random) -> Case:
    """Return a long Java trace with its cause somewhere."""
    lines = [
        f"\tat com.acme.{rng.choice(WORDS)}.Filter{rng.randrange(200)}.run(Filter.java:{rng.randrange(400)})"
        for _ in range(200)
    ]
    at, file = rng.randrange(60, 140), f"{name(rng, 7).title()}Repo.java:77"
    cause = [
        "Caused by: java.sql.SQLTransientException: pool is exhausted",
        f"\tat com.acme.ledger.take({file})",
    ]
    return Case(
        "\n".join(["org.web.ServletException: handler", *lines[:at], *cause, *lines[at:]]),
        "Why did the request fail?",
        "kubectl logs",
        file,
    )


def manual(heading: str) -> Callable[[random.Random], Case]:
    """Return what makes manuals of many parts under a `heading` as their markup writes it."""

    def make(rng: random.Random) -> Case:
        titles = [f"{rng.choice(WORDS)} {rng.choice(WORDS)} {name(rng)}" for _ in range(70)]
        settings = [f"{rng.choice(WORDS)}_{name(rng)}" for _ in titles]
        odd = rng.randrange(10, 60)
        titles[odd] = "rotating the signing keys"
        parts = [
            f"{heading.format(title=title, capitals=title.upper(), line='-' * len(title))}\n   This tells how {rng.choice(WORDS)} and {rng.choice(WORDS)} work.\n\n"
            f"   Another line of it.\n\n   Set {setting} to change it.\n\n"
            for title, setting in zip(titles, settings, strict=True)
        ]
        return Case(
            "".join(parts),
            "Which setting is for rotating the signing keys?",
            "read the manual",
            settings[odd],
        )

    return make


OUTPUTS: dict[str, Callable[[random.Random], Case]] = {
    "`kubectl get pods`, by name": pods("Why is the ledger pod not ready?"),
    "`kubectl get pods`, by state": pods("Which pod is in CrashLoopBackOff?"),
    "`terraform plan`": plan,
    "`psql`": keyed(" {key:20} | {word:8} | {value}\n", " email | state | contract\n-------+-------+----------\n", "What is the contract of {key}?", "psql"),
    "`pom.xml`": keyed("  <dependency>\n    <artifactId>{key}</artifactId>\n    <version>{value}</version>\n  </dependency>\n", "<project>\n", "Which version of {key} do we use?", "cat pom.xml"),
    "`compose.yaml`": keyed("  {key}:\n    image: {value}\n    restart: always\n", "services:\n", "Which image does {key} run?", "cat compose.yaml"),
    "an INI file": keyed("[{key}]\nhost = {word}.test\ncolour = red\nretries = 3\ntoken = {value}\n\n", "", "What is the token of {key}?", "cat app.ini"),
    "CSV": keyed("{key},{word},{value}\n", "sku,name,bin\n", "In which bin is {key}?", "cat stock.csv"),
    "HTML": keyed('<li><a href="/p/{value}">{key}</a> <span>{word}</span></li>\n', "<html><body><ul>\n", "Open the page of {key}.", "fetch /"),
    "Gradle": build("> Task :{word}:{name}:compileJava", "{file}:41: error: cannot find symbol\n    ledger.post(entry);", "gradle build"),
    "Cargo": build("   Compiling {word}-{name} v0.4.1", "error[E0308]: mismatched types\n  --> {file}:88:17\n   |", "cargo build"),
    "`git log`": commits,
    "a Java trace": trace,
    "Markdown": manual("## {title}\n"),
    "reStructuredText": manual("{title}\n{line}\n"),
    "a manual page": manual("{capitals}"),
}  # fmt: skip
