"""Time to first token of each client port in a loopback capture, read without any of the program's code.

Usage: ttft_truth.py FILE.pcap SERVER_PORT. Prints a JSON object: client port -> milliseconds from the last request
packet to the first server packet that holds a non-empty "content". Loopback: in order, nothing lost.
"""
import json
import re
import struct
import sys

data, port = open(sys.argv[1], "rb").read(), int(sys.argv[2])
unit = {0xA1B2C3D4: 1e-3, 0xA1B23C4D: 1e-6}[struct.unpack("<I", data[:4])[0]]  # in milliseconds
at, asked, first = 24, {}, {}
while at + 16 <= len(data):
    sec, sub, caplen, _ = struct.unpack("<IIII", data[at : at + 16])
    frame, at = data[at + 16 : at + 16 + caplen], at + 16 + caplen
    ihl = (frame[14] & 15) * 4
    if frame[12:14] != b"\x08\0" or frame[23] != 6:
        continue
    total = struct.unpack("!H", frame[16:18])[0]
    tcp = frame[14 + ihl : 14 + total]
    src, dst = struct.unpack("!HH", tcp[:4])
    payload = tcp[(tcp[12] >> 4) * 4 :]
    now = sec * 1000 + sub * unit
    if not payload:
        continue
    if dst == port and src not in first:
        asked[src] = now
    elif src == port and dst in asked and dst not in first and re.search(rb'"content":\s*"[^"]', payload):
        first[dst] = now
print(json.dumps({p: first[p] - asked[p] for p in first}))
