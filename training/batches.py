"""Puts conversations together so that a question meets many wrong answers, some of them close."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from training.conversations import Conversation, Question

TURNS = 400  # of a batch
ASKED = 96  # questions of a batch
CHAT = (
    "friendsqa",
    "friendsqa",
    "friendsqa",
    "plots",
    "ubuntu",
)  # one named thrice is met thrice an epoch
MOST = 0.6  # of the turns may answer a question: there must be wrong ones
SHAPED = 0.3  # of the questions are put in another shape
NEXT = 0.3  # of the conversations also ask with their last turn
PLAIN = "{}"
# How people bring up what was said; {} is the question.
SHAPES = (
    "Do you remember? {}",
    "Hey, a quick question: {} Thanks!",
    "I forgot. {}",
    "You said something about this before. {}",
    "We talked about this earlier. {}",
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Turns that are read together, and what is asked of them."""

    source: str
    turns: tuple[str, ...]
    questions: tuple[Question, ...]


def epoch(
    conversations: Sequence[Conversation], dice: random.Random, per_manual: int, assistants: int
) -> list[Batch]:
    """Return the batches of one pass in random order.

    `per_manual` is how many batches each language of the manual gives, `assistants` how many the talks with services.
    """
    by: dict[str, list[Conversation]] = {}
    for conversation in conversations:
        by.setdefault(conversation.source, []).append(conversation)
    made = [window(c, dice) for c in by.pop("meetings", [])]
    chat = [c for source in CHAT for c in by.get(source, [])]
    made += groups("chat", chat, dice)
    made += groups("assistants", by.get("assistants", []), dice)[:assistants]
    for source, pages in by.items():
        if source.startswith("manual"):
            made += groups(source, pages, dice)[:per_manual]
    made = [batch for batch in made if batch.questions]
    dice.shuffle(made)
    return made


def window(conversation: Conversation, dice: random.Random) -> Batch:
    """Return a stretch of a long conversation with the questions that are answered in it."""
    start = dice.randrange(max(1, len(conversation.turns) - TURNS + 1))
    turns = conversation.turns[start : start + TURNS]
    asked = [
        Question(
            q.text, tuple(e - start for e in q.evidence if start <= e < start + len(turns)), q.loose
        )
        for q in conversation.questions
    ]
    found = [q for q in asked if 0 < len(q.evidence) < MOST * len(turns)]
    return Batch(conversation.source, turns, drawn(found, dice))


def groups(source: str, conversations: Sequence[Conversation], dice: random.Random) -> list[Batch]:
    """Return the conversations behind each other in random order, cut into batches."""
    order = dice.sample(conversations, len(conversations))
    made, waiting, size = [], [], 0
    for conversation in order:
        if conversation.id not in {c.id for c in waiting}:
            waiting.append(conversation)
            size += len(conversation.turns)
        if size >= TURNS:
            made.append(joined(source, waiting, dice))
            waiting, size = [], 0
    return made


def joined(source: str, conversations: Sequence[Conversation], dice: random.Random) -> Batch:
    """Return conversations as one; some also ask with their last turn, which the turns before it answer."""
    turns: list[str] = []
    asked: list[Question] = []
    for conversation in conversations:
        start, own = len(turns), list(conversation.turns)
        questions = list(conversation.questions)
        if dice.random() < NEXT and len(own) > 3 and len(own[-1].split()) > 5:
            last = own.pop()
            questions.append(Question(last.split(": ", 1)[-1], tuple(range(len(own))), loose=True))
        turns += own
        for q in questions:
            evidence = tuple(start + e for e in q.evidence if e < len(own))
            asked += [Question(q.text, evidence, q.loose)] if evidence else []
    return Batch(source, tuple(turns), drawn(asked, dice))


def drawn(questions: Sequence[Question], dice: random.Random) -> tuple[Question, ...]:
    """Return at most ASKED of the questions, some in another shape."""
    chosen = dice.sample(questions, min(ASKED, len(questions)))
    return tuple(Question(shaped(q.text, dice), q.evidence, q.loose) for q in chosen)


def shaped(text: str, dice: random.Random) -> str:
    """Return the text as it is, or the way someone brings it up in a chat."""
    shape = dice.choice(SHAPES) if text.endswith("?") and dice.random() < SHAPED else PLAIN
    return shape.format(text)


def held(conversations: Sequence[Conversation]) -> Iterator[Batch]:
    """Yield what is measured on: whole meetings, and the other sources as batches, always the same."""
    dice = random.Random(0)
    by: dict[str, list[Conversation]] = {}
    for conversation in conversations:
        by.setdefault(conversation.source, []).append(conversation)
    for source, mine in by.items():
        if source == "meetings":
            yield from (Batch(source, c.turns, c.questions) for c in mine)
        elif source != "plots":
            yield from _rest(source, mine, dice)


def _rest(source: str, conversations: Sequence[Conversation], dice: random.Random) -> Iterator[Batch]:
    for start in range(0, len(conversations), 20):
        turns: list[str] = []
        asked: list[Question] = []
        for c in conversations[start : start + 20]:
            asked += [
                Question(q.text, tuple(len(turns) + e for e in q.evidence), q.loose)
                for q in c.questions
            ]
            turns += c.turns
        yield Batch(source, tuple(turns), tuple(dice.sample(asked, min(200, len(asked)))))
