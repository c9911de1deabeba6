"""What is learned: the right turns above the wrong ones, and as little else as possible."""

from __future__ import annotations

import torch
from torch import Tensor

TEMPERATURE = 0.05
REACH = 4  # turns on either side that an answer lends weight to
FADE = 2.0  # turns over which it fades by a factor e


def contrast(scores: Tensor, right: Tensor, loose: Tensor, spread: float) -> Tensor:
    """Return the mean loss of the questions.

    `scores` are cosines, shape (questions, turns); `right` says which turns answer, the same shape; `loose` which
    questions are answered by their turns as a whole, shape (questions,). Half is InfoNCE (Oord et al. 2018) over the
    sum of the right turns, half sets each right turn against all wrong ones; a loose question has the first alone.
    `spread` is the share of the first half in which a turn stands for its neighbours too, as in the policy's graph.
    """
    logits = scores / TEMPERATURE
    wrong = logits.masked_fill(right, -torch.inf).logsumexp(1, keepdim=True)
    whole = logits.logsumexp(1) - logits.masked_fill(~right, -torch.inf).logsumexp(1)
    if spread:
        near = neighbourly(logits)
        around = torch.log(near.sum(1)) - torch.log((near * right).sum(1))
        whole = (1 - spread) * whole + spread * around
    each = (torch.logaddexp(logits, wrong) - logits).masked_fill(~right, 0.0).sum(1) / right.sum(1)
    return torch.where(loose, whole, 0.5 * whole + 0.5 * each).mean()


def neighbourly(logits: Tensor) -> Tensor:
    """Return the turns' shares, each spread over its neighbours; shape as given."""
    shares = torch.softmax(logits, dim=1)
    # A product with a band, since cuDNN plans a convolution anew for every number of turns
    at = torch.arange(shares.shape[1], device=logits.device)
    far = (at[:, None] - at).abs()
    band = torch.exp(-far / FADE) * (far <= REACH)
    steps = torch.arange(-REACH, REACH + 1, device=logits.device)
    return shares @ band / torch.exp(-steps.abs() / FADE).sum()


def distance(vectors: Tensor, taught: Tensor) -> Tensor:
    """Return the mean cosine distance to what the untrained model says of the same texts."""
    return (1 - (vectors * taught).sum(1)).mean()
