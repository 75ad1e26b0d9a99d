#!/usr/bin/env python3
"""An operator's five minutes: three real servers on loopback, clients that stream from them, `sniff --iface lo` beside
them, and then the operator's questions, each asked by one command and checked against the servers' own logs.

    sudo python3 tests/tools/operator.py path/to/sniff [SECONDS]      300 seconds unless told otherwise

Needs the right to capture, and nothing beside Python. Exits with 1 if an answer differs from the logs.
"""

import asyncio
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

PORTS = {18701: "fast", 18702: "slow", 18703: "turns"}  # what each server is like
METRICS = "127.0.0.1:19464"
WORKERS = 8
TOKENS = 40
RATE_LIMIT = {"error": {"message": "slow down", "type": "rate_limit_error", "code": "rate_limit"}}


class Server:
    """Streams chat completions, and writes down when it did what."""

    def __init__(self, port, turns_at):
        self.port, self.turns_at = port, turns_at
        self.log, self.dice, self.seen = [], random.Random(port), set()

    def delay(self):
        """Seconds to the first token."""
        slow = PORTS[self.port] == "slow" or (PORTS[self.port] == "turns" and time.time() >= self.turns_at)
        return self.dice.uniform(0.30, 0.36) if slow else self.dice.uniform(0.04, 0.08)

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:] if line)
                length = int(fields[b"content-length"])
                body = json.loads(await reader.readexactly(length))
                if not await self.answer(body, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, body, writer):
        """One answer; whether the connection stays open."""
        line = {"begun": time.time(), "did": "answered", "first": None}
        self.log.append(line)
        question = body["messages"][0]["content"]
        if self.port == 18703 and self.dice.random() < 0.08 and question not in self.seen:
            self.seen.add(question)
            line["did"] = "refused"
            text = json.dumps(RATE_LIMIT)
            kind = "Content-Type: application/json\r\nRetry-After: 1"
            head = f"HTTP/1.1 429 Too Many Requests\r\n{kind}\r\nContent-Length: {len(text)}\r\n\r\n"
            writer.write((head + text).encode())
            await writer.drain()
            return True
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(self.delay())
        cut = self.dice.randrange(5, TOKENS) if self.port == 18701 and self.dice.random() < 0.05 else None
        for n in range(TOKENS):
            if n == cut:
                line["did"] = "cut"
                return False
            if n == 0:
                line["first"] = time.time() - line["begun"]
            await self.event(writer, {"content": f" w{n}"}, None)
            await asyncio.sleep(0.004)
        await self.event(writer, {}, "stop")
        done = b"data: [DONE]\n\n"
        writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(done), done))
        await writer.drain()
        return True

    async def event(self, writer, delta, finish):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        data = b"data: " + json.dumps(chunk).encode() + b"\n\n"
        writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        await writer.drain()


