#!/usr/bin/env python3
"""Make a case out of a recorded capture and its truth file.

    from_truth.py TRUTH.json FAMILY/CASE --look "what to look at" [--findings CODE,CODE | --findings none] [--info CODE,CODE]

Copies the capture that lies beside TRUTH.json, writes expect.json from the truth alone (never from what the program says), and README.md.
Of a lossy capture only what is present in the file is expected.
"""
import argparse, json, pathlib, shutil

TOP = ["stream", "h2_stream", "tls", "http_version", "client_ip", "client_port", "server_ip", "server_port"]
REQUEST = ["method", "path", "content_type", "user_agent", "body_bytes", "body_sha256", "model", "stream"]
RESPONSE = ["status", "content_type", "transfer", "content_encoding", "informational", "wire_body_bytes", "wire_body_sha256", "decoded_bytes",
            "decoded_sha256", "chunks", "trailers", "framing", "dialect", "records", "content_deltas", "reasoning_deltas", "tool_deltas", "text",
            "texts", "tool_arguments", "finish_reason", "complete", "cut_by"]
TERMINATOR = ["expected", "seen", "which", "own", "is_last_record"]
TCP = ["handshake_seen", "retransmitted_segments", "out_of_order_segments", "hole", "client_fin", "server_fin", "client_rst", "server_rst"]
TIMING = ["t_request_start_ns", "t_request_end_ns", "t_response_start_ns", "t_first_body_byte_ns", "t_first_record_ns", "t_first_delta_ns",
          "t_response_end_ns", "ttfb_ms", "ttft_ms", "ttft_content_ms", "duration_ms"]


def pick(src, fields):
    """What the truth states; texts and arguments only where there are any."""
    return {f: src[f] for f in fields if f in src and not (src[f] is None and f in ("texts", "tool_arguments", "chunks"))}


def whole(truth):
    out = pick(truth, TOP)
    if truth.get("request"):
        out["request"] = pick(truth["request"], REQUEST)
    response = truth["response"]
    out["response"] = pick(response, RESPONSE)
    out["response"]["terminator"] = pick(response["terminator"], TERMINATOR)
    if response.get("reasoning_text"):
        out["response"]["reasoning_text"] = response["reasoning_text"]
    if str(response.get("dialect")).startswith("openai"):
        out["response"]["usage"] = response.get("usage")
    if response["error_in_stream"] is None:  # said in words of one's own where there is one
        out["response"]["error_in_stream"] = None
    out["tcp"] = pick(truth["tcp"], TCP)
    out["timing"] = pick(truth["timing"], TIMING)
    return out


def partly(present, original):
    """What a lossy capture still holds of one exchange; none if nothing."""
    if not present["request_bytes_present"] and not present["server_bytes_present"]:
        return None
    out = pick(present, ["client_port", "server_port"])
    out["request"] = pick(original["request"], ["method", "path"]) if present["request_complete"] else None
    if present["request_bytes_present"] and not present["request_complete"]:
        del out["request"]
    response = out["response"] = {}
    response["status"] = original["response"]["status"] if present["response_head_complete"] else None
    if not present["response_end_present"]:
        response["complete"] = False
    if present["response_end_present"] and 0 < present["server_contiguous_from_start"] < present["server_bytes_total"]:
        out["tcp"] = {"hole": True}
    records = present["records_whole"]
    lost = present["records_missing"] + present["records_partial"]
    if present["response_head_complete"] and records == list(range(len(records))):
        response["text"] = present["text_of_whole_records"]
    if not lost and present["response_end_present"]:
        response |= pick(original["response"], ["framing", "dialect", "records", "complete", "cut_by", "wire_body_sha256"])
    return out


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("truth", type=pathlib.Path)
    ap.add_argument("case")
    ap.add_argument("--look", required=True)
    ap.add_argument("--findings")
    ap.add_argument("--info")
    a = ap.parse_args()
    truth = json.loads(a.truth.read_text())
    capture = next(p for e in (".pcap", ".pcapng") if (p := a.truth.with_name(truth["name"] + e)).exists())
    case = pathlib.Path(__file__).parent / a.case
    case.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(capture, case / ("input" + capture.suffix))
    if truth.get("lossy"):
        expect = [e for p, o in zip(truth["present"], truth["original_exchanges"]) if (e := partly(p, o))]
    else:
        expect = [whole(t) for t in truth["exchanges"]]
    for e in expect:
        if a.findings:
            e["findings"] = [] if a.findings == "none" else a.findings.split(",")
        if a.info:
            e["findings_info"] = a.info.split(",")
    (case / "expect.json").write_text(json.dumps(expect, indent=2, ensure_ascii=False) + "\n")
    server = truth.get("server") or ""
    server = "a server that sends given bytes at given times" if "rawserver" in server else server
    origin = " and ".join(filter(None, [server, truth.get("client")])) or "derived from another capture of ours"
    description = truth["description"].split(" ; plan")[0].replace("Second seed document", "Quoted in a bug report").replace("in seed 2", "of a user")
    lines = [f"# {a.case}", "", description.rstrip(". ") + ".", f"Origin: {origin}, recorded on a loopback or a virtual network of our own.",
             f"Look at: {a.look}.", "expect.json was derived by from_truth.py from a truth made with tshark and a reader of its own.", ""]
    (case / "README.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
