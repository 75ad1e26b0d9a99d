"""A real Prometheus and a collector by OpenTelemetry's protobuf, beside 200 streams through `sniff proxy`: nothing may be lost, and both
must count what the clients counted.

    target/venv/monitoring/bin/python tests/tools/monitoring.py [PATH OF SNIFF]

Needs `prometheus` and `promtool` (Debian's package prometheus; its service may be off), and what `sh tests/setup.sh test` installs.
Not part of the tests: CI has no Prometheus.
"""

import asyncio
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
SNIFF = str(pathlib.Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else str(ROOT / "target/debug/sniff")
STREAMS, DELTAS, PAUSE = 200, 100, 0.05


async def serve(reader, writer):
    """One answer for each request: DELTAS chunks, a usage, the end."""
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            return
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        model = json.loads(await reader.readexactly(length))["model"]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")

        def event(data):
            data = f"data: {data}\n\n".encode()
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))

        base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": model}
        for n in range(DELTAS):
            await asyncio.sleep(PAUSE)
            choice = {"index": 0, "delta": {"content": f"w{n} "}, "finish_reason": None if n + 1 < DELTAS else "stop"}
            event(json.dumps(base | {"choices": [choice]}))
            await writer.drain()
        event(json.dumps(base | {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": DELTAS, "total_tokens": DELTAS + 1}}))
        event("[DONE]")
        writer.write(b"0\r\n\r\n")
        await writer.drain()


async def ask(port, n):
    """One stream; returns its deltas."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"model": f"m-{n % 4}", "stream": True}).encode()
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: model.example\r\nContent-Type: application/json\r\n"
                 b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    answer = await reader.readuntil(b"0\r\n\r\n")
    writer.close()
    return answer.count(b'"content"')


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def query(port, expression):
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    result = json.load(urllib.request.urlopen(url))["data"]["result"]
    return float(result[0]["value"][1]) if result else None


def equal(what, have, want):
    print(f"{'ok  ' if have == want else 'DIFFERENT'} {what}: {have} of {want}")
    return have == want


async def main(folder):
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    upstream = server.sockets[0].getsockname()[1]
    listen, metrics, prometheus = free_port(), free_port(), free_port()
    running = []

    def start(*command, **how):
        running.append(subprocess.Popen([str(c) for c in command], cwd=folder, **how))
        return running[-1]

    try:
        messages = folder / "messages"
        collector = start(sys.executable, ROOT / "tests/support/otlp_receiver.py", stdout=messages.open("w"))
        while "\n" not in messages.read_text():
            await asyncio.sleep(0.1)
        endpoint = f"http://127.0.0.1:{messages.read_text().strip()}"
        env = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_METRIC_EXPORT_INTERVAL": "1000"}
        sniff = start(SNIFF, "proxy", "--listen", f"127.0.0.1:{listen}", "--upstream", f"http://127.0.0.1:{upstream}", "--metrics",
                      f"127.0.0.1:{metrics}", "--alert", "p99(itl)>1ms over 1m", "--format", "jsonl", "-o", "lines.jsonl", env=env, stderr=(folder / "said").open("w"))
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
            f"scrape_configs: [{{job_name: sniff, static_configs: [{{targets: ['127.0.0.1:{metrics}']}}]}}]\n")
        start("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data",
              f"--web.listen-address=127.0.0.1:{prometheus}", stderr=subprocess.DEVNULL)
        for port in (listen, metrics, prometheus):
            for _ in range(300):
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    await asyncio.sleep(0.1)
        deltas = sum(await asyncio.gather(*(ask(listen, n) for n in range(STREAMS))))
        # The recording may be behind on a busy machine; Prometheus asks once a second.
        for _ in range(60):
            if query(prometheus, "sum(sniff_exchanges_total)") == STREAMS:
                break
            await asyncio.sleep(1)
        await asyncio.sleep(2)
        text = urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics").read()
        told = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
        print(told.stderr.decode() or told.stdout.decode() or "promtool: no complaint", end="\n")
        good = [
            equal("deltas at the clients", deltas, STREAMS * DELTAS),
            equal("exchanges in Prometheus", query(prometheus, "sum(sniff_exchanges_total)"), STREAMS),
            equal("complete ones", query(prometheus, 'sum(sniff_exchanges_total{sniff_verdict="complete"})'), STREAMS),
            equal("TTFTs", query(prometheus, "sum(gen_ai_server_time_to_first_token_seconds_count)"), STREAMS),
            equal("gaps", query(prometheus, "sum(sniff_delta_gap_seconds_count)"), STREAMS * (DELTAS - 1)),
            equal("output tokens", query(prometheus, "sum(gen_ai_client_token_usage_tokens_sum)"), STREAMS * DELTAS),
            equal("models", query(prometheus, "count(count by (gen_ai_request_model) (gen_ai_server_request_duration_seconds_count))"), 4),
            equal("bytes not recorded", query(prometheus, "sum(sniff_proxy_not_recorded_bytes_total) or vector(0)"), 0),
            equal("in flight", query(prometheus, "sniff_exchanges_in_flight"), 0),
            equal("alerts", query(prometheus, "sum(sniff_alert_firing)"), 1),
            equal("failed scrapes", query(prometheus, "count_over_time(up[1m]) - sum_over_time(up[1m])"), 0),
        ]
        print(f"series: {len([line for line in text.splitlines() if not line.startswith(b'#')])}, {len(text)} bytes")
        sniff.send_signal(signal.SIGINT)
        begun = time.monotonic()
        good.append(equal("exit code of sniff", sniff.wait(timeout=30), 0))
        print(f"it ended within {time.monotonic() - begun:.1f} s")
        print("".join(line for line in (folder / "said").open() if line.startswith("sniff:")), end="")
        collector.terminate()
        collector.wait()
        last = json.loads(messages.read_text().splitlines()[-1])["points"]
        total = lambda name, field: sum(p[field] for p in last if p["name"] == name)
        good += [
            equal("exchanges at the collector", total("sniff.exchanges", "value"), STREAMS),
            equal("TTFTs there", total("gen_ai.server.time_to_first_token", "count"), STREAMS),
            equal("gaps there", total("sniff.delta.gap", "count"), STREAMS * (DELTAS - 1)),
        ]
        listed = json.loads(subprocess.check_output([SNIFF, "list", "--format", "json"], cwd=folder))
        good.append(equal("exchanges in the database", len(listed), STREAMS))
        ttfts = sum(x["timing"]["ttft_ms"] for x in listed) / 1000
        good.append(equal("their TTFTs in s", round(total("gen_ai.server.time_to_first_token", "sum"), 5), round(ttfts, 5)))
        good.append(equal("lines", len((folder / "lines.jsonl").read_text().splitlines()), STREAMS))
        return all(good)
    finally:
        for process in running:
            process.kill()
        server.close()


with tempfile.TemporaryDirectory() as place:
    sys.exit(0 if asyncio.run(main(pathlib.Path(place))) else 1)
