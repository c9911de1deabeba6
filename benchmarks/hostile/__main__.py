"""python -m benchmarks.hostile: the worst loop hold and the peak memory over a list of hostile bodies."""

from __future__ import annotations

import argparse
import http.client
import http.server
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.hostile.bodies import ENCODINGS, WIRES, WORDS, Wire, bodies

EVERY = 0.005  # seconds between two looks at the page that says it is alive
COMMAND = "from foveate.proxy.cli import main; main()"


class Upstream(http.server.BaseHTTPRequestHandler):
    """Answers whatever it is asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        left = int(self.headers.get("content-length", 0))
        while left > 0:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        answer = b'{"choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}}]}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


class Watch(threading.Thread):
    """Asks whether the process is alive, over and over: the longest answer is how long its loop stood still.

    On a machine that has other work an answer waits for a core too: less what all threads here and there have
    waited meanwhile, it is what the loop was held by work of its own.
    """

    def __init__(self, port: int, pid: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.pids = (pid, os.getpid())
        self.worst = 0.0
        self.held = 0.0
        self.going = True

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        while self.going:
            waited, start = self.waited(), time.perf_counter()
            connection.request("GET", "/-/healthy")
            connection.getresponse().read()
            took = time.perf_counter() - start
            self.worst = max(self.worst, took)
            self.held = max(self.held, took - (self.waited() - waited))
            time.sleep(EVERY)
        connection.close()

    def waited(self) -> float:
        """Return the seconds that the threads have waited for a core."""
        found = 0
        for task in [task for pid in self.pids for task in Path(f"/proc/{pid}/task").iterdir()]:
            try:
                found += int((task / "schedstat").read_text().split()[1])
            except OSError:  # it has just ended
                continue
        return found / 1e9


def main() -> None:
    """Start a proxy for each body, and print what it costs; the port behind the given one is the upstream's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8790)
    parser.add_argument("--megabytes", type=float, default=3.0)
    parser.add_argument("--only", help="names of bodies, separated by commas")
    parser.add_argument("--wire", choices=WIRES, default="chat")
    parser.add_argument("--encoding", choices=ENCODINGS, help="how the bodies are compressed")
    given = parser.parse_args()
    wire = WIRES[given.wire]
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", given.port + 1), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    worst = most = peak = 0.0
    print(
        f"{'body':28} {'MB':>6} {'seconds':>8} {'late ms':>8} {'hold ms':>8} {'peak MiB':>9} {'x body':>7}  result"
    )
    only = (given.only or "").split(",")
    for name, content in bodies(given.megabytes, wire):
        if given.only and name not in only:
            continue
        took, late, hold, grown, result = tried(given.port, wire, content, given.encoding)
        worst, most, peak = max(worst, late), max(most, hold), max(peak, grown)
        size = len(content) / 1e6
        share = grown * 1.048576 / size
        row = (
            f"{name:28} {size:6.2f} {took:8.2f} {late * 1000:8.0f} {hold * 1000:8.0f} {grown:9.0f} {share:7.1f}  "
            f"{result}"
        )
        print(row, flush=True)
    print(
        f"\nlatest answer {worst * 1000:.0f} ms, worst loop hold {most * 1000:.0f} ms, "
        f"peak memory beside the start {peak:.0f} MiB"
    )


def tried(
    port: int, wire: Wire, content: bytes, encoding: str | None
) -> tuple[float, float, float, float, str]:
    """Return seconds, the latest answer and the longest hold in seconds, MiB beyond the start, and what became
    of a body.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = [
            "serve",
            "--port",
            str(port),
            "--upstream",
            f"http://127.0.0.1:{port + 1}/v1",
            "--data",
            folder,
        ]
        environment = {**os.environ, "FOVEATE_INDEX__TYPE": "in_memory"}
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *options], env=environment, stdout=subprocess.DEVNULL
        )
        try:
            ready(port)
            sent(port, wire, wire.long(WORDS * 1000), None)  # what a first cut loads is no body's doing
            start_memory = memory(process.pid, "VmRSS")
            Path(f"/proc/{process.pid}/clear_refs").write_text("5")  # the peak is counted from here
            watch = Watch(port, process.pid)
            watch.start()
            start = time.perf_counter()
            result = sent(port, wire, content, encoding)
            took = time.perf_counter() - start
            time.sleep(0.5)
            watch.going = False
            watch.join()
            return took, watch.worst, watch.held, memory(process.pid, "VmHWM") - start_memory, result
        finally:
            process.terminate()
            process.wait()


def ready(port: int) -> None:
    """Wait until the proxy and all that it loads is there."""
    for _ in range(600):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/-/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("the proxy did not become ready")


def sent(port: int, wire: Wire, content: bytes, encoding: str | None) -> str:
    """Return the status and the result of a request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    headers = {
        "Content-Type": "application/json",
        "Authorization": "Bearer k",
        "X-Pruning-Budget": "1000",
    }
    if encoding:
        content = ENCODINGS[encoding](content)
        headers["Content-Encoding"] = encoding
    connection.request("POST", wire.path, content, headers)
    answer = connection.getresponse()
    answer.read()
    return f"{answer.status} {answer.getheader('X-Pruning-Result')}"


def memory(pid: int, field: str) -> float:
    """Return MiB of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


if __name__ == "__main__":
    main()
