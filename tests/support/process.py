"""`foveate serve` in a process of its own, which a test can kill."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from foveate.proxy.cli import main; main()"]


class Serving:
    """A server with its settings and its data in `folder`."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        self._folder = folder
        (folder / "config.yaml").write_text(settings)
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def __enter__(self) -> Serving:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it on a free port, and wait until it listens."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT / ".package"), "HOME": str(self._folder)}
        self._process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", "--data", str(self._folder / "data")],
            cwd=self._folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        output = self._process.stdout
        assert output
        line = next(line for line in output if line.startswith("foveate listens on"))
        found = re.search(r"http://[\d.]+:\d+", line)
        assert found, line
        self.url = found[0]
        threading.Thread(target=output.read, daemon=True).start()  # a full pipe would hold it up

    def kill(self) -> None:
        """End it without a chance to put anything away."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
