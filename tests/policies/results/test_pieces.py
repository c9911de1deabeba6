"""Pieces tile what they came from, and what is shown is valid in its own kind."""

import json
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from foveate.policies.results.competing import shown
from foveate.policies.results.pieces.dividing import pieces_of
from foveate.policies.results.pieces.piece import MOST, division
from foveate.policies.results.pieces.render import opened, render

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12), st.text("ab \n\"\\é😀", min_size=3, max_size=12).map(lambda t: t * 90),
)  # fmt: skip
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=9), st.dictionaries(st.text(max_size=8), inner, max_size=6)
    ),
    max_leaves=20,
)
DOCUMENTS = st.one_of(
    st.lists(TREES, max_size=6), st.dictionaries(st.text(max_size=8), TREES, max_size=6)
)
LINES = st.lists(
    st.one_of(
        st.text(max_size=60),
        st.sampled_from(
            [
                "def f(x):",
                "    return 1",
                "@@ -1,2 +1,3 @@",
                "diff --git a/x b/x",
                "./src:",
                "a,b,c",
                "",
            ]
        ),
        st.text("ab ", min_size=3, max_size=9).map(lambda t: t * 90),
    ),
    max_size=60,
).map("\n".join)
SHARES = st.lists(st.integers(0, 10_000), max_size=30)


def picked(n: int, places: list[int]) -> set[int]:
    return {p % n for p in places} if n else set()


@given(LINES)
def test_all_pieces_of_any_text_are_the_text_itself(text):
    pieces = pieces_of(text)
    assert render(pieces, range(len(pieces))) == text
    assert "".join(pieces.text_of(i) for i in range(len(pieces))) == text or pieces.kind == "json"


@given(DOCUMENTS, st.sampled_from([None, 2]), st.booleans())
def test_all_pieces_of_a_document_are_its_own_bytes(document, indent, ascii_only):
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    pieces = pieces_of(text)
    assert pieces.kind == "json"
    assert render(pieces, range(len(pieces))) == text


@settings(max_examples=300)
@given(DOCUMENTS, st.sampled_from([None, 2]), st.booleans(), SHARES)
def test_a_shortened_document_is_still_json_and_its_values_are_the_callers(
    document, indent, ascii_only, places
):
    pieces = pieces_of(json.dumps(document, indent=indent, ensure_ascii=ascii_only))
    assume(len(pieces) > 1)
    short = json.loads(render(pieces, shown(pieces, picked(len(pieces), places), 0.25)))
    assert type(short) is type(document)
    assert agrees(short, document)


def agrees(short, whole) -> bool:
    """Whether every value that is no mark stands in the whole, where it stood."""
    if isinstance(short, str) and "[... " in short:
        return True
    if isinstance(short, dict):
        return all(k == "[...]" or (k in whole and agrees(v, whole[k])) for k, v in short.items())
    if isinstance(short, list):
        at = 0
        for item in short:
            if isinstance(item, str) and item.startswith("[... item"):
                last = re.search(r"items? (?:[\d,]+-)?([\d,]+)", item)[1]
                at = int(last.replace(",", ""))
            elif isinstance(item, str) and item.startswith("[... ") and "characters" in item:
                return len(short) == 1  # none of it is shown
            elif at == len(whole) or not agrees(item, whole[at]):
                return False
            else:
                at += 1
        return at == len(whole)
    return short == whole


@given(LINES, SHARES)
def test_kept_lines_are_verbatim_and_marks_add_up_to_the_rest(text, places):
    pieces = pieces_of(text)
    keep = shown(pieces, picked(len(pieces), places), 0.25)
    whole = [i for i in range(len(pieces)) if pieces.all[i].form == "lines"]
    if pieces.kind == "json" or pieces.numbered or len(whole) < len(pieces):
        return
    out = render(pieces, keep)
    for i in keep:
        assert pieces.text_of(i) in out
    left = 0
    for low, high in (
        re.findall(r"\[\.\.\. lines? (\d+)(?:-(\d+))?", out) if "[... line" not in text else []
    ):
        left += int(high or low) - int(low) + 1
    assert left + sum(pieces.all[i].extent for i in keep) == sum(p.extent for p in pieces.all)


@given(LINES, SHARES)
def test_a_piece_stays_only_with_what_leads_to_it(text, places):
    pieces = pieces_of(text)
    keep = opened(pieces, picked(len(pieces), places))
    assert all(pieces.all[i].parent in keep for i in keep if pieces.all[i].parent >= 0)


@given(LINES, SHARES)
def test_the_same_choice_gives_the_same_bytes(text, places):
    first, second = pieces_of(text), pieces_of(text)
    chosen = picked(len(first), places)
    assert render(first, chosen) == render(second, sorted(chosen, reverse=True))


@given(st.text('a \\u0d8n"', max_size=2000), st.integers(8, 60))
def test_long_strings_are_never_divided_inside_an_escape(text, grain):
    escaped = json.dumps(text + "😀😀é" * 20)[1:-1]
    start = 0
    for end in division(escaped, 0, len(escaped), grain):
        json.loads(f'"{escaped[start:end]}"').encode()
        start = end
    assert start == len(escaped)


