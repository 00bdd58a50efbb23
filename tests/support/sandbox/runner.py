"""A process with an open RenderEnv that renders what comes on stdin and reports what it did to itself.

One JSON object a line: in {code, language}, out {status, message, text, png (base64), ...} and facts about this
process: resident memory, descriptors, threads. The first line out is {"ready": ...}.
"""

import base64
import contextlib
import json
import logging
import os
import sys
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from mmzero_env import RenderConfig, RenderEnv, RenderEnvError, RenderRequest

# What a snippet must not find: the owner holds it in its environment and in its memory.
SECRET_HELD_BY_THE_OWNER = os.environ.get("MMZERO_SECRET", "")


def facts() -> dict:
    me = psutil.Process()
    return {
        "pid": me.pid,
        "rss_mb": me.memory_info().rss / 2**20,
        "descriptors": me.num_fds(),
        "threads": me.num_threads(),
    }


def main(config: dict) -> None:
    logging.basicConfig(stream=sys.stderr, format="%(message)s")
    with contextlib.ExitStack() as stack:
        try:
            env = stack.enter_context(RenderEnv(RenderConfig(**config)))
        except RenderEnvError as error:
            print(json.dumps({"error": str(error)}), flush=True)
            return
        print(json.dumps({"ready": env.layers(), "uid": os.geteuid()} | facts()), flush=True)
        for line in sys.stdin:
            order = json.loads(line)
            result = env.render(RenderRequest(order["code"], order["language"]))
            answer = {
                "status": result.status.name,
                "message": result.message,
                "text": list(result.text),
                "size": [result.width, result.height],
                "wall_s": result.wall_s,
                "png": base64.b64encode(result.png).decode() if result.png else None,
            }
            print(json.dumps(answer | facts()), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
