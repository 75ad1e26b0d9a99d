"""A LitServe server with the OpenAI spec that yields a few words with pauses. Usage: litserve_server.py PORT"""
import sys
import time

import litserve as ls

WORDS = ["The", " quick", " brown", " fox", " jumps", "."]


class Words(ls.LitAPI):
    def setup(self, device):
        pass

    def predict(self, prompt):
        time.sleep(0.15)
        for word in WORDS:
            yield word
            time.sleep(0.03)


if __name__ == "__main__":
    server = ls.LitServer(Words(), spec=ls.OpenAISpec(), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
