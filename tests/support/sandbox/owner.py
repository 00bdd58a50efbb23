"""An owner that is killed in the middle: opens an environment, keeps two snippets running, says so, and waits."""

import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from mmzero_env import RenderConfig, RenderEnv, RenderRequest

if __name__ == "__main__":
    with RenderEnv(RenderConfig(workers=2, timeout_s=60.0, cpu_s=60.0)) as env:
        for number in range(2):
            request = RenderRequest(f"open('mine', 'w').write('x')\nwhile {number + 1}: pass", "python")
            threading.Thread(target=env.render, args=(request,), daemon=True).start()
        while len(env._spawners) < 2:
            time.sleep(0.05)
        time.sleep(1.0)
        print("running", flush=True)
        time.sleep(600)
