"""A stand-in for a Pinecone index: its documented REST API for vectors, with its limits, over a dictionary.

Pinecone API reference, 2025-10: "Upsert vectors", "Fetch vectors", "Query vectors", "Delete vectors",
"Get index stats"; "Database limits".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from support.loopback import serving

KEY = "pc-test"
DIMENSIONS = 64
Space = dict[str, dict[str, Any]]


class StandIn:
    """What the index holds, and how it answers."""

    def __init__(self) -> None:
        self.spaces: dict[str, Space] = {}
        self.asked: list[str] = []
        self.status = 0  # that everything is answered with; 0 for what is right

    def answer(self, path: str, query: Mapping[str, list[str]], body: Any) -> tuple[int, Any]:
        """Return the status and the body of an answer."""
        self.asked.append(path)
        if self.status:
            return self.status, {"code": 13, "message": "told to fail"}
        if path == "/describe_index_stats":
            sizes = {name: {"vectorCount": len(space)} for name, space in self.spaces.items() if space}
            total = sum(map(len, self.spaces.values()))
            return 200, {
                "namespaces": sizes, "dimension": DIMENSIONS, "indexFullness": 0, "totalVectorCount": total,
            }  # fmt: skip
        if path == "/vectors/fetch":
            space = self.spaces.get(query.get("namespace", [""])[0], {})
            ids = query["ids"]
            if len(ids) > 1000:
                return 400, {"code": 3, "message": "too many ids"}
            return 200, {"vectors": {i: space[i] for i in ids if i in space}}
        space = self.spaces.setdefault(body.get("namespace", ""), {})
        if path == "/vectors/upsert":
            return self._upsert(space, body["vectors"])
        if path == "/vectors/delete":
            for i in body["ids"]:
                space.pop(i, None)
            return 200, {}
        if path == "/query":
            return self._query(space, body)
        return 404, {"code": 5, "message": f"no {path}"}

    def _upsert(self, space: Space, vectors: list[dict[str, Any]]) -> tuple[int, Any]:
        if len(vectors) > 1000 or len(json.dumps(vectors)) > 2 * 2**20:
            return 400, {"code": 3, "message": "too much"}
        if any(len(v["values"]) != DIMENSIONS for v in vectors):
            return 400, {"code": 3, "message": "Vector dimension does not match"}
        for vector in vectors:
            about = {
                name: float(v) if isinstance(v, int) else v for name, v in vector["metadata"].items()
            }
            space[vector["id"]] = {**vector, "metadata": about}
        return 200, {"upsertedCount": len(vectors)}

    def _query(self, space: Space, body: dict[str, Any]) -> tuple[int, Any]:
        most = body["topK"]
        if most > 10_000 or (
            most > 1000 and (body.get("includeMetadata") or body.get("includeValues"))
        ):
            return 400, {"code": 3, "message": "topK is too large"}
        wanted = body.get("filter") or {}
        rows = [v for v in space.values() if agrees(v["metadata"], wanted)]
        asked = np.array(body["vector"])
        scored = [(float(np.array(v["values"]) @ asked), v) for v in rows]
        scored.sort(key=lambda pair: -pair[0])
        matches = [
            {"id": v["id"], "score": score}
            | ({"metadata": v["metadata"]} if body.get("includeMetadata") else {})
            for score, v in scored[:most]
        ]
        return 200, {"matches": matches, "namespace": body.get("namespace", "")}


def agrees(about: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Say whether metadata agree with a filter."""
    for name, rule in wanted.items():
        if name == "$and":
            if not all(agrees(about, each) for each in rule):
                return False
            continue
        value = about.get(name)
        rules = rule if isinstance(rule, dict) else {"$eq": rule}
        for operator, given in rules.items():
            right = {
                "$eq": lambda v, g: v == g, "$in": lambda v, g: v in g, "$gte": lambda v, g: v >= g,
                "$lte": lambda v, g: v <= g, "$lt": lambda v, g: v < g,
            }[operator]  # fmt: skip
            if value is None or not right(value, given):
                return False
    return True


@contextmanager
def pinecone_running(kept: StandIn, port: int = 0) -> Iterator[str]:
    """Serve the stand-in, and give its address."""

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"  # so that a server that ends takes its connections along

        def do_POST(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(size) or b"{}")
            url = urlsplit(self.path)
            known = self.headers.get("api-key") == KEY
            status, told = (
                kept.answer(url.path, parse_qs(url.query), body) if known else (401, {"message": "key"})
            )
            content = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST

        def log_message(self, *given: object) -> None:
            pass

    with serving(Answering, port) as url:
        yield url
