"""Reads the text format of Prometheus from standard input with its own Python library; prints the samples as JSON."""

import json
import sys

from prometheus_client.parser import text_string_to_metric_families

families = list(text_string_to_metric_families(sys.stdin.read()))
print(json.dumps({
    "types": {family.name: family.type for family in families},
    "samples": [[s.name, s.labels, s.value] for family in families for s in family.samples],
}))
