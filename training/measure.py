"""How well cosine alone finds the evidence of conversations that were held out of the training."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from training.batches import Batch
from training.loss import TEMPERATURE, neighbourly
from training.model import Encoder

BUDGETS = (0.10, 0.25)
FRAME = 4  # tokens of a message beside its text


@torch.no_grad()
def measure(encoder: Encoder, batches: Iterable[Batch]) -> dict[str, float]:
    """Return the mean share of the evidence kept, in %, by source: of turns alone, and with their neighbours."""
    rows: dict[str, list[float]] = {}
    for batch in batches:
        sizes = torch.tensor([len(p) + FRAME for p in encoder.cut(batch.turns)], device=encoder.device)
        vectors = encoder.embed([*batch.turns, *(q.text for q in batch.questions)])
        turns, asked = vectors[: len(batch.turns)], vectors[len(batch.turns) :]
        logits = asked @ turns.T / TEMPERATURE
        for kind, scores in (("alone", logits), ("around", neighbourly(logits))):
            for question, found in zip(batch.questions, kept(scores, sizes), strict=True):
                right = torch.tensor(question.evidence, device=encoder.device)
                wide = " wide" if batch.source == "meetings" and len(question.evidence) > 12 else ""
                rows.setdefault(f"{batch.source}{wide} {kind}", []).append(
                    found[:, right].float().mean().item()
                )
    return {name: round(100 * sum(found) / len(found), 2) for name, found in sorted(rows.items())}


def kept(scores: Tensor, sizes: Tensor) -> Tensor:
    """Return which turns fit the budgets, best first; shape (questions, budgets, turns)."""
    order = scores.argsort(dim=1, descending=True)
    used = sizes[order].cumsum(1)
    rooms = torch.tensor([share * sizes.sum().item() for share in BUDGETS], device=scores.device)
    fits = used[:, None, :] <= rooms[None, :, None]
    return torch.zeros_like(fits).scatter(2, order[:, None, :].expand_as(fits), fits)


def mark(found: dict[str, float]) -> float:
    """Return what training stops and chooses by: the mean of chat and meetings."""
    sources = ("friendsqa", "meetings", "meetings wide")
    names = [f"{source} {kind}" for source in sources for kind in ("alone", "around")]
    values = [found[name] for name in names if name in found]
    return sum(values) / max(1, len(values))
