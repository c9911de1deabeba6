"""The training set holds nothing that the project is measured on, and its readers read what they should."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training import sources
from training.conversations import Conversation, Question, plain, read, write
from training.data import MARKS, held_out, mark, marks, worth

SHARED = Path(__file__).parents[3] / "shared"
MEASURED = [SHARED / name for name in ("eval", "eval_tools", "eval_lang")]


@pytest.mark.parametrize("folder", MEASURED, ids=lambda folder: folder.name)
def test_no_conversation_of_the_evaluation_data_is_in_the_training_set(folder: Path) -> None:
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    known = set(MARKS.read_text().split())
    met = {
        path.stem
        for path in (folder / "conversations").glob("*.json")
        for message in json.loads(path.read_text())["messages"]
        if isinstance(message.get("content"), str) and mark(message["content"]) in known
    }
    assert not met


def test_a_conversation_is_known_by_its_longest_turns_whoever_says_them() -> None:
    long = "I have moved to the house by the lake, with the blue door and two dogs"
    made = Conversation("chat", "1", ("Ann: Hi!", f"Ann: {long}.", "Bob: Oh."), ())
    assert marks([made]) == [mark(f"user: {long}")]


def test_short_turns_have_no_mark() -> None:
    assert mark("Bob: Yes, of course.") == ""


def test_a_series_episode_is_held_out_with_all_its_scenes() -> None:
    for episode in range(40):
        scenes = [Conversation(source, f"s01_e{episode:02}_c{n:02}", (), ())
                  for source in ("friendsqa", "plots") for n in range(3)]  # fmt: skip
        assert len({held_out(scene) for scene in scenes}) == 1


def test_a_page_of_the_manual_is_held_out_in_all_languages() -> None:
    for page in range(40):
        assert (
            len(
                {
                    held_out(Conversation(f"manual_{x}", f"{page}.md", (), ()))
                    for x in ("en", "de", "ja")
                }
            )
            == 1
        )


def test_transcripts_read_as_people_write() -> None:
    assert plain("{vocalsound} I do n't know , it 's fine .") == "I don't know, it's fine."


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made = [Conversation("chat", "1", ("a: b", "c"), (Question("d?", (0,), loose=True),))]
    write(tmp_path / "set.gz", made)
    first = (tmp_path / "set.gz").read_bytes()
    write(tmp_path / "set.gz", made)
    assert read(tmp_path / "set.gz") == made
    assert (tmp_path / "set.gz").read_bytes() == first


def test_a_question_that_all_turns_answer_teaches_nothing() -> None:
    talk = Conversation("chat", "1", ("a", "b", "c"), ())
    assert not worth(Question("all?", (0, 1, 2)), talk)
    assert worth(Question("one?", (1,)), talk)
    assert not worth(Question("none?", ()), talk)


def test_a_call_asks_for_the_turns_that_gave_its_values(tmp_path: Path) -> None:
    events = [
        {"Agent": "User", "Action": "utter", "Text": "I live in Springfield"},
        {"Agent": "Wizard", "Action": "pick_suggestion", "Text": "What do you need?"},
        {"Agent": "User", "Action": "utter", "Text": "A doctor, please"},
        {
            "Agent": "Wizard",
            "Action": "query",
            "APIName": "find",
            "Constraints": [{"City": '"Springfield"'}],
        },
        {"Agent": "KnowledgeBase", "Action": "return_item", "Item": {"Name": "Dr. Morgan"}},
    ]
    (tmp_path / "dialogues").mkdir()
    for name in map(str, range(20)):
        (tmp_path / "dialogues" / f"{name}.json").write_text(json.dumps({"Events": events}))
    made = list(sources.assistants(tmp_path))
    assert made
    assert made[0].questions == (Question("A doctor, please", (0,)),)
    assert made[0].turns[-1] == '{"Name": "Dr. Morgan"}'


def test_a_heading_asks_for_its_section(tmp_path: Path) -> None:
    page = tmp_path / "docs/de/docs/tutorial/body.md"
    page.parent.mkdir(parents=True)
    parts = [
        "# Anfang { #start }",
        "Ein Absatz, der lang genug ist.",
        "## Ende",
        "Noch ein Absatz, auch lang.",
    ]
    page.write_text("\n\n".join(parts))
    [made] = sources.manual(tmp_path)
    assert (made.source, made.id) == ("manual_de", "tutorial/body.md")
    assert [(q.text, q.evidence) for q in made.questions] == [("Anfang", (0,)), ("Ende", (1,))]
