"""A chat completion of a few words with pauses, over HTTP/2 in TLS and over HTTP/1 in clear, by hypercorn.

Usage: h2_server.py TLS_PORT CLEAR_PORT CA_FILE (written; what clients should trust)
"""
import asyncio
import json
import sys
import tempfile

import trustme
from hypercorn.asyncio import serve
from hypercorn.config import Config

WORDS = ["The", " quick", " brown", " fox", " jumps", "."]


def event(delta, finish=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "chatcmpl-h2x7Lw9", "object": "chat.completion.chunk", "created": 1767225600, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream; charset=utf-8")]})
    await asyncio.sleep(0.1)
    for body in [event({"role": "assistant", "content": ""})] + [event({"content": w}) for w in WORDS] + [event({}, "stop"), b"data: [DONE]\n\n"]:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await asyncio.sleep(0.03)
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    tls, clear, ca_file = sys.argv[1:]
    ca = trustme.CA()
    ca.cert_pem.write_to_path(ca_file)
    own = ca.issue_cert("localhost")
    with tempfile.TemporaryDirectory() as folder:
        own.private_key_pem.write_to_path(f"{folder}/key.pem")
        for n, pem in enumerate(own.cert_chain_pems):
            pem.write_to_path(f"{folder}/cert.pem", append=n > 0)
        config = Config()
        config.bind, config.insecure_bind = [f"127.0.0.1:{tls}"], [f"127.0.0.1:{clear}"]
        config.certfile, config.keyfile = f"{folder}/cert.pem", f"{folder}/key.pem"
        config.alpn_protocols = ["h2", "http/1.1"]
        asyncio.run(serve(app, config))
