"""What looking inside results takes: `python -m benchmarks.results.timing`, in milliseconds of this thread's CPU.

The pieces of outputs of about 20,000 tokens, cold: divided and read. And a warm cut, with a new question each time, of
400 kB: of a chat, and of an agent's tool calls with their results; loop recall over the same history.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.results.examples import EXAMPLES
from benchmarks.speed.bodies import NONCE, history
from foveate.policies.results.instead import read_divided
from foveate.policies.results.pieces.tokens import forget_tokens
from foveate.policies.types import Budget
from foveate.proxy import services
from foveate.proxy.config.schema import Settings
from foveate.proxy.formats.chat import Chat
from foveate.proxy.formats.tokens import FALLBACK, TokenCounter
from foveate.proxy.http.overrides import Overrides
from foveate.proxy.pruning.request import Request

TOKENS = 20_000
ROUNDS = 7
WIRE = Chat()


def taken(work: Callable[[], object]) -> float:
    """Return the milliseconds of CPU that `work` takes in this thread."""
    start = time.thread_time()
    work()
    return 1e3 * (time.thread_time() - start)


def sized(text: str, counter: TokenCounter) -> str:
    """Return a text of about 20,000 tokens: repeated, or cut off at a line, a list in JSON at an item."""
    if text.startswith("{"):
        (name, items), *rest = json.loads(text).items()
        many = len(items) * TOKENS // max(TOKENS, counter.text(text))
        return json.dumps({name: items[:many], **dict(rest)})
    text = text * max(1, -(-TOKENS // max(1, counter.text(text))))
    end = len(text) * TOKENS // max(TOKENS, counter.text(text))
    return text[: text.rfind("\n", 0, end) + 1 or end]


def agent(calls: int, size: int) -> bytes:
    """Return an agent's history of so many calls, each with a result of `size` characters."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Tidy the build up."}]
    for n in range(calls):
        function = {"name": "run", "arguments": json.dumps({"command": f"make part_{n}"})}
        made = {"id": f"c{n}", "type": "function", "function": function}
        lines = (
            f"[{i}] part_{n * 1000 + i} of src/mod_{i % 9}/unit_{n}.py is built\n" for i in range(9999)
        )
        told = "".join(line for line, _ in zip(lines, range(size // 48), strict=False))
        messages.append({"role": "assistant", "content": None, "tool_calls": [made]})
        messages.append({"role": "tool", "tool_call_id": f"c{n}", "content": told})
    messages.append({"role": "user", "content": f"Which part failed, {NONCE.decode()}?"})
    return json.dumps({"model": "gpt-4o-mini", "messages": messages}).encode()


async def cuts(body: bytes) -> list[float]:
    """Return what cuts of one history take, a new question each, once everything in it is known."""
    settings = Settings(
        index={"type": "in_memory"}, state={"type": "in_memory"}, embedder={"deadline": 60}
    )
    built = services.build(settings)
    built.start()
    found = []
    try:
        for n in range(ROUNDS):
            asked = body.replace(NONCE, b"%012d" % n)
            request = Request(WIRE, asked, Overrides(budget=Budget(30_000, 15_000), sticky=False), "t")
            start = time.process_time()
            decision = await built.pruner.decide(request)
            found.append(1e3 * (time.process_time() - start))
            assert decision.outcome.result == "cut"
    finally:
        await built.aclose()
    return found[2:]


def main() -> None:
    """Measure and print."""
    counter = TokenCounter(FALLBACK)
    print("pieces of about 20,000 tokens, cold, ms")
    for example in EXAMPLES:
        text = sized(example.make(), counter)
        times = []
        for _ in range(ROUNDS):
            forget_tokens()
            times.append(taken(lambda text=text: read_divided(text)))  # type: ignore[misc]
        kind = read_divided(text).pieces.kind
        print(f"  {example.name:26} {kind:8} {statistics.median(times):6.1f}", flush=True)
    chat = statistics.median(asyncio.run(cuts(history(200, 1980, "large"))))
    tools = statistics.median(asyncio.run(cuts(agent(60, 6600))))
    print(f"a warm cut of 400 kB, ms: chat {chat:.1f}, results {tools:.1f}, {tools / chat:.1f} times")


if __name__ == "__main__":
    main()
