"""A server of xAI's gRPC API, made with the vendor's own classes. Prints its address, and serves until its input ends."""

import sys
from concurrent import futures

import grpc
from xai_sdk.proto import chat_pb2, chat_pb2_grpc, sample_pb2


class Chat(chat_pb2_grpc.ChatServicer):
    def GetCompletionChunk(self, request, context):
        def chunk(**delta):
            made = chat_pb2.GetChatCompletionChunk(id="x1", model="grok-4")
            output = made.outputs.add(index=0)
            output.delta.CopyFrom(chat_pb2.Delta(role=chat_pb2.ROLE_ASSISTANT, **delta))
            return made, output

        for delta in ({"reasoning_content": "Noon?"}, {"content": "At"}, {"content": " noon."}):
            yield chunk(**delta)[0]
        last, output = chunk()
        output.finish_reason = sample_pb2.REASON_STOP
        last.usage.completion_tokens = 5
        yield last


server = grpc.server(futures.ThreadPoolExecutor(2))
chat_pb2_grpc.add_ChatServicer_to_server(Chat(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"127.0.0.1:{port}", flush=True)
sys.stdin.read()
server.stop(None)
