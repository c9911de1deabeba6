"""What users say between tool calls, as facts and standing instructions: `python -m benchmarks.retention.planted`.

Into each labelled conversation that works with tools goes a sentence of the user's and a word of thanks, after three
tenths of its turns. After a fact the latest turn becomes a question for it, after an instruction all stays as it was.
Printed is how often the sentence is left at each share of the history's tokens.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.retention.__main__ import DATA
from foveate.policies.policy import Policy
from foveate.proxy.config.policies import build_policy, named_policies
from foveate.proxy.config.schema import Settings
from foveate.proxy.evaluation.evaluate import BUDGETS, CaseReader, ReadCase, pruned
from foveate.proxy.evaluation.evidence import Case, Message, load_cases
from foveate.proxy.vectors.embedders.onnx import Onnx

PLACE = 0.3  # of the user's turns
THANKS = "Thank you for telling me, noted."
FACTS = (
    (
        "By the way, my daughter Emma starts at the music school in Graz on the second Monday of September.",
        "When does my daughter start at the music school?",
    ),
    (
        "I should mention that I am allergic to peanuts, so keep that in mind for any meal.",
        "What was I allergic to again?",
    ),
    (
        "My brother works as a carpenter in Oslo and he will pay half of this.",
        "What does my brother do for a living?",
    ),
    (
        "We decided yesterday to name the new kitten Biscuit, the kids are so happy.",
        "What did we name the kitten?",
    ),
    (
        "The reason I am in such a hurry is that our wedding got moved to June.",
        "To which month did our wedding get moved?",
    ),
    (
        "For what it's worth the hotel we loved last year was the one with the green balcony near the harbour.",
        "Which hotel did we love last year?",
    ),
    (
        "My neighbour told me that the blue paint dries faster than the white one.",
        "Which paint dries faster according to my neighbour?",
    ),
    (
        "Before we go on: our team meets every Thursday in the small room upstairs.",
        "Where does our team meet?",
    ),
    (
        "I broke my left wrist while skiing, that is why I type so slowly.",
        "How did I break my wrist?",
    ),
    (
        "My grandmother's recipe uses honey instead of sugar, that's the secret.",
        "What does my grandmother's recipe use instead of sugar?",
    ),
    (
        "Honestly I would rather travel by train, flying makes me nervous.",
        "Why would I rather travel by train?",
    ),
    (
        "Our old dog sleeps under the piano whenever it thunders.",
        "Where does our dog sleep when it thunders?",
    ),
)
RULES = (
    "From now on, please always answer in metric units.",
    "Never book anything before nine in the morning for me.",
    "Please always ask me before you spend any money.",
    "In future, keep your answers under three sentences.",
    "Remember: I prefer aisle seats, always.",
    "Please don't use abbreviations with me.",
    "Going forward, call me Doctor Weber.",
    "Only show prices in euros, please.",
)


def with_fact(case: Case, fact: str, question: str) -> Case | None:
    """Return the case with the fact told in it and the question at its end; None where there is no place."""
    told = list(case.messages[:-1])
    if told[-1]["role"] == "tool":
        told.append({"role": "assistant", "content": "Done. Anything else?"})
    if told[-1]["role"] != "assistant" or told[-1].get("tool_calls"):
        return None
    return planted(replace(case, messages=[*told, {"role": "user", "content": question}]), fact)


def planted(case: Case, said: str) -> Case | None:
    """Return the case with a sentence of the user's in it; None where there is no place."""
    told = case.messages
    spoken = [i for i, m in enumerate(told[:-1]) if m["role"] == "user" and i]
    turns = [i for i in spoken if told[i - 1]["role"] in ("assistant", "tool")]
    if not turns or not any(m["role"] == "tool" for m in told):
        return None
    at = turns[int(PLACE * len(turns))]
    aside: list[Message] = [{"role": "user", "content": said}, {"role": "assistant", "content": THANKS}]
    return replace(case, messages=[*told[:at], *aside, *told[at:]])


def stands(policy: Policy, reading: ReadCase, said: str, share: float) -> bool:
    """Say whether the sentence is left at that share of the history."""
    messages = pruned(policy, reading, reading.sizes.budget(share))
    return any(said in str(m.get("content")) for m in messages)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--policy", default="balanced")
    parser.add_argument("--limit", type=int, default=12, help="cases of a source")
    asked = parser.parse_args()
    policy = build_policy(asked.policy, named_policies(Settings())[asked.policy])
    left: dict[tuple[str, str], list[list[bool]]] = defaultdict(list)
    with CaseReader(Onnx()) as reader:
        for n, case in enumerate(load_cases(asked.data, limit=asked.limit)):
            fact, question = FACTS[n % len(FACTS)]
            rule = RULES[n % len(RULES)]
            made = {
                "facts": (with_fact(case, fact, question), fact),
                "rules": (planted(case, rule), rule),
            }
            for what, (changed, said) in made.items():
                if changed is not None:
                    reading = reader.read(changed)
                    left[what, case.source].append(
                        [stands(policy, reading, said, share) for share in BUDGETS]
                    )
    table = Table("what", "source", "cases", *[f"{share:.0%}" for share in BUDGETS])
    for (what, source), rows in sorted(left.items()):
        table.add_row(
            what, source, str(len(rows)), *[f"{100 * share:.0f}" for share in np.mean(rows, axis=0)]
        )
    Console().print(table)


if __name__ == "__main__":
    main()
