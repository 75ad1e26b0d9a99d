"""A chat endpoint of FastAPI that is right but for planted faults. Usage: faulty_server.py PORT [FAULT,FAULT]"""
import asyncio
import json
import sys
import time

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

FAULTS = set(sys.argv[2].split(",")) if len(sys.argv) > 2 else set()
MODEL = "count"
app = FastAPI()
places = asyncio.Semaphore(1)
serial = 0


def refusal(status, message, kind="invalid_request_error", code=None):
    error = {"message": message, "type": kind, "param": None, "code": code}
    return JSONResponse({"error": error}, 200 if "mistakes" in FAULTS and status == 400 else status)


@app.get("/v1/models")
def models():
    return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 1, "owned_by": "test"}]}


@app.post("/v1/chat/completions")
async def chat(request: Request):
    global serial
    try:
        asked = json.loads(await request.body())
    except ValueError:
        return refusal(400, "the body is no JSON")
    if not isinstance(asked.get("messages"), list):
        return refusal(400, "messages is no list")
    if asked.get("model") != MODEL:
        return refusal(404, "no such model", code="model_not_found")
    serial += 1
    head = {"id": f"chatcmpl-{serial:08x}{time.time_ns():x}", "created": int(time.time()), "model": MODEL}
    limit = asked.get("max_tokens") or 1000
    words, finish = [str(n) for n in range(1, 301)], "stop"
    if asked["messages"][0]["content"].startswith("Count from 1 to 20"):
        words = words[:20]
    stop = asked.get("stop") or []
    if stop and "stop" not in FAULTS:
        words = words[: words.index(stop[0])]
    if len(words) > limit:
        words, finish = words[:limit], "length"
    pieces = [word if n == 0 else " " + word for n, word in enumerate(words)]
    usage = {"prompt_tokens": 20, "completion_tokens": len(pieces), "total_tokens": 20 + len(pieces)}
    arguments = ['{"city"', ': "Paris"}'] if asked.get("tools") else []
    call = {"id": "call_abcdefgh", "type": "function", "function": {"name": "weather", "arguments": ""}}
    if arguments:
        pieces, finish = [], "tool_calls"

    if not asked.get("stream"):
        async with places:
            pass
        message = {"role": "assistant", "content": "".join(pieces) if pieces else None}
        choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
        return {**head, "object": "chat.completion", "choices": [choice], "usage": usage}

    def line(delta, reason=None, usage_of=None):
        chunk = {**head, "object": "chat.completion.chunk"}
        chunk["choices"] = [] if usage_of else [{"index": 0, "delta": delta, "finish_reason": reason}]
        if (asked.get("stream_options") or {}).get("include_usage") and "usage" not in FAULTS:
            chunk["usage"] = usage_of
        return f"data: {json.dumps(chunk)}\n\n"

    async def stream():
        await places.acquire()
        over = False
        try:
            yield line({"role": "assistant", "content": "" if not arguments else None})
            if arguments:
                yield line({"tool_calls": [{"index": 0, **call}]})
                for part in arguments:
                    yield line({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
            for piece in pieces:
                await asyncio.sleep(0.006)
                yield line({"content": piece})
            yield line({}, finish)
            if (asked.get("stream_options") or {}).get("include_usage") and "usage" not in FAULTS:
                yield line({}, None, usage)
            if "done" not in FAULTS:
                yield "data: [DONE]\n\n"
            over = True
        finally:
            # The fault: a place that is not given back when the client goes.
            if over or "cancel" not in FAULTS:
                places.release()

    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
    if "gzip" in FAULTS and "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
    return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
