"""Whole topics and whole file contexts first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from foveate.policies.flow.fusion import best_first
from foveate.policies.flow.topics import Topics
from foveate.policies.selectors.filling import fill
from foveate.policies.types import History, Scores


@dataclass(frozen=True, slots=True)
class Structured:
    """Takes groups of segments by falling mean score, each as a whole where it fits; then single
    segments.

    A group is what names the same file, else a topic: structured pruning, as with blocks of weights.
    """

    share: float = 0.5  # of the room, for whole groups
    depth: float = 0.5  # of a topic's boundary, see topics

    def select(self, history: History, scores: Scores, room: int) -> frozenset[int]:
        """Return the chosen positions, `room` tokens at the most."""
        groups: dict[str, list[int]] = {}
        for i, label in enumerate(self.labels(history)):
            if not history.segments[i].pin:
                groups.setdefault(label, []).append(i)
        means = {label: float(np.mean(scores[members])) for label, members in groups.items()}
        taken: list[int] = []
        left = int(room * self.share)
        for label in sorted(groups, key=lambda label: (-means[label], -groups[label][-1])):
            size = sum(history.segments[i].tokens for i in groups[label])
            if size <= left:
                taken += groups[label]
                left -= size
        return fill(history.segments, best_first(scores), room, taken)

    def labels(self, history: History) -> list[str]:
        """Return the group of each segment: the file that most others name too, else its topic."""
        files = [[v for v in f.identifiers if "/" in v or "." in v[1:-1]] for f in history.features]
        named = Counter(v for found in files for v in found if any(c.isalpha() for c in v))
        topics = Topics(depth=self.depth).labels(history)
        labels = []
        for found, topic in zip(files, topics, strict=True):
            best = max(found, key=lambda v: (named[v], v), default="")
            labels.append(best if named[best] > 1 else f"topic {topic}")
        return labels
