"""Counts the tokens of a prompt as the provider does, without asking it."""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import tiktoken
from tiktoken.model import encoding_name_for_model
from tiktoken_ext.openai_public import ENCODING_CONSTRUCTORS

# Stated estimates for what is not text: an image at high detail of 1024 x 1024 (OpenAI's vision guide:
# 85 + 4 x 170), one at low detail, half a minute of audio at 20 tokens a second, and a file of three
# pages.
IMAGE, IMAGE_LOW, AUDIO, FILE = 765, 85, 600, 1500
FALLBACK = "o200k_base"
SLICE = 32 * 1024  # characters that are counted at a time
MUCH = 4096  # characters, from where on a list of tokens takes longer to make than an array
KNOWN = 16384  # lines whose tokens are remembered,
LINE = 320  # of so many characters at most
# Line ends across which no token of the vocabularies in `LINEWISE` reaches, by their expressions: blank
# lines join the end of the line before, and so does a slash behind punctuation.
_APART = re.compile(r"\n(?=[^\s/]|[ \t]+[^\s])")
LINEWISE = ("o200k_base", "o200k_harmony", "cl100k_base")
# tiktoken's own names of the vocabularies in `data`: sha1 of their addresses.
_BUNDLED = {
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
    "o200k_harmony": "fb374d419588a4632f3f557e76b4b70aebbca790",
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
    "p50k_base": "ec7223a39ce59f226a68acc30dc1af2788490e15",
}


@lru_cache(maxsize=1024)
def own_encoding(model: str) -> str | None:
    """Return the name of the model's own encoding, None where there is none here."""
    try:
        name = encoding_name_for_model(model.rsplit("/", 1)[-1])
    except KeyError:
        return None
    return name if name in _BUNDLED else None


def encoding_name(model: str) -> str:
    """Return the name of the encoding to count with; that of the newest models where the model is not
    OpenAI's.
    """
    return own_encoding(model) or FALLBACK


def is_exact(model: str) -> bool:
    """Say whether tiktoken has the model's own encoding, so that counts are more than estimates."""
    return own_encoding(model) is not None


@lru_cache(maxsize=8)
def load_encoding(name: str) -> tiktoken.Encoding:
    """Return an encoding from its vocabulary here, never a download; FileNotFoundError without it."""
    folder = Path(str(files("foveate.proxy.formats").joinpath("data")))
    if not (folder / _BUNDLED[name]).is_file():
        raise FileNotFoundError(f"the vocabulary of {name} is missing; reinstall foveate")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    spec = ENCODING_CONSTRUCTORS[name]()
    encoding = tiktoken.Encoding(**spec)
    spec["mergeable_ranks"].clear()  # read once, to build the coder: 28 MiB for o200k
    return encoding


class TokenCounter:
    """Counts for one encoding. Whatever it cannot read counts as its JSON text."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._encoding = load_encoding(name)
        self._line = lru_cache(maxsize=KNOWN)(self._counted)

    def text(self, text: str) -> int:
        """Return the tokens of plain text; special tokens written in it count as text.

        A long one is counted in slices, which is off by a token at each cut: the tokenizer's
        expressions give up on runs of some hundred thousand blanks.
        """
        if len(text) <= SLICE:
            return self._counted(text)
        return sum([self._counted(text[start : start + SLICE]) for start in range(0, len(text), SLICE)])

    def lines(self, text: str) -> int:
        """Return what `text` returns; lines are counted once, for texts that are made of known ones."""
        if len(text) > SLICE or self.name not in LINEWISE:
            return self.text(text)
        *lines, last = _APART.split(text)
        return sum(map(self._one, [f"{line}\n" for line in lines])) + self._one(last)

    def _one(self, line: str) -> int:
        return self._line(line) if len(line) <= LINE else self._counted(line)

    def _counted(self, text: str) -> int:
        try:
            return self._read(text)
        except UnicodeEncodeError:  # a lone surrogate, which JSON can carry
            return self._read(text.encode("utf-8", "replace").decode())

    def _read(self, text: str) -> int:
        if len(text) < MUCH:
            return len(self._encoding.encode_ordinary(text))
        return int(self._encoding.encode_to_numpy(text, disallowed_special=()).size)

    def json(self, value: Any) -> int:
        """Return the tokens of a value written as JSON, the way chat templates render it."""
        return self.text(json.dumps(value, ensure_ascii=False))

    def compact(self, value: Any) -> int:
        """Return the tokens of a value written as JSON without blanks."""
        return self.text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
