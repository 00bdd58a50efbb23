"""Start a stage's engine process: warm on a machine without GPUs, plain otherwise."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from recipe.mmzero.platform.warm import WarmServer
from recipe.mmzero.stages.environment import stage_environment

# Ray starts its workers with this executable; verl passes the key on (ray_kwargs.ray_init.runtime_env).
WORKER_EXECUTABLE = "MMZERO_WORKER_EXECUTABLE"


def run_python(config: DictConfig, step_dir: Path, argv: Sequence[str], metrics: Path | None = None) -> int:
    """Run `python ARGV` in this process's group and wait; its deadline is the loop's watchdog.

    Returns:
        The exit status; 128 + N if signal N ended it.
    """
    environment = dict(os.environ) | stage_environment(config, metrics)
    print("+ python " + " ".join(argv), flush=True)
    started = time.time()
    if config.hardware.kind == "cpu":
        with WarmServer(step_dir, environment) as warm:
            environment |= warm.environment | {WORKER_EXECUTABLE: warm.executable}
            code = subprocess.run([warm.executable, *argv], env=environment, check=False).returncode
    else:
        code = subprocess.run([sys.executable, *argv], env=environment, check=False).returncode
    print(f"{argv[1]} ended with {code} after {time.time() - started:.0f} s", flush=True)
    return code if code >= 0 else 128 - code
