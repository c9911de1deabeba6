"""What signals read of each segment's text, worked out once and kept in memory."""

from __future__ import annotations

from collections.abc import Sequence

from foveate.policies.features import extract
from foveate.policies.types import Features, Segment
from foveate.proxy.cache import Cache


class FeatureStore:
    """Works on each text once, as long as the cache has room. CPU only."""

    def __init__(self, cache: Cache) -> None:
        self._memory = cache.space("features")

    def features(self, tenant: str, segments: Sequence[Segment]) -> list[Features]:
        """Return each segment's features; tenants share none: how long it takes would tell."""
        found: list[Features | None] = self._memory.get_all(
            [(tenant, segment.id) for segment in segments]
        )
        return [
            known or self._extracted(tenant, segment)
            for known, segment in zip(found, segments, strict=True)
        ]

    def unread(self, tenant: str, segments: Sequence[Segment]) -> int:
        """Return the characters of the segments whose features are not in memory."""
        found = self._memory.get_all([(tenant, segment.id) for segment in segments])
        return sum(len(s.text) for s, known in zip(segments, found, strict=True) if known is None)

    def _extracted(self, tenant: str, segment: Segment) -> Features:
        found = extract(segment.text, segment.name)
        literal = len(found.written) + sum(70 + len(quote) for quote in found.quotes)
        size = 600 + 6 * found.terms.size + 4 * found.values.size + literal
        self._memory.put((tenant, segment.id), found, size=size)
        return found
