"""`foveate serve` in a process of its own, which a test can kill."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from foveate.proxy.cli import main; main()"]


class Serving:
    """A server with its settings and its data in `folder`."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        self._folder = folder
        self.said = ""  # all that it has written
        self.configure(settings)
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
        modules = os.pathsep.join([str(ROOT / ".package"), str(self._folder)])
        environment = {**os.environ, "PYTHONPATH": modules, "HOME": str(self._folder)}
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
        self._reading = threading.Thread(target=self._read, args=(output,), daemon=True)
        self._reading.start()  # a full pipe would hold it up

    def _read(self, output: IO[str]) -> None:
        for line in output:
            self.said += line

    def configure(self, settings: str) -> None:
        """Write its settings file."""
        (self._folder / "config.yaml").write_text(settings)

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process
        return self._process.pid

    def send(self, sig: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process
        self._process.send_signal(sig)

    def wait(self) -> int:
        """Wait until it has ended, and return its exit code."""
        assert self._process
        code = self._process.wait(30)
        self._reading.join(5)
        return code

    def kill(self) -> None:
        """End it without a chance to put anything away."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
