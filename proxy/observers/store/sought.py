"""Which outcomes somebody looks for."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

WORDS = ("result", "model", "api", "policy", "caller", "conversation")
# Asked of each row that is left, so that looking for news reads no older text.
HOLDS = "EXISTS (SELECT 1 FROM texts WHERE texts.id = outcomes.id AND holds(texts.texts, ?))"
MOST = 5000  # rows an answer has at the most


class Sought(BaseModel):
    """What outcomes have to be like; what says nothing lets all by."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    result: str = ""
    model: str = ""
    api: str = ""
    policy: str = ""
    caller: str = ""
    conversation: str = ""
    status: str = Field(default="", pattern=r"^(\d{3}|[1-5]xx|failed|)$")
    after: float = 0  # seconds since the epoch
    before: float = 0
    text: str = ""  # stands in what is kept of the messages, whatever its case
    since: int = 0  # a serial: only what came later
    older: int = 0  # a serial: only what came earlier
    limit: int = Field(default=500, ge=1, le=MOST)

    def where(self) -> tuple[str, list[Any]]:
        """Return the condition in SQL, and its parameters."""
        said: list[tuple[str, tuple[Any, ...]]] = []
        for word in WORDS:
            value = getattr(self, word)
            if value:
                said.append((f"{word} = ?", (value,)))
        said += self._times() + self._statuses()
        if self.text:
            said.append((HOLDS, (self.text.casefold(),)))
        condition = " AND ".join(words for words, _ in said) or "1"
        return condition, [value for _, values in said for value in values]

    def _times(self) -> list[tuple[str, tuple[Any, ...]]]:
        bounds = (
            ("created >= ?", self.after),
            ("created < ?", self.before),
            ("serial > ?", self.since),
            ("serial < ?", self.older),
        )
        return [(words, (value,)) for words, value in bounds if value]

    def _statuses(self) -> list[tuple[str, tuple[Any, ...]]]:
        if self.status == "failed":
            return [("(status >= 400 OR result = 'failed')", ())]
        if self.status.endswith("xx"):
            least = int(self.status[0]) * 100
            return [("status >= ? AND status < ?", (least, least + 100))]
        return [("status = ?", (int(self.status),))] if self.status else []
