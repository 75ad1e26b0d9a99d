"""Reads streams with the vendors' client libraries and prints, for each, one JSON line of all that they yield.

Arguments: KIND=BASE-URL …; the kinds are the functions below. A line is {"events": […]} or {"error": "…"}.
"""

import asyncio
import base64
import json
import sys

ASK = [{"role": "user", "content": "hello"}]


def openai(url):
    import openai as sdk

    return sdk.OpenAI(base_url=url + "/v1", api_key="x", max_retries=0)


def openai_chat(url):
    return openai(url).chat.completions.create(model="m", messages=ASK, stream=True)


def openai_completions(url):
    return openai(url).completions.create(model="m", prompt="hello", stream=True)


def openai_responses(url):
    return openai(url).responses.create(model="m", input="hello", stream=True)


def openai_assistants(url):
    return openai(url).beta.threads.runs.create("thread_1", assistant_id="asst_1", stream=True)


def openai_transcription(url):
    return openai(url).audio.transcriptions.create(file=("a.wav", b"RIFF"), model="m", stream=True)


def openai_images(url):
    return openai(url).images.generate(prompt="hello", model="m", stream=True)


def openai_agents(url):
    return openai(url).beta.agents.sessions.events.stream("sess_1")


def anthropic(url):
    import anthropic as sdk

    return sdk.Anthropic(base_url=url, api_key="x", max_retries=0)


def anthropic_messages(url):
    with anthropic(url).beta.messages.stream(model="m", max_tokens=64, messages=ASK) as stream:
        yield from stream
        yield stream.get_final_message()


def anthropic_sessions(url):
    return anthropic(url).beta.sessions.events.stream("sesn_1")


def gemini(url):
    from google import genai

    return genai.Client(api_key="x", http_options={"base_url": url})


def gemini_generate(url):
    client = gemini(url)
    yield from client.models.generate_content_stream(model="m", contents="hello")


def gemini_interactions(url):
    client = gemini(url)
    yield from client.interactions.create(model="m", input="hello", stream=True)


def mistral(url):
    from mistralai.client import Mistral

    return Mistral(api_key="x", server_url=url)


def mistral_chat(url):
    client = mistral(url)
    with client.chat.stream(model="m", messages=ASK) as stream:
        yield from stream


def mistral_conversations(url):
    client = mistral(url)
    with client.beta.conversations.start_stream(inputs="hello", model="m") as stream:
        yield from stream


def mistral_transcription(url):
    client = mistral(url)
    with client.audio.transcriptions.stream(model="m", file_url="https://files.example/a.wav") as stream:
        yield from stream


def mistral_speech(url):
    client = mistral(url)
    with client.audio.speech.complete(input="hello", model="m", stream=True) as stream:
        yield from stream


def cohere_chat(url):
    import cohere

    return cohere.ClientV2(api_key="x", base_url=url).chat_stream(model="m", messages=ASK)


def cohere_chat_v1(url):
    import cohere

    return cohere.Client(api_key="x", base_url=url).chat_stream(message="hello")


def ollama(url):
    import ollama as sdk

    return sdk.Client(host=url)


def ollama_chat(url):
    return ollama(url).chat(model="m", messages=ASK, stream=True)


def ollama_generate(url):
    return ollama(url).generate(model="m", prompt="hello", stream=True)


def ollama_pull(url):
    return ollama(url).pull("m", stream=True)


async def a2a(url):
    import httpx
    from a2a.client.client_factory import ClientConfig, ClientFactory
    from a2a.types import a2a_pb2
    from google.protobuf import json_format

    card = a2a_pb2.AgentCard(name="a", capabilities=a2a_pb2.AgentCapabilities(streaming=True))
    card.supported_interfaces.add(url=url + "/a2a", protocol_binding="JSONRPC", protocol_version="1.0")
    async with httpx.AsyncClient() as http:
        client = ClientFactory(ClientConfig(httpx_client=http)).create(card)
        message = a2a_pb2.Message(role=a2a_pb2.ROLE_USER, message_id="m1", parts=[a2a_pb2.Part(text="hello")])
        async for event in client.send_message(a2a_pb2.SendMessageRequest(message=message)):
            yield json_format.MessageToDict(event)


def xai_chat(url):
    from xai_sdk import Client
    from xai_sdk.chat import user

    client = Client(api_key="x", api_host=url.removeprefix("http://"), use_insecure_channel=True)
    for response, chunk in client.chat.create(model="m", messages=[user("hello")]).stream():
        yield {"content": chunk.content, "reasoning": chunk.reasoning_content}
    yield {
        "content": response.content,
        "reasoning": response.reasoning_content,
        "finish": response.finish_reason,
        "tokens": response.usage.completion_tokens,
    }


async def mcp(url):
    from mcp.client import Client

    seen = []

    async def progress(*told):
        seen.append(told)

    async with Client(url + "/mcp", mode="2026-07-28") as client:
        result = await client.call_tool("tides", {"at": "Oslo"}, progress_callback=progress)
    for told in seen:
        yield told
    yield result


def plain(value):
    """A value of any library as JSON can have it."""
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json", warnings=False)
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items() if k != "sdk_http_response"}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value if value is None or isinstance(value, (str, int, float, bool)) else plain(vars(value))


async def collect(events):
    return [event async for event in events]


for argument in sys.argv[1:]:
    kind, _, url = argument.partition("=")
    try:
        events = globals()[kind](url)
        events = asyncio.run(collect(events)) if hasattr(events, "__aiter__") else list(events)
        print(json.dumps({"events": plain(events)}), flush=True)
    except Exception as e:  # whatever a library raises is what its user gets
        print(json.dumps({"error": f"{type(e).__name__}: {e}"}), flush=True)
