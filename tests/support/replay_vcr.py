"""Plays a cassette with vcrpy, without a network. Arguments: cassette. Standard input: a JSON list of {method, url, body (hex)}.
Standard output: a JSON list of {status, type, body (hex)}."""

import json
import sys

import requests
import vcr

answers = []
# What no recording answers is an error, never a request.
with vcr.use_cassette(sys.argv[1], record_mode="none", match_on=["method", "uri", "body"], allow_playback_repeats=False):
    for ask in json.load(sys.stdin):
        body = bytes.fromhex(ask["body"])
        answer = requests.request(ask["method"], ask["url"], data=body or None, headers={"Content-Type": ask["type"]})
        answers.append({"status": answer.status_code, "type": answer.headers.get("content-type"), "body": answer.content.hex()})
json.dump(answers, sys.stdout)
