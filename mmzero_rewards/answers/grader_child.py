"""The child of children.py: answers "are these two equal?" with mathruler or math-verify, one JSON pair per line.

Run as a script (`python -I grader_child.py ENGINE CPU_SECONDS MEMORY_MB`), it imports nothing of this package. The
first line it writes is {"ready": version} or {"error": text}. The kernel ends it (SIGPROF) when one pair uses more
CPU time than allowed, which also works inside C code. It ends when its input closes, or when its parent is gone:
another process forked from the parent may hold the input open.
"""

import json
import os
import resource
import select
import signal
import sys
from collections.abc import Callable
from importlib.metadata import version


def mathruler() -> Callable[[str, str], bool]:
    from mathruler.grader import grade_answer

    return lambda a, b: bool(grade_answer(a, b))


def math_verify() -> Callable[[str, str], bool]:
    from math_verify import parse, verify

    def equal(a: str, b: str) -> bool:
        gold, answer = (parse(f"${text}$", parsing_timeout=None) for text in (b, a))
        return bool(verify(gold, answer, timeout_seconds=None))

    return equal


ORPHAN_CHECK_S = 5.0
ENGINES = {"mathruler": ("mathruler", mathruler), "math_verify": ("math-verify", math_verify)}


def main(engine: str, cpu_s: float, memory_mb: int) -> None:
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not look like a result
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent closes our input
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    distribution, load = ENGINES[engine]
    try:
        equal = load()
    except ImportError as error:
        print(json.dumps({"error": str(error)}), file=results, flush=True)
        return
    print(json.dumps({"ready": version(distribution)}), file=results, flush=True)
    parent = os.getppid()
    while os.getppid() == parent:
        if not select.select([sys.stdin], [], [], ORPHAN_CHECK_S)[0]:
            continue
        line = sys.stdin.readline()  # one request at a time: nothing is left in the buffer that select cannot see
        if not line:
            return
        a, b = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        try:
            outcome = equal(a, b)
        except Exception:  # whatever the library raises on model text means "not shown to be equal"
            outcome = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps(outcome), file=results, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
