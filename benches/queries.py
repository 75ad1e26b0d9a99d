"""Queries over a large database, and reading beside other programs: processor time, medians of paired runs.

    python3 benches/queries.py [--sniff PATH] [--exchanges 100000] [--runs 9] [--flat]

It writes a capture of small streams, records it, and asks what people ask: lists, reports, one exchange, what client
models make of it (the first time and the second, with the program sqlite3). Each round runs every command once, so
that what else the machine does meets all of them. Beside them stand `check`, tcpdump and, where it is installed, tshark
on the same capture.

--flat reads streams of 10^5 records in all and of 10^6, and prints the processor time for each record: it should be the
same."""

import argparse
import json
import pathlib
import resource
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent
ASK = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}'

ASKED = b"\r\n".join(
    (b"POST /v1/chat/completions HTTP/1.1", b"Host: h%d:8000", b"Content-Type: application/json", b"Content-Length: %d")
) + b"\r\n\r\n"
ANSWERED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def packet(out, at, ports, seq, ack, flags, payload):
    """One TCP segment on Ethernet and IPv4 between 10.0.0.1 and 10.0.0.2. Checksums are 0: they are not verified."""
    to_server, client, server = ports
    source, target = (client, server) if to_server else (server, client)
    ends = b"\x0a\x00\x00\x01\x0a\x00\x00\x02" if to_server else b"\x0a\x00\x00\x02\x0a\x00\x00\x01"
    tcp = struct.pack(">HHIIBBHHH", source, target, seq, ack, 0x50, flags, 65535, 0, 0) + payload
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + ends
    frame = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\x00" + ip + tcp
    out.write(struct.pack("<IIII", at // 10**9, at % 10**9, len(frame), len(frame)) + frame)


def chunk(text):
    return b"%x\r\n%s\r\n" % (len(text), text)


def event(n, text, finish):
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    body = {"id": f"chatcmpl-{n:08x}", "object": "chat.completion.chunk", "created": 1764124490, "model": "m"}
    body["choices"] = [choice]
    return f"data: {json.dumps(body, separators=(',', ':'))}\n\n".encode()


def capture(path, exchanges, events):
    """Chats, one after the other, each on its connection: a millisecond between two events."""
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        at = 1_795_390_276 * 10**9
        for n in range(exchanges):
            ports = 1024 + n % 60000, 8000
            client, server = 1000, 5000

            def send(to_server, payload, flags=0x18):
                nonlocal client, server, at
                at += 1_000_000
                seq, ack = (client, server) if to_server else (server, client)
                packet(out, at, (to_server, *ports), seq, ack, flags, payload)
                moved = len(payload) + (1 if flags & 3 else 0)
                client, server = (client + moved, server) if to_server else (client, server + moved)

            send(True, b"", 0x02)
            send(False, b"", 0x12)
            send(True, ASKED % (n % 7, len(ASK)) + ASK)
            send(False, ANSWERED)
            for i in range(events):
                send(False, chunk(event(n, f" word{i % 97}", None)))
            send(False, chunk(event(n, "", "stop")) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
            send(False, b"", 0x11)
            send(True, b"", 0x11)


def spent(command, folder):
    """Processor seconds of a command, and its peak memory in MiB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while True:
        try:
            process.wait(0.02)
            break
        except subprocess.TimeoutExpired:
            try:
                status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
                peak = max([peak, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))])
            except OSError:
                pass
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode not in (0, 1):
        raise RuntimeError(f"{command}: {process.returncode}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak / 1024


def medians(commands, runs, folder):
    """Each command once a round. A command may have another that prepares it, which is not measured."""
    times, peaks = {name: [] for name in commands}, dict.fromkeys(commands, 0)
    for n in range(runs):
        for name, (prepare, command) in commands.items():
            if prepare:
                prepare()
            seconds, peak = spent(command, folder)
            times[name].append(seconds)
            peaks[name] = max(peaks[name], peak)
        print(f"round {n + 1} of {runs}", end="\r", file=sys.stderr)
    return {name: (statistics.median(all_), peaks[name]) for name, all_ in times.items()}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--sniff", type=pathlib.Path, default=TOP / "target/release/sniff")
    arguments.add_argument("--exchanges", type=int, default=100_000)
    arguments.add_argument("--runs", type=int, default=9)
    arguments.add_argument("--flat", action="store_true")
    given = arguments.parse_args()
    sniff = str(given.sniff.resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if given.flat:
            return flat(sniff, folder, given.runs)
        capture(folder / "in.pcap", given.exchanges, 8)
        capture(folder / "long.pcap", max(given.exchanges // 50, 1), 300)
        for source, database in (("in.pcap", "many.db"), ("long.pcap", "long.db")):
            subprocess.run([sniff, "-q", "--read", source, "--db", database], cwd=folder, check=True)
        commands = {"tcpdump -w /dev/null": (None, ["tcpdump", "-r", "in.pcap", "-w", "/dev/null"])}
        if shutil.which("tshark"):
            commands["tshark"] = None, ["tshark", "-r", "in.pcap"]
        commands["check"] = None, [sniff, "check", "in.pcap"]
        lists = "list --format jsonl", "list", "list --sort ttft --limit 10", "list --grep nowhere"
        for words in (*lists, "report latency", "report compliance", "report delivery", "show last"):
            commands[words] = None, [sniff, *words.split(), "--db", "many.db"]
        forgotten = ["sqlite3", "long.db", "DELETE FROM client_verdict"]
        clients = [sniff, "report", "clients", "--format", "json", "--db", "long.db"]
        if shutil.which("sqlite3"):
            commands["report clients, first"] = (lambda: subprocess.run(forgotten, cwd=folder, check=True)), clients
        commands["report clients, again"] = None, clients
        base = None
        print("| | CPU s | × tcpdump | peak MiB |\n|---|---|---|---|")
        for name, (seconds, peak) in medians(commands, given.runs, folder).items():
            base = base or seconds
            print(f"| {name} | {seconds:.2f} | {seconds / base:.1f} | {peak:.0f} |")


def flat(sniff, folder, runs):
    sizes = {"10^5 records": 500, "10^6 records": 5000}
    for n, exchanges in enumerate(sizes.values()):
        capture(folder / f"{n}.pcap", exchanges, 200)
    commands = {name: (None, [sniff, "check", f"{n}.pcap"]) for n, name in enumerate(sizes)}
    for (name, (seconds, _)), exchanges in zip(medians(commands, runs, folder).items(), sizes.values()):
        print(f"{name}: {seconds / (exchanges * 202) * 1e6:.2f} µs each")


if __name__ == "__main__":
    main()
