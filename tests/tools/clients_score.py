#!/usr/bin/env python3
"""Score `sniff check --clients` against what real clients made of stream variants.

    clients_score.py VARIANTS.json [VARIANTS.json…] --sniff PATH [--no-answer] [--by-letter] [--keep DIR] [--min 0.93] [--show]

Each variant is written as a capture file (one connection, one packet a write), read by the program from outside:
    sniff check --clients --format json --fail-on never [--answer TEXT] FILE
and every (variant, client) pair is one comparison of outcome classes.
Classes of the laboratory: hangs = `err` names a time-out; raises = any other `err`; fine = text '=' and a finish reason that is one;
changed = everything else without `err`. (`ok` is not the exception flag: the lab sets it false too when text differs; --by-letter uses it.)
The answer is the text of the first conforming variant (`base` of captures/lab/variants.json, or --answer).
"""
import argparse, base64, collections, json, os, pathlib, struct, subprocess, sys, tempfile

PATHS = {"openai.chat": ("/v1/chat/completions", '{"model":"m1","stream":true,"messages":[]}'),
         "openai.responses": ("/v1/responses", '{"model":"m1","stream":true,"input":"Hi"}'),
         "anthropic.messages": ("/v1/messages", '{"model":"m1","max_tokens":9,"stream":true,"messages":[]}'),
         "gemini.generate": ("/v1beta/models/m1:streamGenerateContent?alt=sse", '{"contents":[]}'),
         "ollama.chat": ("/api/chat", '{"model":"m1","messages":[]}')}
T0 = 1_795_000_000_000_000_000


