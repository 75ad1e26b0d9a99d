"""openai-python: prints every chunk of a stream as the library gives it. client_openai.py URL"""
import sys

from openai import OpenAI

client = OpenAI(base_url=sys.argv[1] + "/v1", api_key="sk-0123456789abcdef", max_retries=0)
stream = client.chat.completions.create(model="peer-1", stream=True, messages=[{"role": "user", "content": "go"}])
print("text:", "".join(print(chunk.model_dump_json()) or chunk.choices[0].delta.content or "" for chunk in stream))
