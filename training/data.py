"""Makes the training set from checkouts of the public sources, and says which conversations are in it.

    python -m training.data --sources FOLDER --out training.jsonl.gz     FOLDER/FriendsQA, FOLDER/ExplainMeetSum, ...

Where each comes from, at which commit and under which licence: DATA.md. A file that is not the expected one is refused.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path

from training import sources
from training.conversations import Conversation, Question, share, write

HELD_OUT = 0.1  # of the conversations, to stop at and to choose by
MARKS = Path(__file__).with_name("turns.txt")
MARKED = 2  # turns of a conversation, its longest
TELLING = 40  # letters and digits; shorter turns are said everywhere


@dataclass(frozen=True, slots=True)
class Source:
    """A public source and the reader of its files."""

    folder: str
    files: str  # which are read, as a glob pattern
    sha256: str  # over the files in the order of their paths
    read: sources.Read


SOURCES = (
    Source(
        folder="FriendsQA",
        files="dat/friendsqa_*.json",
        sha256="0b990619732b4ad8daebd8c8374c393ef8522867e8b7cf63b38623cd7574778f",
        read=sources.friendsqa,
    ),
    Source(
        folder="reading-comprehension",
        files="json/reading-comprehension-*.json",
        sha256="9a54aab1768abe2cb82a9d3ed6f0cf94709127300c7a57f86276f4461a59e5a9",
        read=sources.plots,
    ),
    Source(
        folder="ExplainMeetSum",
        files="data/ExplainMeetSum/train/*.json",
        sha256="3153b0fe9f000f44b9dde210704691de8f919fb9eef7221d9a652cdf789cdc37",
        read=sources.meetings,
    ),
    Source(
        folder="Molweni",
        files="MRC(withDiscourse)/test.json",
        sha256="f72d29059ec3581859e425044eb9ad2de9359119b41ed18220fbab592f6382ed",
        read=sources.ubuntu,
    ),
    Source(
        folder="STAR",
        files="dialogues/*.json",
        sha256="ba21ed26c14bd3133a3a3e206d1b509f4f17f5c537a9c68ccb102f1a27492e23",
        read=sources.assistants,
    ),
    Source(
        folder="fastapi",
        files="docs/*/docs/**/*.md",
        sha256="9ba031a4a63e61ceed3ed9b9442819d908aea23dd4e245329b5163fa9ca3164c",
        read=sources.manual,
    ),
)


def gather(folder: Path) -> Iterator[Conversation]:
    """Yield the conversations of all sources that have something to learn from."""
    for source in SOURCES:
        found = checksum(folder / source.folder, source.files)
        if found != source.sha256:
            sys.exit(
                f"{source.folder}: its files have sha256 {found}, expected {source.sha256}; see training/DATA.md"
            )
        for conversation in source.read(folder / source.folder):
            kept = tuple(q for q in conversation.questions if worth(q, conversation))
            if len(conversation.turns) > 1:
                yield Conversation(conversation.source, conversation.id, conversation.turns, kept)


def worth(question: Question, conversation: Conversation) -> bool:
    """Return whether a question can be learned from."""
    everywhere = len(question.evidence) > 0.6 * len(conversation.turns)
    return len(question.text) > 2 and bool(question.evidence) and (question.loose or not everywhere)


def checksum(folder: Path, pattern: str) -> str:
    """Return the sha256 over the names and contents of the files."""
    digest = sha256()
    for path in sorted(folder.glob(pattern)):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def held_out(conversation: Conversation) -> bool:
    """Return whether a conversation is kept from training."""
    source, name = conversation.source, conversation.id
    if source in ("friendsqa", "plots"):
        source, name = "series", name[:7]  # an episode, whose scenes both sources have
    elif source.startswith("manual"):
        source = "manual"  # a page in all its languages
    return share(f"{source} {name}") < HELD_OUT


def mark(turn: str) -> str:
    """Return what a turn is known by: a hash of its letters and digits, without the speaker; "" of a short one."""
    words = "".join(c for c in turn.split(": ", 1)[-1].lower() if c.isalnum())
    return blake2b(words.encode(), digest_size=6).hexdigest() if len(words) >= TELLING else ""


def marks(conversations: Iterable[Conversation]) -> list[str]:
    """Return the marks of each conversation's longest turns, sorted."""
    found = {mark(turn) for c in conversations for turn in sorted(c.turns, key=len)[-MARKED:]}
    return sorted(found - {""})


def main() -> None:
    """Write the training set, the marks of its turns, and print what is in it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sums", action="store_true", help="only print the checksums of what is there")
    given = parser.parse_args()
    if given.sums:
        print("\n".join(f"{s.folder} {checksum(given.sources / s.folder, s.files)}" for s in SOURCES))
        return
    conversations = list(gather(given.sources))
    write(given.out, conversations)
    MARKS.write_text("\n".join(marks(conversations)) + "\n")
    for source in dict.fromkeys(c.source for c in conversations):
        mine = [c for c in conversations if c.source == source]
        turns, questions = sum(len(c.turns) for c in mine), sum(len(c.questions) for c in mine)
        print(f"{source:12} {len(mine):5} conversations {turns:7} turns {questions:6} questions")


if __name__ == "__main__":
    main()