class Pcap:
    """Ethernet, IPv4, TCP on 127.0.0.1; nanoseconds; a handshake, data with acknowledgements, FINs."""

    def __init__(self):
        self.out = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)]
        self.t, self.seq = T0, {0: 1000, 1: 5000}

    def packet(self, side, flags, data=b""):
        a, b = (40000, 8000) if side == 0 else (8000, 40000)
        tcp = struct.pack(">HHIIBBHHH", a, b, self.seq[side] & 0xFFFFFFFF, self.seq[1 - side] if flags & 0x10 else 0, 5 << 4, flags, 65000, 0, 0) + data
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0x4000, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
        frame = b"\0" * 12 + b"\x08\0" + ip + tcp
        self.out.append(struct.pack("<IIII", self.t // 10**9, self.t % 10**9, len(frame), len(frame)) + frame)
        self.seq[side] += len(data) + (1 if flags & 3 else 0)
        self.t += 20_000

    def say(self, side, data, step):
        self.t += step
        for i in range(0, len(data), 30000):
            self.packet(side, 0x18, data[i:i + 30000])
        self.packet(1 - side, 0x10)


def capture(v):
    p = Pcap()
    p.packet(0, 2); p.packet(1, 0x12); p.packet(0, 0x10)
    path, ask = PATHS[v["dialect"]]
    p.say(0, f"POST {path} HTTP/1.1\r\nHost: lab\r\nContent-Type: application/json\r\nContent-Length: {len(ask)}\r\n\r\n{ask}".encode(), 1_000_000)
    pieces = [base64.b64decode(x) for x in v["pieces"]]
    how, total = v["body_end"], sum(map(len, pieces))
    chunked = how in ("chunked", "trailers", "chunkext", "hang")
    head = f"HTTP/1.1 {v['status']} OK\r\n" + (f"Content-Type: {v['content_type']}\r\n" if v["content_type"] is not None else "")
    head += "".join(f"{k}: {x}\r\n" for k, x in v["headers"])
    head += "Transfer-Encoding: chunked\r\n" if chunked else f"Content-Length: {total + (50 if how == 'cl_short' else 0)}\r\n" if how in ("cl", "cl_short") else "Connection: close\r\n"
    p.say(1, (head + "\r\n").encode("latin-1"), 10_000_000)
    step = min(10_000_000, 100_000_000 // max(1, len(pieces)))
    for x in pieces:
        if x:
            ext = b";ext=1" if how == "chunkext" else b""
            p.say(1, b"%x%s\r\n%s\r\n" % (len(x), ext, x) if chunked else x, step)
    if how != "hang":
        if chunked and not v.get("no_last_chunk"):
            p.say(1, b"0\r\nX-Checksum: 1\r\n\r\n" if how == "trailers" else b"0\r\n\r\n", 1_000_000)
        p.packet(1, 0x11); p.packet(0, 0x11); p.packet(1, 0x10)
    return b"".join(p.out)


def text_of(v):
    body = b"".join(base64.b64decode(x) for x in v["pieces"]).decode()
    said = [json.loads(l[6:]) for l in body.splitlines() if l.startswith("data: ") and l != "data: [DONE]"]
    return "".join(c["choices"][0]["delta"].get("content") or "" for c in said)


def measured(did, by_letter):
    err, done = did.get("err"), did.get("fin") not in (None, "", "other", "interrupted", "in_progress")
    if err is not None:
        return "hangs" if any(w in err for w in ("timeout", "timed out", "Timeout")) else "raises"
    if did.get("text") == "=" and done:
        return "fine"
    return "raises" if by_letter and not did.get("ok") else "changed"


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("variants", nargs="+", type=pathlib.Path)
    ap.add_argument("--sniff", default="target/release/sniff")
    ap.add_argument("--answer")
    ap.add_argument("--no-answer", action="store_true")
    ap.add_argument("--by-letter", action="store_true")
    ap.add_argument("--keep", type=pathlib.Path)
    ap.add_argument("--min", type=float, default=0.93)
    ap.add_argument("--goal", type=float, default=0.97)
    ap.add_argument("--show", action="store_true")
    ap.add_argument("--json", type=pathlib.Path)
    a = ap.parse_args()
    variants = pathlib.Path(__file__).resolve().parents[2] / "captures/lab/variants.json"
    everything = [v for f in a.variants for v in json.loads(f.read_text())["variants"]]
    base = next((v for v in everything if v["name"] == "base"), None)
    if base is None and a.answer is None:
        base = next(v for v in json.loads(variants.read_text())["variants"] if v["name"] == "base")
    answer = None if a.no_answer else a.answer or text_of(base)
    right = pairs = left_out = 0
    wrong, texts = [], [0, 0]
    per_client, per_variant, classes = collections.Counter(), collections.Counter(), collections.Counter()
    with tempfile.TemporaryDirectory() as tmp:
        for v in everything:
            f = (a.keep or pathlib.Path(tmp)) / f"{v['name']}.pcap"
            f.parent.mkdir(exist_ok=True, parents=True)
            f.write_bytes(capture(v))
            cmd = [a.sniff, "check", "--clients", "--format", "json", "--fail-on", "never", str(f)] + (["--answer", answer] if answer is not None else [])
            q = subprocess.run(cmd, capture_output=True, timeout=30)
            try:
                out = json.loads(q.stdout)
                said = {c["client"]: c for e in out for c in e["clients"]}
            except (ValueError, KeyError, TypeError):
                said = {}
                print(f"{v['name']}: no answer ({q.returncode}): {q.stderr.decode(errors='replace')[-200:]}")
            for client, did in v["clients"].items():
                want, have = measured(did, a.by_letter), (said.get(client) or {}).get("outcome", "none")
                if answer is None and want == "changed" and not did.get("text") and did.get("fin") in ("tool_calls", "tool-calls"):
                    left_out += 1  # "changed" only because a call of a tool is not the laboratory's one text: says nothing where no text was meant
                    continue
                pairs += 1
                classes[(want, have)] += 1
                if want == have:
                    right += 1
                else:
                    per_client[client] += 1
                    per_variant[v["name"]] += 1
                    wrong.append({"variant": v["name"], "client": client, "measured": want, "said": have, "did": did, "why": (said.get(client) or {}).get("why")})
    if a.show:
        for w in wrong:
            print(f"{w['variant']} · {w['client']}: says {w['said']} ({w['why']}), measured {w['measured']}: {json.dumps(w['did'], ensure_ascii=False)[:200]}")
    if a.json:
        a.json.write_text(json.dumps(wrong, indent=1, ensure_ascii=False))
    if per_variant:
        print("by variant:", ", ".join(f"{k} {n}" for k, n in per_variant.most_common(12)))
        print("by client:", ", ".join(f"{k} {n}" for k, n in per_client.most_common(12)))
        print("measured→said:", ", ".join(f"{w}→{h} {n}" for (w, h), n in classes.most_common() if w != h))
    share = right / pairs if pairs else 0
    if left_out:
        print(f"{left_out} pairs of tool calls left out: their class rests on a text that was not meant")
    how = "without --answer" if answer is None else "with --answer"
    print(f"{right} of {pairs} outcomes right ({share:.2%}) {how}, {len(everything)} variants; goal {a.goal:.0%}, floor {a.min:.0%}")
    sys.exit(0 if pairs and share >= a.min else 1)


main()
