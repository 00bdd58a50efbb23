"""`vllm serve` under a process that ends all of it: when its owner goes, when it is told to, or when the server dies.

vLLM's engine process renames itself, which overwrites the environment that /proc shows, so it cannot be found by the
step's token, and it may outlive a server that crashed. So this process stays its ancestor: orphans come back to it.
"""

import os
import signal
import subprocess
import sys

from recipe.mmzero.run.processes import tree

GRACE_S = 5.0
STARTS = "--- vllm serve starts"


def main() -> int:
    tree.end_with_owner()
    print(STARTS, flush=True)
    process = subprocess.Popen([sys.executable, "-m", "vllm.entrypoints.cli.main", *sys.argv[1:]])

    def told(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, told)
    try:
        code = process.wait()
        print(f"vllm serve ended with {f'signal {-code}' if code < 0 else f'exit code {code}'}", flush=True)
        return code
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            tree.end_step(os.environ[tree.TOKEN], root=os.getpid(), grace_s=GRACE_S, adopted=False)
        except tree.NotEnded as error:
            print(f"error: {error}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
