"""Kinds of output that no weight was fitted on: how often what a question needs is still shown.

`python -m benchmarks.results.heldout` prints the table of docs/tool-results.md: each output into a
tenth, a quarter and half of its tokens, beside its first and last lines and the lines that BM25 ranks
first. An answer is a name, number or path that stands once in the output and not in the question.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence

from benchmarks.results.outputs import OUTPUTS, Case
from benchmarks.results.shortening import shorten
from foveate.policies.results.pieces.dividing import pieces_of
from foveate.policies.results.scoring import Need
from foveate.policies.results.settings import Results
from foveate.proxy.formats.tokens import FALLBACK, TokenCounter

SHARES = (0.1, 0.25, 0.5)  # of the tokens of an output
CASES = 10  # of each kind
SEED = 7
Rule = Callable[[Case, int], str]  # a case and the room for it, in tokens; the text that is left
counter = TokenCounter(FALLBACK)


def ours(case: Case, room: int) -> str:
    """Return the output as foveate shortens it."""
    need = Need(turn=case.turn, since=1, step=case.call)
    return shorten(case.text, need, room, Results(), counter.text).text


def ends(case: Case, room: int) -> str:
    """Return the first and the last lines, in turn, while they fit."""
    lines = case.text.splitlines(keepends=True)
    order = [
        i for pair in zip(range(len(lines)), reversed(range(len(lines))), strict=True) for i in pair
    ]
    return _filled(lines, order, room, stop=True)


def ranked(case: Case, room: int) -> str:
    """Return the lines that BM25 ranks first for the question and the call, those that fit."""
    lines = case.text.splitlines(keepends=True)
    scores = bm25([_words(line) for line in lines], set(_words(f"{case.turn} {case.call}")))
    order = sorted(range(len(lines)), key=lambda i: -scores[i])
    return _filled(lines, order, room)


def bm25(texts: Sequence[Sequence[str]], query: set[str]) -> list[float]:
    """Return what each text scores (k1 1.2, b 0.75)."""
    df = Counter([word for text in texts for word in set(text)])
    mean = sum(map(len, texts)) / len(texts)
    return [
        sum(
            math.log(1 + (len(texts) - df[word] + 0.5) / (df[word] + 0.5))
            * text.count(word)
            * 2.2
            / (text.count(word) + 1.2 * (0.25 + 0.75 * len(text) / mean))
            for word in query.intersection(text)
        )
        for text in texts
    ]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _filled(lines: Sequence[str], order: Sequence[int], room: int, stop: bool = False) -> str:
    taken: set[int] = set()
    for i in order:
        tokens = 0 if i in taken else counter.text(lines[i])
        if tokens <= room:
            taken.add(i)
            room -= tokens
        elif stop:
            break
    return "".join([lines[i] for i in sorted(taken)])


RULES: dict[str, Rule] = {"foveate": ours, "head and tail": ends, "BM25 over lines": ranked}


def row(name: str, rng: random.Random) -> str:
    """Return one kind's row: of its cases the percentage whose answer is shown, for each rule and share."""
    cases = [OUTPUTS[name](rng) for _ in range(CASES)]
    cells = []
    for rule in RULES.values():
        found = [
            sum(case.answer in rule(case, int(counter.text(case.text) * share)) for case in cases)
            for share in SHARES
        ]
        cells.append(" / ".join([f"{100 * n // CASES}" for n in found]))
    return f"| {name} | {pieces_of(cases[0].text).kind} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    print(f"| output | read as | {' | '.join(RULES)} |\n|---|---|{'---|' * len(RULES)}")
    for name in OUTPUTS:
        print(row(name, random.Random(f"{SEED} {name}")), flush=True)


if __name__ == "__main__":
    main()
