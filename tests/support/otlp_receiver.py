"""A collector for tests: receives metrics by OTLP over HTTP, reads them with the published protobuf, and prints one line
of JSON for each message: its head, the resource, and each data point. `otlp_receiver.py [STATUS [DELAY]]` answers with
that status after that many seconds. The first line is its port."""

import http.server
import json
import sys
import time

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

STATUS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
DELAY = float(sys.argv[2]) if len(sys.argv) > 2 else 0


def value(v):
    return getattr(v, v.WhichOneof("value"))


def attributes(all):
    return {a.key: value(a.value) for a in all}


def points(metric):
    kind = metric.WhichOneof("data")
    data = getattr(metric, kind)
    for p in data.data_points:
        point = {"name": metric.name, "unit": metric.unit, "kind": kind, "attributes": attributes(p.attributes)}
        if kind == "histogram":
            point |= {"count": p.count, "sum": p.sum, "bounds": list(p.explicit_bounds), "buckets": list(p.bucket_counts)}
        else:
            point["value"] = p.as_int if p.HasField("as_int") else p.as_double
        if kind != "gauge":
            point["cumulative"] = data.aggregation_temporality == 2
        yield point


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = ExportMetricsServiceRequest()
        request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(DELAY)
        message = {"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}, "points": []}
        for resource in request.resource_metrics:
            message["resource"] = attributes(resource.resource.attributes)
            for scope in resource.scope_metrics:
                message |= {"scope": scope.scope.name, "schema": scope.schema_url}
                message["points"] += [p for metric in scope.metrics for p in points(metric)]
        print(json.dumps(message), flush=True)
        body = ExportMetricsServiceResponse().SerializeToString()
        self.send_response(STATUS)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
print(server.server_port, flush=True)
server.serve_forever()
