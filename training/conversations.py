"""What the model learns from: conversations, questions, and the turns that hold what a question asks for."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

# "{vocalsound}", "{disfmarker}": marks of a transcript that no chat has.
_MARK = re.compile(r"\{\w+\}\s*")
_BEFORE = re.compile(r" (n't|'(?:s|m|re|ve|ll|d)\b|[.,!?;:)])")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Question:
    """A question and where it is answered."""

    text: str
    evidence: tuple[int, ...]  # positions in the conversation's turns
    loose: bool = False  # the evidence as a whole answers, not each of its turns


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation of one source."""

    source: str
    id: str
    turns: tuple[str, ...]  # the speaker ahead of a colon, where one is known
    questions: tuple[Question, ...]


def plain(text: str) -> str:
    """Return a tokenised transcript's text as people write: no marks, no space ahead of punctuation."""
    return _SPACES.sub(" ", _BEFORE.sub(r"\1", _MARK.sub("", text))).strip()


def said(speaker: str, text: str) -> str:
    """Return a turn as the proxy sees it, the speaker ahead of a colon."""
    return f"{speaker}: {text}" if speaker else text


def share(name: str) -> float:
    """Return a number from 0 to 1 that the name alone decides, the same on every machine."""
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest()) / 2**32


def write(path: Path, conversations: Iterable[Conversation]) -> None:
    """Write conversations, one a line; the same bytes for the same conversations."""
    lines = [json.dumps(asdict(c), ensure_ascii=False) for c in conversations]
    path.write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))


def read(path: Path) -> list[Conversation]:
    """Return the conversations of a file."""
    lines = gzip.decompress(path.read_bytes()).decode().split("\n")
    return [_conversation(json.loads(line)) for line in lines]


def _conversation(made: dict[str, list[dict[str, object]]]) -> Conversation:
    questions = tuple(
        Question(str(q["text"]), tuple(q["evidence"]), bool(q["loose"]))  # type: ignore[arg-type]
        for q in made["questions"]
    )
    return Conversation(str(made["source"]), str(made["id"]), tuple(map(str, made["turns"])), questions)
