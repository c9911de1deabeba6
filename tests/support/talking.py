"""A caller whose conversation goes on: each answer is taken as it came, reasoning included."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from support.client import Answer, chat
from support.conversations import TOPICS, body, call, result
from support.thinking import Messages


@dataclass
class Talk:
    """A conversation of one caller."""

    key: str = "sk-one"
    budget: str = "900/400"
    messages: Messages = field(
        default_factory=lambda: [{"role": "system", "content": "You are patient."}]
    )
    results: list[str | None] = field(default_factory=list)  # of pruning, one a request
    mark: str = ""  # a cache mark on the latest user message

    def say(self, url: str, text: str, **more: Any) -> Answer:
        """Say something and take the answer."""
        self.messages.append({"role": "user", "content": text})
        return self.ask(url, **more)

    def ask(self, url: str, **more: Any) -> Answer:
        """Send the conversation as it stands, and take the answer where there is one."""
        sent = self.messages
        if self.mark:
            part = {"type": "text", "text": sent[-1]["content"], self.mark: {"type": "ephemeral"}}
            sent = [*sent[:-1], {**sent[-1], "content": [part]}]
        answer = chat(url, body(sent, **more), key=self.key, budget=self.budget)
        self.results.append(answer.result)
        if answer.status == 200:
            self.messages.append(answer.json["choices"][0]["message"])
        return answer

    def note(self, url: str, n: int) -> Answer:
        """Say one of many things."""
        return self.say(url, f"Note {n}: {TOPICS[n % len(TOPICS)]}. What do you think of that?")

    def look_up(self, url: str, key: str) -> Answer:
        """Turn the latest answer into a tool call, and send its result."""
        said = self.messages.pop()
        made = {**call(key), **{name: said[name] for name in said if name == "thinking_blocks"}}
        self.messages += [made, result(key, f"{key} says that the night train is on time. " * 3)]
        return self.ask(url)
