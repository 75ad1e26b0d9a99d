"""Stream one chat completion with openai-python and print its text. Usage: openai_client.py PORT"""
import sys

from openai import OpenAI

client = OpenAI(base_url=f"http://127.0.0.1:{sys.argv[1]}/v1", api_key="test", max_retries=0)
stream = client.chat.completions.create(model="lit", messages=[{"role": "user", "content": "go"}], stream=True)
print("".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices))
