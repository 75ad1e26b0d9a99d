"""Reads answers with HTTP libraries that are not ours: h11 for HTTP/1.1, h2 for HTTP/2.

Arguments: PROTOCOL (h11 or h2), HOST, PORT. Standard input: a JSON list of {method, target, body (hex)}; each is asked on a connection of its own.
Standard output: a JSON list of {status, headers, units, sha256, trailers, end}; `units` are the lengths of chunks or DATA frames,
of deliveries where there are none."""

import hashlib
import json
import socket
import sys


def over_h11(address, ask):
    import h11

    conn = h11.Connection(h11.CLIENT)
    body = bytes.fromhex(ask["body"])
    headers = [("Host", "replay"), ("Content-Length", str(len(body)))]
    got = {"status": None, "headers": [], "units": [], "trailers": [], "end": "clean", "interim": []}
    digest = hashlib.sha256()
    with socket.create_connection(address) as sock:
        sock.settimeout(20)
        out = conn.send(h11.Request(method=ask["method"], target=ask["target"], headers=headers))
        out += conn.send(h11.Data(data=body)) if body else b""
        sock.sendall(out + (conn.send(h11.EndOfMessage()) or b""))
        while True:
            event = conn.next_event()
            if event is h11.NEED_DATA:
                conn.receive_data(sock.recv(1 << 16))
            elif isinstance(event, h11.InformationalResponse):
                got["interim"].append(event.status_code)
            elif isinstance(event, h11.Response):
                got["status"] = event.status_code
                got["headers"] = [[n.decode("latin-1"), v.decode("latin-1")] for n, v in event.headers.raw_items()]
            elif isinstance(event, h11.Data):
                digest.update(event.data)
                if event.chunk_start or not got["units"]:
                    got["units"].append(0)
                got["units"][-1] += len(event.data)
            elif isinstance(event, h11.EndOfMessage):
                got["trailers"] = [[n.decode("latin-1"), v.decode("latin-1")] for n, v in event.headers.raw_items()]
                break
    got["sha256"] = digest.hexdigest()
    return got


def over_h2(address, ask):
    import h2.config
    import h2.connection
    import h2.events
    import h2.settings

    # Header validation is off: what was recorded is to be seen as it is.
    config = h2.config.H2Configuration(client_side=True, header_encoding="latin-1", validate_inbound_headers=False)
    conn = h2.connection.H2Connection(config=config)
    codes = h2.settings.SettingCodes
    conn.initiate_connection()
    conn.update_settings({codes.MAX_FRAME_SIZE: 16_777_215, codes.INITIAL_WINDOW_SIZE: 2**30})
    conn.increment_flow_control_window(2**30)
    got = {"status": None, "headers": [], "units": [], "trailers": [], "end": None, "interim": []}
    digest = hashlib.sha256()
    body = bytes.fromhex(ask["body"])
    with socket.create_connection(address) as sock:
        sock.settimeout(20)
        # The request waits for the server's acknowledgement: before it, frames are as small as the default says.
        sock.sendall(conn.data_to_send())
        settled = asked = False
        while got["end"] is None:
            data = sock.recv(1 << 16)
            if not data:
                got["end"] = "closed"
                break
            for event in conn.receive_data(data):
                if isinstance(event, h2.events.SettingsAcknowledged):
                    settled = True
                elif isinstance(event, h2.events.InformationalResponseReceived):
                    got["interim"].append(int(dict(event.headers)[":status"]))
                elif isinstance(event, h2.events.ResponseReceived):
                    got["status"] = int(dict(event.headers)[":status"])
                    got["headers"] = [[n, v] for n, v in event.headers if not n.startswith(":")]
                elif isinstance(event, h2.events.DataReceived):
                    digest.update(event.data)
                    got["units"].append(len(event.data))
                elif isinstance(event, h2.events.TrailersReceived):
                    got["trailers"] = [[n, v] for n, v in event.headers]
                elif isinstance(event, h2.events.StreamEnded):
                    got["end"] = "clean"
                elif isinstance(event, h2.events.StreamReset):
                    got["end"] = f"reset {int(event.error_code)}"
            if settled and not asked:
                asked = True
                headers = [(":method", ask["method"]), (":scheme", "http"), (":authority", "replay"), (":path", ask["target"])]
                conn.send_headers(1, headers, end_stream=not body)
                for at in range(0, len(body), 16_384):
                    conn.send_data(1, body[at : at + 16_384], end_stream=at + 16_384 >= len(body))
            sock.sendall(conn.data_to_send())
    got["sha256"] = digest.hexdigest()
    return got


def main():
    protocol, host, port = sys.argv[1:]
    read = {"h11": over_h11, "h2": over_h2}[protocol]
    answers = []
    for ask in json.load(sys.stdin):
        try:
            answers.append(read((host, int(port)), ask))
        except Exception as e:
            answers.append({"failed": f"{type(e).__name__}: {e}"})
    json.dump(answers, sys.stdout)


main()
