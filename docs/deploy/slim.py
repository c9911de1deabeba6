"""Takes out of an environment what came with foveate's packages and foveate never imports: run it with that
environment's Python, after each install. What somebody else in the environment requires stays.
"""

from __future__ import annotations

import importlib.metadata as metadata
import re
import shutil
import subprocess
import sys
from pathlib import Path

# chromadb asks for the first, to find the nodes of a cluster that it is the server of; the rest came along with it.
UNUSED = (
    "kubernetes",
    "aiohttp-retry",
    "durationpy",
    "requests-oauthlib",
    "oauthlib",
    "websocket-client",
)
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
    """Return the installed ones that nobody but chromadb, and each other, requires."""
    installed = {plain(each.metadata["Name"]) for each in metadata.distributions()}
    return [name for name in UNUSED if name in installed and required_by(name) <= {"chromadb", *UNUSED}]


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
    print(f"taken out: {', '.join(names)}" if names else "nothing to take out")


if __name__ == "__main__":
    main()