async def ask(port, question):
    """One request on a connection of its own; returns its status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    message = {"model": "m", "stream": True, "messages": [{"role": "user", "content": question}]}
    text = json.dumps(message)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Connection: close\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
    received = b""
    while not received.endswith(b"0\r\n\r\n") and b"rate_limit_error" not in received:
        more = await reader.read(65536)
        if not more:
            break
        received += more
    writer.close()
    return int(received.split(b" ", 2)[1])


async def work(worker, until):
    dice, n = random.Random(worker), 0
    while time.time() < until:
        n += 1
        port, question = dice.choice(list(PORTS)), f"question {worker}-{n}"
        while await ask(port, question) == 429:
            await asyncio.sleep(1)
        await asyncio.sleep(dice.uniform(0.1, 0.3))


async def load(seconds, turns_at, scrape):
    servers = [Server(port, turns_at) for port in PORTS]
    listening = [await asyncio.start_server(s.serve, "127.0.0.1", s.port) for s in servers]
    until = time.time() + seconds
    await asyncio.gather(*(work(n, until) for n in range(WORKERS)))
    await asyncio.sleep(1.5)
    text = await asyncio.to_thread(scrape)
    for server in listening:
        server.close()
    return {s.port: s.log for s in servers}, text


class Questions:
    def __init__(self, sniff, db):
        self.sniff, self.db, self.wrong = sniff, db, 0

    def run(self, *args):
        done = subprocess.run([self.sniff, *args, "--db", self.db], capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    def json(self, *args):
        code, out, err = self.run(*args, "--format", "json")
        if code not in (0, 1):
            raise SystemExit(f"sniff {' '.join(args)}: exit {code}: {err}")
        return json.loads(out)

    def check(self, what, have, want, within=0.0):
        same = have == want or (within and have is not None and abs(have - want) <= within)
        self.wrong += not same
        print(f"{'ok   ' if same else 'WRONG'} {what}: {have}, by the logs {want}", flush=True)


def metric(text, name, **labels):
    """The sum of a metric's samples with these labels, in Prometheus' text format."""
    total, found = 0.0, False
    for line in text.splitlines():
        if line.startswith(name + "{") or line.startswith(name + " "):
            if all(f'{k}="{v}"' in line for k, v in labels.items()):
                total, found = total + float(line.rsplit(" ", 1)[1]), True
    return total if found else None


def main():
    sniff = os.path.abspath(sys.argv[1])
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 300.0
    folder = tempfile.mkdtemp(prefix="operator-")
    db, said = os.path.join(folder, "op.db"), open(os.path.join(folder, "said.txt"), "w+")
    has_metrics = "--metrics" in subprocess.run([sniff, "--help"], capture_output=True, text=True).stdout
    live = ["--metrics", METRICS, "--alert", "p50(ttft)>150ms over 20s"] if has_metrics else []
    command = [sniff, "--iface", "lo", "--db", db, "--port", ",".join(map(str, PORTS)), *live]
    recorder = subprocess.Popen(command, stdout=said, stderr=said)
    time.sleep(1.5)
    if recorder.poll() is not None:
        said.seek(0)
        raise SystemExit(said.read())
    follow = None
    if "--follow" in subprocess.run([sniff, "list", "--help"], capture_output=True, text=True).stdout:
        followed = open(os.path.join(folder, "followed.jsonl"), "w+")
        command = [sniff, "list", "--follow", "--format", "jsonl", "--db", db]
        follow = subprocess.Popen(command, stdout=followed)
    turns_at = time.time() + seconds / 2

    def scrape():
        return urllib.request.urlopen(f"http://{METRICS}/metrics", timeout=5).read().decode() if has_metrics else ""

    logs, scraped = asyncio.run(load(seconds, turns_at, scrape))
    recorder.send_signal(signal.SIGINT)
    exit_code = recorder.wait(20)
    if follow:
        time.sleep(1)
        follow.send_signal(signal.SIGINT)
        follow.wait(10)
    q = Questions(sniff, db)
    said.seek(0)
    lines = said.read()
    q.check("exit of the recording", exit_code, 0)

    everything = sum(len(log) for log in logs.values())
    q.check("exchanges", len(q.json("list")), everything)
    did = {port: [line["did"] for line in log] for port, log in logs.items()}
    first = {port: [line["first"] * 1e3 for line in log if line["first"]] for port, log in logs.items()}

    report = q.json("report", "latency", "--by", "server", "--every", "10s")
    streams = {g["server"]: g for g in report["groups"] if g["streamed"]}
    for port in PORTS:
        g = streams[f"127.0.0.1:{port}"]
        q.check(f"which server is slow: {port}, streams", g["ttft_ms"]["n"], len(first[port]))
        q.check(f"  TTFT p50 in ms", g["ttft_ms"]["p50"], statistics.median(first[port]), 5)
    for port, kind in PORTS.items():
        change = streams[f"127.0.0.1:{port}"]["change"]
        if kind == "turns":
            q.check("since when, in s after the turn", change and change["at_ns"] / 1e9 - turns_at, 0, 10.1)
        else:
            q.check(f"  {port} did not change", change, None)

    errors = {g["server"]: g for g in q.json("report", "errors", "--by", "server")["groups"]}
    for port in PORTS:
        g = errors.get(f"127.0.0.1:{port}", {})
        q.check(f"who cut: {port}, by the server", g.get("cuts", {}).get("server", 0), did[port].count("cut"))
        q.check(f"what was retried: {port}", g.get("sent_again") or 0, did[port].count("refused"))
        q.check(f"  came through", g.get("recovered") or 0, did[port].count("refused"))

    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(turns_at))
    turned = [f"host=127.0.0.1:18703 until={at}", f"host=127.0.0.1:18703 since={at}"]
    code, out, _ = q.run("report", "compare", *turned, "--fail-on-regression", "ttft.p50>50%", "--format", "json")
    verdicts = {m["metric"]: m["verdict"] for m in json.loads(out)["metrics"]}
    q.check("before and after: exit", code, 1)
    q.check("  TTFT", verdicts["ttft"], "slower")
    unchanged = [text.replace("18703", "18701") for text in turned]
    code, out, _ = q.run("report", "compare", *unchanged, "--fail-on-regression", "ttft.p50>50%", "--format", "json")
    q.check("  a server that did not change: exit", code, 0)

    if has_metrics:
        for port in PORTS:
            # By the conventions that figure is of answers that succeeded.
            counted = metric(scraped, "gen_ai_server_time_to_first_token_seconds_count", server_port=port)
            q.check(f"a scrape: {port}, whole streams", counted, did[port].count("answered"))
        q.check("an alert", "p50(ttft)>150ms over 20s" in lines, True)
    if follow:
        followed.seek(0)
        q.check("list --follow: lines", sum(1 for _ in followed), everything)
    print(f"{q.wrong} wrong; {folder}")
    sys.exit(q.wrong > 0)


if __name__ == "__main__":
    main()
