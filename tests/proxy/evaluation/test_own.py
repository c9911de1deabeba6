"""One's own conversations: as cases, measured, and fitted to."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from foveate.proxy.cli import main
from foveate.proxy.config import schema as config
from foveate.proxy.config.policies import build_policies
from foveate.proxy.errors import ConfigError
from foveate.proxy.evaluation import evaluate, fitting, own
from foveate.proxy.evaluation.evidence import Case
from support.conversations import body
from support.messages import assistant, result, use, user
from support.messages import request as messages
from support.parts import WordEmbedder
from support.server import serve_with, settings_for
from support.upstream import Upstream

Message = dict[str, Any]


def talk(turns: int = 14, name: str = "a") -> list[Message]:
    """Return a talk in which each answer comes back to a number that was given some turns before."""
    said: list[Message] = []
    for n in range(turns):
        said.append(
            {
                "role": "user",
                "content": f"The order {name}-{1000 + n} is of topic{n} and weighs much. Tell of topic{max(0, n - 4)}.",
            }
        )
        earlier = f" That was order {name}-{1000 + n - 4}." if n >= 4 else ""
        said.append({"role": "assistant", "content": f"Noted, with thanks.{earlier}"})
    return said


def test_the_evidence_of_a_turn_is_where_the_values_stand_that_its_answer_names() -> None:
    cases = own.cases_of("c", talk())
    assert 1 <= len(cases) <= own.STEPS
    for case in cases:
        turn = (len(case.messages) - 1) // 2
        assert case.messages[-1]["role"] == "user"
        assert frozenset({2 * (turn - 4)}) in case.groups


def test_what_the_question_says_itself_is_no_evidence() -> None:
    history: list[Message] = [{"role": "user", "content": "Order a-1001 is late."}]
    question = {"role": "user", "content": "What of a-1001 and b-2002?"}
    answer = {"role": "assistant", "content": "a-1001 is on its way."}
    assert own.evidence(history, question, answer) == {}


def test_requests_of_every_api_are_read(tmp_path: Path) -> None:
    agent = messages(
        [
            user("Find order 7731-x."),
            assistant(use("t1", order="7731-x")),
            user(result("t1", "at depot-19")),
            assistant("It is there."),
        ]
    )
    responses = {"model": "m", "input": [{"role": m["role"], "content": m["content"]} for m in talk()]}
    path = tmp_path / "requests.jsonl"
    rows = [body(talk()), {"request": responses}, agent, talk()]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    cases = own.own_cases(path)
    assert {case.conversation for case in cases} == {"requests-1", "requests-2", "requests-4"}
    read = own.messages_of(json.dumps(agent).encode(), list(own.load_formats().values()))
    assert read is not None
    assert [m["role"] for m in read] == ["user", "assistant", "tool", "assistant"]
    assert read[1]["tool_calls"][0]["id"] == read[2]["tool_call_id"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{}\n{", "line 2 is not JSON"),
        ('{"prompt": "hi"}', "none of the APIs"),
        (json.dumps(body(talk(2))), "longer ones are needed"),
    ],
)
def test_a_file_that_is_none_is_said(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text(content)
    with pytest.raises(ConfigError, match=told):
        own.own_cases(path)
    with pytest.raises(ConfigError, match="keeps no requests"):
        own.kept_cases(tmp_path)


def test_what_a_server_keeps_is_measured(
    upstream: Upstream,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from foveate.proxy.vectors.indexes.in_memory import InMemory
    from support.client import chat

    recent = {"keep_text": True, "on_disk": True}
    with serve_with(
        settings_for(upstream.url, data=tmp_path, recent=recent), WordEmbedder(), InMemory()
    ) as live:
        for n in range(2):
            chat(live.url, body(talk(14 + n)), key="sk-own")
    cases = own.kept_cases(tmp_path)
    assert len({case.conversation for case in cases}) == 1
    monkeypatch.setattr(evaluate, "build_embedder", lambda *given: WordEmbedder())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(f"data: {tmp_path}\n")
    monkeypatch.setattr(sys, "argv", ["foveate", "eval", "--kept", "--budget", "0.5", "--no-baselines"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert "balanced" in capsys.readouterr().out


def test_a_fit_raises_what_it_is_fitted_on_and_writes_a_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "build_embedder", lambda *given: WordEmbedder())
    cases = [case for n in range(3) for case in own.cases_of(f"c{n}", talk(12, f"n{n}"))]
    told = Console(record=True, width=120, quiet=False, file=(tmp_path / "said").open("w"))
    odd = config.PolicySettings(preset="balanced", signals={"keyword": {"weight": 0.0}})
    settings = config.Settings(policies={"odd": odd})
    output = tmp_path / "fitted.yaml"
    fitting.run_fit(settings, cases, fitting.Fit("odd", (0.3,), output), told)
    said = told.export_text()
    rows = {line.split()[0]: line for line in said.splitlines() if line.startswith(("odd", "fitted"))}
    before, after = (float(rows[name].split()[1]) for name in ("odd", "fitted"))
    assert after >= before
    assert "not seen" in said
    written = yaml.safe_load(output.read_text())
    assert "fitted" in build_policies(config.Settings(**written))


def test_a_fit_starts_from_a_policy_that_is_there() -> None:
    with pytest.raises(ConfigError, match='policy "best"'):
        fitting.run_fit(
            config.Settings(), [Case("s", "c", [], ())], fitting.Fit("best", (0.5,)), Console()
        )


def test_a_value_that_a_shortened_result_still_has_is_kept() -> None:
    from foveate.proxy.evaluation.evidence import Ruler, judge_case

    lines = "\n".join(f"line {n} of order-{n}" for n in range(50))
    history: list[Message] = [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "c", "function": {"name": "look"}}]},
        {"role": "tool", "tool_call_id": "c", "content": lines},
    ]
    case = Case("own", "c", history, (frozenset({2}),), ("order-7",))
    ruler = Ruler()
    for part, left in (("line 7 of order-7", 1.0), ("line 8 of order-8", 0.0)):
        sent = [*history[:2], {**history[2], "content": part}]
        judged = judge_case("p", case, ruler.sizes(case), 0.5, sent, ruler.size)
        assert (judged.recall, judged.invalid) == (left, False)
