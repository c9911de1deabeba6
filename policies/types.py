"""The values that a pruning decision is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Kind = Literal["conversation", "code", "log", "document", "tool"]
Fate = Literal["kept", "dropped", "recalled"]
# Where a segment stands in the request: its first item, the block of that, and its piece or -1 for all
# of it.
Key = tuple[int, int, int]
# Pins that mark the end of a prefix for the provider's cache: Anthropic's, and OpenAI's from GPT-5.6
# on.
MARKS = ("cache_control", "prompt_cache_breakpoint")
INSTRUCTIONS = ("system", "developer")  # roles whose messages are never candidates
# The pin of what stands for all before it, which only a later summary makes needless
SUMMARY = "compaction"
Scores = NDArray[np.float64]  # one value a segment, shape (n,)
Vectors = NDArray[np.float32]  # unit vectors, shape (n, dimensions)
Terms = NDArray[np.uint32]  # ids of terms, ascending, each once
Counts = NDArray[np.uint16]
Places = NDArray[np.intp]  # positions in something
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A text that a tool has returned, of which a part can be shown."""

    key: Key  # the item and the block that it stands in, and which of the block's texts it is
    text: str
    tokens: int
    tool: str = ""  # name of the tool; empty where the request does not tell
    call: str = ""  # the name and arguments of the call that it answers


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands in a prompt in place of a tool's result."""

    # First and last of each run of pieces that is shown, ascending
    runs: tuple[tuple[int, int], ...] = ()
    saved: int = 0  # tokens that the prompt has less
    same: Key | None = None  # an equal result that it points to; None where it shows pieces of its own
    born: bool = False  # decided at its first appearance, not by a cut


@dataclass(frozen=True, slots=True)
class Segment:
    """The smallest thing that is kept or dropped.

    A message, a tool call with all its results, or one part of a message too long to be all or nothing.
    """

    id: str  # hash of the wire content: the same content has the same id in every request and process
    role: str  # of its first message
    kind: Kind
    text: str
    tokens: int  # what keeping it adds to the prompt, overheads included
    turn: int  # user turns before it, itself included: 0 ahead of the first one
    key: Key
    name: str = ""  # of the participant, where the message gives one
    pin: str = ""  # why it may never go; empty where it may
    thought: int = 0  # tokens of its reasoning, which can go alone
    # The provider has tied that reasoning to the very prompt that it was made under
    bound: bool = False
    # The longer texts among its tools' results, of which a part can be shown
    results: tuple[ToolResult, ...] = ()
    said: str = ""  # beside such results, what the agent itself says there, its calls included

    @property
    def words(self) -> str:
        """What is said by somebody, results left out."""
        return self.said if self.results else self.text


class Manner(IntFlag):
    """What a short message of the user can be beside a question or an answer."""

    NONE = 0
    INSTRUCTION = 1
    PREFERENCE = 2
    CORRECTION = 4


@dataclass(frozen=True, slots=True)
class Features:
    """What signals read of a text; computed once per segment."""

    terms: Terms  # of the stemmed words and the pieces of identifiers
    counts: Counts  # how often each stands there
    length: int  # terms, repeats counted
    values: Terms  # what stands for each of its identifiers, as for a term
    written: str  # the identifiers, one a line: a text for each takes ten times as much
    speaker: str = ""  # whose words they are, lower case, where the message says it
    quotes: tuple[str, ...] = ()  # what it quotes of other texts, lower case
    manner: Manner = Manner.NONE  # which kinds of directive its words may be

    @property
    def identifiers(self) -> list[str]:
        """Literal values, each once: paths, ids, numbers, dates, amounts, snake_case names."""
        return self.written.split("\n") if self.written else []


@dataclass(frozen=True, slots=True)
class History:
    """A conversation as the signals see it: segments oldest first, their features, and the query."""

    segments: Sequence[Segment]
    features: Sequence[Features]  # one a segment
    vectors: Vectors  # one row a segment, all 0 where there is none
    query_text: str  # the latest user turn
    query: Features  # of it
    query_vector: NDArray[np.float32]  # shape (dimensions,), all 0 where there is none
    age_hours: Scores  # since each segment was first seen, shape (n,), 0 where it is new
    recalls: Scores  # how often each segment was recalled before, shape (n,)
    # Cosine of each segment and the query, nan where it is not known; None where the vectors tell
    likeness: Scores | None = None
    varied: float = 0.0  # the least variety of vectors in a language that their embedder knows; 0: any
    _done: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def cosines(self) -> Scores:
        """Return the cosine of each segment and the query, nan where it has no vector, shape (n,)."""
        if self.likeness is not None:
            return self.likeness
        cosines = (self.vectors @ self.query_vector).astype(float)
        cosines[~self.vectors.any(axis=1)] = np.nan
        return cosines

    def once(self, work: Callable[[History], T]) -> T:
        """Return `work(self)`, worked out once for all signals and selectors that ask for it."""
        if work not in self._done:
            self._done[work] = work(self)
        done: T = self._done[work]
        return done


