"""Readers of the public sources, one function each: a checkout to conversations."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from training.conversations import Conversation, Question, plain, said, share

Read = Callable[[Path], Iterator[Conversation]]
# Scenes of reading-comprehension name people by number; any names serve, as long as they differ.
NAMES = (
    "Alma Bruno Carla Dario Edith Felix Greta Hugo Irma Jonas Karen Louis Maria Nora Oscar Paula Quinn Rita Simon Tara "
    "Ugo Vera Walter Xenia Yann Zoe"
).split()
ENTITY = re.compile(r"@ent(\d+)")
ALIKE = 4  # values shorter than this are said by chance
STAR_SHARE = 0.25  # of its 6,652 dialogues, which resemble each other


def friendsqa(folder: Path) -> Iterator[Conversation]:
    """Yield scenes of a series with questions, each answered by spans of some turns."""
    for part in ("dev", "tst"):
        for scene in _json(folder / f"dat/friendsqa_{part}.json")["data"]:
            for paragraph in scene["paragraphs"]:
                turns = [
                    said(_people(u["speakers"]), plain(u["utterance"]))
                    for u in paragraph["utterances:"]
                ]
                questions = [
                    _question(plain(q["question"]), {a["utterance_id"] for a in q["answers"]})
                    for q in paragraph["qas"]
                ]
                yield Conversation("friendsqa", scene["title"], tuple(turns), tuple(questions))


def plots(folder: Path) -> Iterator[Conversation]:
    """Yield scenes with the sentences of a plot that were written about them."""
    scenes: dict[str, list[Any]] = {}
    for part in ("dev", "tst"):
        for row in _json(folder / f"json/reading-comprehension-{part}.json"):
            scenes.setdefault(row["scene_id"], []).append(row)
    for scene, rows in scenes.items():
        turns = [said(_named(u["speakers"]), _named(plain(u["tokens"]))) for u in rows[0]["utterances"]]
        sentences = dict.fromkeys(
            _named(plain(r["query"].replace("@placeholder", r["answer"]))) for r in rows
        )
        questions = [Question(sentence, tuple(range(len(turns))), loose=True) for sentence in sentences]
        yield Conversation("plots", scene, tuple(turns), tuple(questions))


def meetings(folder: Path) -> Iterator[Conversation]:
    """Yield meetings with queries and their spans, and sentences of their summaries with the turns that bear them."""
    for path in sorted((folder / "data/ExplainMeetSum/train").glob("*.json")):
        meeting = _json(path)
        # Half of the meetings keep the marks of their transcripts, so that the model knows both.
        clean = plain if share(path.stem) < 0.5 else str.strip
        turns = [said(t["speaker"], clean(t["content"])) for t in meeting["meeting_transcripts"]]
        questions = [q for q in _asked(meeting) if q.evidence and max(q.evidence) < len(turns)]
        yield Conversation("meetings", path.stem, tuple(turns), tuple(questions))


def _asked(meeting: Any) -> Iterator[Question]:
    for topic in meeting["topic_list"]:
        yield _question(topic["topic"], _spans(topic["relevant_text_span"]))
    queries = (meeting["explainable_qmsum"] or {}).get("specific_query_list", [])
    for query in queries:
        yield _question(query["query"], _spans(query["relevant_text_span"]))
    for query in queries + (meeting["explainable_qmsum"] or {}).get("general_query_list", []):
        for sentence in query["explainable_answer"]:
            yield _question(
                sentence["answer_sentence"], {int(e["turn_index"]) for e in sentence["evidence"]}
            )


def _spans(spans: Sequence[Sequence[str]]) -> set[int]:
    return {turn for first, last in spans for turn in range(int(first), int(last) + 1)}


def ubuntu(folder: Path) -> Iterator[Conversation]:
    """Yield excerpts of a help channel with questions, each answered in one line."""
    for number, talk in enumerate(_json(folder / "MRC(withDiscourse)/test.json")["data"]["dialogues"]):
        lines = [said(edu["speaker"], edu["text"]) for edu in talk["edus"]]
        starts = [0, *accumulate(len(line) + 1 for line in lines)]
        questions = [
            _question(
                plain(q["question"]),
                {
                    i
                    for a in q["answers"]
                    for i, (s, e) in enumerate(pairwise(starts))
                    if s <= a["answer_start"] < e
                },
            )
            for q in talk["qas"]
            if not q["is_impossible"]
        ]
        yield Conversation("ubuntu", str(number), tuple(map(plain, lines)), tuple(questions))


def assistants(folder: Path) -> Iterator[Conversation]:
    """Yield talks with an assistant that calls services; asked is what an earlier turn gave the next call."""
    for path in sorted((folder / "dialogues").glob("*.json")):
        if share(path.stem) < STAR_SHARE:
            yield _assistant(path.stem, _json(path)["Events"])


def _assistant(name: str, events: Sequence[Any]) -> Conversation:
    turns: list[str] = []
    questions: list[Question] = []
    asked = 0
    for event in events:
        if event["Action"] == "query":
            values = [str(v).strip('"').lower() for pair in event["Constraints"] for v in pair.values()]
            found = {
                i
                for v in values
                if len(v) >= ALIKE
                for i, t in enumerate(turns[:asked])
                if v in t.lower()
            }
            if found:
                questions.append(_question(turns[asked].removeprefix("user: "), found))
            turns.append(f"{event['APIName']}({json.dumps(event['Constraints'])})")
        elif event["Action"] == "return_item":
            turns.append(json.dumps(event.get("Item", {})))
        elif event["Action"] in ("utter", "pick_suggestion"):
            user = event["Agent"] == "User"
            asked = len(turns) if user else asked
            turns.append(said("user" if user else "assistant", event["Text"]))
    return Conversation("assistants", name, tuple(turns), tuple(dict.fromkeys(questions)))


def manual(folder: Path) -> Iterator[Conversation]:
    """Yield pages of a manual in nine languages, a paragraph a turn; asked is a heading, the evidence its section."""
    for path in sorted((folder / "docs").glob("*/docs/**/*.md")):
        language, page = path.parts[len(folder.parts) + 1], path.stem
        if page not in ("release-notes", "fastapi-people", "external-links", "contributors"):
            yield _page(
                f"manual_{language}", "/".join(path.parts[-2:]), path.read_text(encoding="utf-8")
            )


MARKUP = re.compile(
    r"<[^>]+>|\{\s*#[\w-]+\s*\}|\[(?=[^\]]+\]\()|\]\([^)]+\)|\*\*|^///.*$|^\{\*.*\*\}$", re.MULTILINE
)
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SHORTEST = 20  # characters of a paragraph


def _page(source: str, name: str, text: str) -> Conversation:
    code = BLOCK.findall(text)
    stripped = MARKUP.sub("", BLOCK.sub("\n\nCODE\n\n", text))
    turns: list[str] = []
    sections: dict[str, list[int]] = {}
    heading = ""
    for paragraph in (p.strip() for p in re.split(r"\n\s*\n", stripped)):
        if paragraph.startswith("#"):
            heading = paragraph.lstrip("#").strip().split("\n")[0]
        elif paragraph == "CODE" or len(paragraph.encode()) >= SHORTEST:
            sections.setdefault(heading, []).append(len(turns))
            turns.append(code.pop(0) if paragraph == "CODE" and code else paragraph)
    questions = [
        Question(title, tuple(found), loose=True) for title, found in sections.items() if title
    ]
    return Conversation(source, name, tuple(turns), tuple(questions))


def _people(speakers: Sequence[str]) -> str:
    return " and ".join(name for name in speakers if name != "#NOTE#")


def _question(text: str, evidence: set[int]) -> Question:
    return Question(text, tuple(sorted(evidence)))


def _named(text: str) -> str:
    return ENTITY.sub(lambda found: NAMES[int(found[1]) % len(NAMES)], text)


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
