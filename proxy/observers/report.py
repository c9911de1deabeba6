"""The response headers that tell what was done."""

from __future__ import annotations

from foveate.proxy.http.headers import Headers
from foveate.proxy.pruning.outcome import Outcome


def report(outcome: Outcome, waited: float) -> Headers:
    """Return the response headers that tell what was done; the upstream took `waited` milliseconds to
    begin.
    """
    stages = "".join([f"{stage};dur={ms:.1f}, " for stage, ms in outcome.milliseconds.items()])
    late = f'vectors;desc="{outcome.late} late", ' if outcome.late else ""
    rows = [
        (b"x-pruning-result", outcome.result.encode()),
        (b"x-pruning-policy", outcome.policy.encode()),
        (b"x-pruning-id", outcome.id.encode()),
        (b"server-timing", f"{stages}{late}upstream;dur={waited:.1f}".encode()),
    ]
    if outcome.narrowed and outcome.window is not None:
        rows.append((b"x-pruning-window", f"{outcome.window.tokens}; learned from a refusal".encode()))
    if outcome.tokens_before is not None:
        segments = f"total={outcome.segments} kept={outcome.kept} dropped={outcome.dropped} recalled={outcome.recalled}"
        rows += [
            (b"x-pruning-tokens-before", b"%d" % outcome.tokens_before),
            (b"x-pruning-tokens-after", b"%d" % (outcome.tokens_after or 0)),
            (b"x-pruning-prefix", b"%d" % (outcome.tokens_prefix or 0)),
            (b"x-pruning-segments", segments.encode()),
        ]
    if outcome.tokens_born or outcome.tokens_cut:
        rows.append(
            (b"x-pruning-shortened", b"birth=%d cut=%d" % (outcome.tokens_born, outcome.tokens_cut))
        )
    if outcome.remembered:
        told = f"quoted={outcome.remembered} tokens={outcome.tokens_remembered}"
        rows.append((b"x-pruning-memory", told.encode()))
    return rows
