"""A process with an open RenderEnv that renders what comes on stdin and reports what it did to itself.

One JSON object a line: in {code, language}, out {status, message, text, png (base64), ...} and facts about this
process: resident memory, descriptors, threads. The first line out is {"ready": ...}, or {"error": ...} with the
RenderEnvError. `python runner.py CONFIG [CASE]`; CASE: {"landlock": ABI to pretend, "path": a folder for sys.path,
"closed": see circumstances.py}.
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
from circumstances import SPARE_INPUT, SPARE_OUTPUT  # beside this script
from old_kernel import pretend_landlock

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


def main(config: dict, case: dict) -> None:
    logging.basicConfig(stream=sys.stderr, format="%(message)s")
    spare = bool(case.get("closed"))
    orders = os.fdopen(SPARE_INPUT) if spare else sys.stdin
    answers = os.fdopen(SPARE_OUTPUT, "w") if spare else sys.stdout

    def say(answer: dict) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    sys.path += [case["path"]] if "path" in case else []
    if "landlock" in case:
        pretend_landlock(case["landlock"])
    with contextlib.ExitStack() as stack:
        try:
            env = stack.enter_context(RenderEnv(RenderConfig(**config)))
        except RenderEnvError as error:
            say({"error": str(error)})
            return
        say({"ready": env.layers(), "uid": os.geteuid()} | facts())
        for line in orders:
            order = json.loads(line)
            try:
                result = env.render(RenderRequest(order["code"], order["language"]))
            except RenderEnvError as error:
                say({"error": str(error)})
                continue
            answer = {
                "status": result.status.name,
                "message": result.message,
                "text": list(result.text),
                "size": [result.width, result.height],
                "wall_s": result.wall_s,
                "png": base64.b64encode(result.png).decode() if result.png else None,
            }
            say(answer | facts())


if __name__ == "__main__":
    main(*map(json.loads, (*sys.argv[1:3], "{}")[:2]))
