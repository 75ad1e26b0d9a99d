"""A server whose streams are right or wrong, by the path."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest_plugins = ["pytester"]

WORDS = ["At", " noon", "."]


def events() -> list[bytes]:
    """A chat stream as OpenAI sends it."""

    def chunk(delta: dict[str, str], finish: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        body = {
            "id": "chatcmpl-152e4edf8b024db393e7",
            "object": "chat.completion.chunk",
            "created": 1764124490,
            "model": "m",
            "choices": [choice],
        }
        return b"data: " + json.dumps(body).encode() + b"\n\n"

    first = chunk({"role": "assistant", "content": ""}, None)
    return [
        first,
        *(chunk({"content": w}, None) for w in WORDS),
        chunk({}, "stop"),
        b"data: [DONE]\n\n",
    ]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        wrong = self.path.startswith("/wrong/")
        self.send_response(200)
        kind = "application/x-ndjson" if wrong else "text/event-stream; charset=utf-8"
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events():
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """The server's URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()
