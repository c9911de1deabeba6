"""Takes out of an environment what came with foveate's packages and foveate never imports, and compiles what it does:
run it with that environment's Python, after each `pip install --no-compile`. What somebody else requires stays, and
what somebody asked for by name.
"""

from __future__ import annotations

import importlib.metadata as metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

# chromadb asks for the first, to find the nodes of a cluster that it is the server of; the next came along with it.
# huggingface-hub asks for the last, to download faster; it does without, and foveate downloads nothing.
UNUSED = (
    "kubernetes",
    "aiohttp-retry",
    "durationpy",
    "requests-oauthlib",
    "oauthlib",
    "websocket-client",
    "hf-xet",
)
ASKING = {"chromadb", "huggingface-hub", *UNUSED}
SERVING = ("foveate.proxy.cli", "foveate.proxy.running.worker", "foveate.proxy.vectors.indexes.owner", "tokenizers",
           "onnxruntime", "chromadb", "redis.asyncio")  # fmt: skip
# By distribution: folders of files that no module is in. litellm's are the web pages of its own proxy.
FILES = {"litellm": ("litellm/proxy/_experimental/out",)}


def plain(name: str) -> str:
    """Return a distribution's name as it is compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required_by(name: str) -> set[str]:
    """Return which installed distributions require one, extras aside."""
    found = set()
    for each in metadata.distributions():
        for wanted in each.requires or []:
            if "extra ==" not in wanted and plain(re.split(r"[^\w.-]", wanted, maxsplit=1)[0]) == name:
                found.add(plain(each.metadata["Name"]))
    return found


def unused() -> list[str]:
    """Return the installed ones that nobody but those who ask in vain requires, and nobody asked for by name."""
    along = {
        plain(each.metadata["Name"])
        for each in metadata.distributions()
        if each.read_text("REQUESTED") is None  # pip writes it for what its command named
    }
    return [name for name in UNUSED if name in along and required_by(name) <= ASKING]


def compiled() -> None:
    """Import what serves, so that its bytecode is there; what is not installed is let by."""
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    for name in SERVING:
        if importlib.util.find_spec(name.partition(".")[0]):
            subprocess.run([sys.executable, "-P", "-c", f"import {name}"], env=environment, check=False)


def main() -> None:
    """Take it out, and say what."""
    names = unused()
    if names:
        subprocess.run(
            [sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", *names], check=True
        )
    for name, folders in FILES.items():
        try:
            here = Path(str(metadata.distribution(name).locate_file("")))
        except metadata.PackageNotFoundError:
            continue
        for folder in folders:
            if (here / folder).is_dir():
                shutil.rmtree(here / folder)
                names.append(folder)
    compiled()
    print(f"taken out: {', '.join(names)}" if names else "nothing to take out")


if __name__ == "__main__":
    main()