@dataclass(frozen=True, slots=True)
class Budget:
    """Watermarks in tokens of the whole prompt: over `high` it is cut, down to `low`."""

    high: int
    low: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The fate of one segment, and why. A recalled one is dropped from its place and quoted at the
    latest user turn.
    """

    segment: Segment
    fate: Fate
    reason: str
    score: float = 0.0
    shares: Mapping[str, float] | None = None  # what each signal added to the score


class Extract(NamedTuple):
    """Pieces of a result that are quoted elsewhere."""

    result: Key
    runs: tuple[tuple[int, int], ...]  # first and last of each run of them
    tokens: int  # that quoting them takes, beside the frame


@dataclass(frozen=True, slots=True)
class PruneState:
    """What earlier requests of a conversation decided: it holds while that history grows."""

    dropped: frozenset[Key] = frozenset()
    # Segments quoted ahead of a user turn's own words, by the position of that user's item. A turn that
    # was judged is listed even where it needed nothing, so that it is judged once.
    recalled: Mapping[int, tuple[Key, ...]] = field(default_factory=dict)

    bare: frozenset[Key] = frozenset()  # segments whose reasoning was taken out
    # Results that are not whole, by their own keys
    shown: Mapping[Key, Shown] = field(default_factory=dict)
    # What of results is quoted, by the position of the item that it is quoted at: the newest result or
    # user turn of its time
    extracts: Mapping[int, tuple[Extract, ...]] = field(default_factory=dict)

    @property
    def changes(self) -> bool:
        """Whether a prompt differs from the request that it is made of."""
        return bool(self.dropped or self.bare or self.shown)

    def saved(self, segments: Iterable[Segment]) -> int:
        """Return the tokens that results of those segments take less than whole."""
        if not self.shown:
            return 0
        return sum(
            [self.shown[r.key].saved for s in segments for r in s.results if r.key in self.shown]
        )

    @property
    def quoted(self) -> frozenset[Key]:
        """Segments that stand in the prompt as excerpts."""
        return frozenset(key for keys in self.recalled.values() for key in keys)

    @property
    def extracted(self) -> list[Extract]:
        """Pieces of results that stand in the prompt as excerpts."""
        return [extract for found in self.extracts.values() for extract in found]


@dataclass(frozen=True, slots=True)
class Selection:
    """What becomes of every segment, and the state that the next request starts from.

    Everything follows from the state; verdicts are spelled out where somebody reads them.
    """

    segments: Sequence[Segment]  # in a cut with the reason set on each that was pinned
    state: PruneState
    cut: bool  # False where earlier decisions still serve
    scores: Scores | None = None  # shape (n,); None where nothing had to be scored
    shares: Mapping[str, Scores] = field(default_factory=dict)  # what each signal added to them
    # Dropped for a score below the policy's threshold, though there was room
    below: frozenset[Key] = frozenset()
    why: Any = None  # what led to it (policies.reasons), where somebody asks

    @property
    def kept(self) -> Sequence[int]:
        """Positions of the kept segments, ascending."""
        dropped = self.state.dropped
        if not dropped:
            return range(len(self.segments))
        return [i for i, segment in enumerate(self.segments) if segment.key not in dropped]

    @property
    def recalled(self) -> Sequence[int]:
        """Positions of the quoted segments, ascending."""
        quoted = self.state.quoted
        return [i for i, segment in enumerate(self.segments) if segment.key in quoted] if quoted else ()

    @property
    def fates(self) -> list[Fate]:
        """The fate of each segment."""
        fates: list[Fate] = ["dropped"] * len(self.segments)
        for i in self.kept:
            fates[i] = "kept"
        for i in self.recalled:
            fates[i] = "recalled"
        return fates

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdict on each segment."""
        scores = self.scores if self.scores is not None else np.zeros(len(self.segments))
        return tuple(
            Verdict(
                segment, fate, reason(fate, segment.pin, self.cut, segment.key in self.below), float(scores[i]),
                {name: float(share[i]) for name, share in self.shares.items()},
            )
            for i, (segment, fate) in enumerate(zip(self.segments, self.fates, strict=True))
        )  # fmt: skip


def reason(fate: Fate, pin: str, cut: bool, below: bool) -> str:
    """Return why a segment met that fate.

    `pin` is its own, `cut` says whether it was decided afresh, `below` whether its score was below the
    threshold.
    """
    if fate == "recalled":
        return "quoted for a later turn that needs it"
    if fate == "dropped":
        found = "below the threshold" if below else "no room"
        return found if cut else "dropped by an earlier cut"
    if not cut:
        return "kept since the last cut"
    return f"pinned: {pin}" if pin else "fits the budget"
