"""Several workers of a server in a process of its own: their settings, and which they are."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from support.upstream import Upstream

WORKERS = 2


def settings(upstream: Upstream, more: str = "") -> str:
    return (
        f"upstream: {{url: '{upstream.url}/v1'}}\nwindow: {{models: {{gpt-4o: 128000}}}}\n"
        f"server: {{workers: {WORKERS}, drain: 5}}\nembedder: {{deadline: 30}}\nrecent: {{keep_text: true}}\n{more}"
    )


def pids(folder: Path) -> set[int]:
    """The workers that serve, by what they write of themselves."""
    found = {
        int(each.name.rpartition("-")[2]) for each in (folder / "data/run").glob("metrics-*-*[0-9]")
    }
    return {pid for pid in found if lives(pid)}


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def children(pid: int, word: str) -> list[int]:
    """The processes that a process has begun, by a word of their command."""
    told = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    return [int(line.split()[0]) for line in told.splitlines() if word in line]
