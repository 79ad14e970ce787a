"""How fast the page's server starts and answers: `ropescope web` in a process of its own, over its real connection.

    python benchmarks/page_server.py [--times 30]

A start is the time from the command to the first page that is given. An answer is timed from request to whole response, after
one that is not counted; the goal is 50 ms for show and fit.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
    "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "vocab_size": 128256,
    "max_position_embeddings": 131072, "rope_theta": 500000.0, "torch_dtype": "bfloat16",
}  # fmt: skip
REQUESTS = (
    ("show", {"source": "model"}),
    ("fit", {"source": "model", "gpu": "4090", "context": "32k"}),
    ("launch", {"source": "model", "gpu": "h100-sxm", "engine": "vllm"}),
    ("ask", {"words": ["llama 8b 32k on a 4090"]}),
)


def main() -> None:
    """Print the medians and the slowest of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=30)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mkdir", f"{folder}/model"], check=True)
        with open(f"{folder}/model/config.json", "w") as file:
            json.dump(CONFIG, file)
        began = time.perf_counter()
        server = subprocess.Popen(
            [sys.executable, "-m", "ropescope", "web", "--no-browser"], cwd=folder, stderr=subprocess.PIPE, text=True
        )
        try:
            assert server.stderr is not None
            port = int(re.findall(r":(\d+)/", server.stderr.readline())[0])
            connection = http.client.HTTPConnection("127.0.0.1", port)

            def ask(method: str, path: str, body: object = None, **headers: str) -> bytes:
                connection.request(method, path, None if body is None else json.dumps(body), headers)
                return connection.getresponse().read()

            page = ask("GET", "/").decode()
            print(f"start to first page: {1e3 * (time.perf_counter() - began):,.0f} ms")
            token = re.findall(r'ropescope-token" content="([^"]+)"', page)[0]
            headers = {"Content-Type": "application/json", "X-Ropescope-Token": token}
            for name, given in REQUESTS:
                for what, path in ((name, "/api/answer"), (f"{name}, problems alone", "/api/problems")):
                    request = {"question": name, "given": given}
                    ask("POST", path, request, **headers)
                    taken = []
                    for _ in range(times):
                        since = time.perf_counter()
                        answer = ask("POST", path, request, **headers)
                        taken.append(1e3 * (time.perf_counter() - since))
                    assert b'"error"' not in answer, answer
                    print(
                        f"{what:<24} median {statistics.median(taken):6.1f} ms, slowest {max(taken):6.1f} ms, {len(answer):,} bytes"
                    )
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
