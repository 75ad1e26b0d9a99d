"""Asks for one stream with a client library and prints what its user gets: {text, finish, tokens}. Arguments: openai|anthropic|ollama, base URL."""

import json
import sys

sdk, url = sys.argv[1:]
ask = [{"role": "user", "content": "hello"}]
text, finish, tokens = "", None, None
if sdk == "openai":
    import openai

    client = openai.OpenAI(base_url=url + "/v1", api_key="x", max_retries=0)
    for chunk in client.chat.completions.create(model="m", messages=ask, stream=True, stream_options={"include_usage": True}):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
        tokens = chunk.usage.completion_tokens if chunk.usage else tokens
elif sdk == "anthropic":
    import anthropic

    client = anthropic.Anthropic(base_url=url, api_key="x", max_retries=0)
    with client.messages.stream(model="m", max_tokens=64, messages=ask) as stream:
        for piece in stream.text_stream:
            text += piece
        last = stream.get_final_message()
    finish, tokens = last.stop_reason, last.usage.output_tokens
else:
    import ollama

    for part in ollama.Client(host=url).chat(model="m", messages=ask, stream=True):
        text += part.message.content or ""
        finish = part.done_reason or finish
        tokens = tokens if part.eval_count is None else part.eval_count
print(json.dumps({"text": text, "finish": finish, "tokens": tokens}))
