"""Turns labelled conversations into chats as people type them.

    python -m benchmarks.chats --data ../shared/eval --source locomo --out /tmp/chats
    python -m benchmarks.chats ... --only bursts typing        some of the changes

A turn becomes a burst of short messages, in lower case, with typing errors, short forms and emoji; the last message of
a burst may arrive among the other one's; nobody calls the other by name. Evidence is the message of the burst that has
most of the answer's words, then of the question's. The same data and seed give the same files.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.chats.typing import Typist

CHANGES = ("bursts", "late", "names", "typing")
LATE = 0.15  # bursts whose last message arrives late
JOINED = 0.25  # sentences that go out with the next one
LONG = 14  # words: a longer sentence may be sent in two
LABEL = re.compile(r"([A-Z][\w.'’-]*(?: [A-Z][\w.'’-]*){0,3}): ")
_SENTENCE = re.compile(r"\[[^\]]*\]|[^.!?\[]+[.!?]*\s*")
_BREAK = re.compile(r",? (?=(?:and|but|so|because|which|when|while|then) )|, ")


@dataclass(frozen=True)
class Said:
    """One message of the chat, and the turn that it comes from."""

    turn: int
    role: str
    label: str
    text: str


def parts(text: str, rng: random.Random) -> list[str]:
    """Return the messages that a turn is sent in."""
    pieces: list[str] = []
    for sentence in (s.strip() for s in _SENTENCE.findall(text)):
        if not sentence:
            continue
        broken = [m.end() for m in _BREAK.finditer(sentence)]
        if len(sentence.split()) > LONG and broken and rng.random() < 0.6:
            middle = min(broken, key=lambda at: abs(at - len(sentence) / 2))
            pieces += [sentence[:middle].strip(" ,"), sentence[middle:]]
        else:
            pieces.append(sentence)
    found: list[str] = []
    for piece in pieces:
        if (
            found
            and not piece.startswith("[")
            and not found[-1].startswith("[")
            and rng.random() < JOINED
        ):
            found[-1] += f" {piece}"
        else:
            found.append(piece)
    return found or [text]


def chat(messages: Sequence[dict[str, Any]], changes: Sequence[str], rng: random.Random) -> list[Said]:
    """Return the messages of a conversation as they are typed."""
    labels = {m[1] for said in messages if (m := LABEL.match(str(said["content"])))}
    firsts = {label.split()[0] for label in labels}
    typists = {label: Typist(rng) for label in sorted(labels | {""})}
    bursts: list[list[Said]] = []
    for turn, message in enumerate(messages):
        text = str(message["content"])
        found = LABEL.match(text)
        label = found[1] if found else ""
        body = text[found.end() :] if found else text
        if "names" in changes:
            body = nameless(body, firsts)
        sent = parts(body, rng) if "bursts" in changes else [body]
        if "typing" in changes:
            sent = [typists[label].typed(part) for part in sent]
        bursts.append([Said(turn, message["role"], label, part) for part in sent if part.strip()] or
                      [Said(turn, message["role"], label, body)])  # fmt: skip
    return late(bursts, rng) if "late" in changes else [said for burst in bursts for said in burst]


def nameless(text: str, names: set[str]) -> str:
    """Return a text that calls nobody by name."""
    any_of = "|".join(map(re.escape, sorted(names)))
    return re.sub(rf",? (?:{any_of})(?=[!?.,])|^(?:{any_of}), ", "", text) if names else text


def late(bursts: list[list[Said]], rng: random.Random) -> list[Said]:
    """Return the messages in the order in which they arrive."""
    found: list[Said] = []
    waiting: list[Said] = []
    for burst in bursts:
        held = [burst.pop()] if len(burst) > 1 and rng.random() < LATE else []
        at = min(len(burst), rng.randint(1, 2))
        found += [*burst[:at], *waiting, *burst[at:]]
        waiting = held
    return found + waiting


def share(text: str, wanted: str) -> float:
    """Return how many of the wanted words a text has, as a share."""
    words = set(re.findall(r"\w{3,}", wanted.lower()))
    return len(words & set(re.findall(r"\w{3,}", text.lower()))) / max(1, len(words))


def relabelled(case: dict[str, Any], plain: list[Said], place: dict[int, list[int]]) -> dict[str, Any]:
    """Return a case with its evidence in the chat."""
    groups = []
    for group in case["evidence_any_of"]:
        options = [i for turn in group for i in place.get(turn, [])]
        if options:
            question, answer = str(case["question"]["content"]), str(case.get("answer") or "")
            groups.append(
                [
                    max(
                        options,
                        key=lambda i: (share(plain[i].text, answer), share(plain[i].text, question)),
                    )
                ]
            )
    before = [i for turn in range(case["history_len"]) for i in place.get(turn, [])]
    return {**case, "evidence_any_of": groups, "evidence": sorted({i for g in groups for i in g}),
            "history_len": max(before) + 1}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--source", default="locomo")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", choices=CHANGES, default=list(CHANGES))
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    (given.out / "conversations").mkdir(parents=True, exist_ok=True)
    lines = [json.loads(line) for line in (given.data / "cases.jsonl").read_text().splitlines()]
    cases = [case for case in lines if case["source"] == given.source and case.get("scored", True)]
    made = []
    for name in sorted({case["conversation"] for case in cases}):
        conversation = json.loads((given.data / "conversations" / f"{name}.json").read_text())
        said = chat(conversation["messages"], given.only, random.Random(f"{given.seed} {name}"))
        plain = [Said(s.turn, s.role, s.label, s.text) for s in said]
        place: dict[int, list[int]] = {}
        for i, message in enumerate(said):
            place.setdefault(message.turn, []).append(i)
        messages = [
            {"role": s.role, "content": f"{s.label}: {s.text}" if s.label else s.text} for s in said
        ]
        path = given.out / "conversations" / f"{name}.json"
        path.write_text(json.dumps({**conversation, "messages": messages}, ensure_ascii=False))
        made += [relabelled(case, plain, place) for case in cases if case["conversation"] == name]
    kept = [case for case in made if case["evidence_any_of"]]
    (given.out / "cases.jsonl").write_text(
        "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in kept)
    )
    print(f"{len(kept)} cases in {given.out}")


if __name__ == "__main__":
    main()
