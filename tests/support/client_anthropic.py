"""anthropic: prints every event of a stream as the library gives it. client_anthropic.py URL"""
import sys

from anthropic import Anthropic

client = Anthropic(base_url=sys.argv[1], api_key="sk-ant-0123456789abcdef", max_retries=0)
stream = client.messages.create(model="peer-1", max_tokens=9, stream=True, messages=[{"role": "user", "content": "go"}])
for event in stream:
    print(event.model_dump_json())