def test_line_numbers_of_a_numbered_file_are_used_in_marks():
    text = "".join(f"{n:6}\tvalue_{n} = {n}\n" for n in range(301, 401))
    out = render(pieces_of(text), [0, 99])
    assert "[... lines 302-399 left out; ask for a narrower range to read them ...]" in out


def test_a_mark_says_how_many_lines_of_how_many_are_out():
    text = "".join(f"entry {'abcdefgh'[n % 8]} of the file\n" for n in range(1204))
    out = render(pieces_of(text), [*range(40), *range(980, 1204)])
    assert "[... lines 41-980 of 1,204 left out; ask for a narrower range to read them ...]\n" in out


def test_repeats_of_a_log_line_are_said_to_be_like_it():
    text = "starting\n" + "".join(f"worker {n} is ready\n" for n in range(50)) + "done\n"
    out = render(pieces_of(text), [0, 1, 51])
    assert "lines 3-51 of 52 left out, like the line above" in out


def test_a_long_array_says_how_many_of_how_many():
    orders = [{"id": n, "note": "x" * 300} for n in range(500)]
    pieces = pieces_of(json.dumps(orders))
    first = next(i for i, p in enumerate(pieces.all) if p.parent == 0)
    out = json.loads(render(pieces, [first + 1]))
    assert out[0]["id"] == 0
    assert out[1].startswith("[... items 2-500")


def test_the_header_of_a_table_stays_with_any_row():
    text = "name,city,age\n" + "".join(f"p{n},Bonn,{n}\n" for n in range(100))
    assert render(pieces_of(text), [50]).startswith("name,city,age\n")


def test_a_line_of_code_brings_the_function_that_it_stands_in():
    text = "class A:\n" + "".join(
        f"    def f{n}(self):\n        x = {n}\n        return x\n\n" for n in range(40)
    )
    pieces = pieces_of(text)
    assert pieces.kind == "code"
    line = next(i for i in range(len(pieces)) if "x = 7" in pieces.text_of(i))
    out = render(pieces, [line])
    assert "class A:" in out
    assert "def f7" in out
    assert "def f8" not in out


def test_hunks_stay_whole_under_the_name_of_their_file():
    hunk = "@@ -{0},2 +{0},2 @@ def f():\n context\n-old {0}\n+new {0}\n"
    text = "".join(
        f"diff --git a/m{f}.py b/m{f}.py\n--- a/m{f}.py\n+++ b/m{f}.py\n"
        + "".join(hunk.format(n) for n in (1, 50, 90))
        for f in range(5)
    )
    pieces = pieces_of(text)
    assert pieces.kind == "diff"
    out = render(pieces, [next(i for i in range(len(pieces)) if "new 50" in pieces.text_of(i))])
    assert out.startswith("diff --git a/m0.py b/m0.py\n--- a/m0.py\n+++ b/m0.py\n")
    assert "-old 50\n+new 50\n" in out


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000, "{" * 100_000, '{"a":' * 50_000, '"' * 100_000, "\\" * 200_000, "a" * 200_000, "\n" * 200_000,
        " " * 200_000, "[" + '"' + "\\u4f60" * 40_000 + '"]', "a." * 100_000, "1," * 100_000, "<div>" * 40_000,
        "Error" * 40_000, "[" + "1,\n" * 60_000, "[" + "1," * 60_000 + "1]", '["' + "\\\\" * 100_000 + '"]',
        "\x00\x01\ud800" * 20_000, "\r\n" * 100_000, "def f(" * 40_000, "  " * 99_999 + "x\n" * 3,
    ],
)  # fmt: skip
def test_text_made_to_be_slow_has_few_pieces_and_loses_nothing(text):
    pieces = pieces_of(text)
    assert len(pieces) <= 4 * MOST
    assert render(pieces, range(len(pieces))) == text
    render(pieces, [0])


def heads(text: str) -> dict[str, str]:
    """The line that each line stands under."""
    pieces = pieces_of(text)
    return {
        pieces.text_of(i).strip(): pieces.text_of(p.parent).strip()
        for i, p in enumerate(pieces.all)
        if p.parent >= 0
    }


def test_headings_stand_under_those_that_rank_higher() -> None:
    text = "# A\n\nin a\n\n### C\n\nin c\n\n## B\nin b\nmore b\n\n# D\n\nin d\nmore d\n"
    assert heads(text) == {
        "in a": "# A", "### C": "# A", "in c": "### C", "## B": "# A", "in b": "## B", "more b": "## B",
        "in d": "# D", "more d": "# D",
    }  # fmt: skip


def test_a_comment_in_code_or_settings_is_no_heading() -> None:
    code = "# A\n\n```\nrun it\n\n# not one\nrun\n```\nso\n\n# B\n\nin b\n"
    assert heads(code)["run"] == "# A"
    settings = "[core]\n\n# a comment\nport = 1\nhost = a\n[more]\n\n# and another\nuser = b\nkey = c\n"
    assert heads(settings)["port = 1"] == "[core]"
    assert heads(settings)["user = b"] == "[more]"


def test_where_most_lines_look_like_headings_none_is() -> None:
    assert heads("# one\n\n# two\n\n# three\n\n# four\n\nfive\n") == {}
    assert heads("one\n\n# a single one\n\nthree\nfour\nfive\nsix\n") == {}
