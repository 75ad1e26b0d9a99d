"""Stream one chat completion with openai-python, over HTTP/2 where the server speaks it, and print its text. Usage: h2_client.py URL [CA_FILE]"""
import ssl
import sys

import httpx
from openai import OpenAI

# Writes its secrets to SSLKEYLOGFILE, as every context that Python makes by default.
context = ssl.create_default_context(cafile=sys.argv[2]) if len(sys.argv) > 2 else False
http = httpx.Client(http2=True, verify=context, trust_env=False)
client = OpenAI(base_url=sys.argv[1], api_key="test", max_retries=0, http_client=http)
stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "go"}], stream=True)
print("".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices))
print(stream.response.http_version)
