"""Asks each base URL for one stream with OpenAI's library for Python. Prints a JSON line for each: {text, finish, error, hangs}. Arguments: base URLs."""

import json
import sys

import openai

# A stream that says nothing for so long hangs; none of those that go on pauses as long.
PATIENCE = 3.0

for url in sys.argv[1:]:
    client = openai.OpenAI(base_url=url + "/v1", api_key="x", max_retries=0, timeout=PATIENCE)
    got = {"text": "", "finish": None, "error": None, "hangs": False}
    try:
        ask = [{"role": "user", "content": "hello"}]
        for chunk in client.chat.completions.create(model="m", messages=ask, stream=True):
            for choice in chunk.choices:
                got["text"] += choice.delta.content or ""
                got["finish"] = choice.finish_reason or got["finish"]
    except Exception as e:
        causes, cause = [], e
        while cause is not None:
            causes.append(type(cause).__name__)
            cause = cause.__cause__ or cause.__context__
        got["error"] = f"{type(e).__name__}: {e}"
        got["hangs"] = any("Timeout" in name for name in causes)
    print(json.dumps(got), flush=True)
