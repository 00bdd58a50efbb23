"""Start a stage's engine process: warm on a machine without GPUs, plain otherwise."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from recipe.mmzero.run.processes.warm import EXECUTABLE, WarmServer
from recipe.mmzero.settings.environment import inherited, stage_environment


def run_python(config: DictConfig, argv: Sequence[str], metrics: Path | None = None) -> int:
    """Run `python ARGV` in this process's group and wait; its deadline is the loop's watchdog.

    On a machine without GPUs it is forked from the run's warm server, or from one of its own if there is none.

    Returns:
        The exit status; 128 + N if signal N ended it.
    """
    environment = inherited(config) | stage_environment(config, metrics)
    print("+ python " + " ".join(argv), flush=True)
    started = time.time()
    if config.hardware.kind == "cpu" and EXECUTABLE not in environment:
        with WarmServer(environment) as warm:
            code = _run(warm.executable, argv, environment | warm.environment)
    else:
        code = _run(environment.get(EXECUTABLE, sys.executable), argv, environment)
    print(f"{argv[1]} ended with {code} after {time.time() - started:.0f} s", flush=True)
    return code if code >= 0 else 128 - code


def _run(executable: str, argv: Sequence[str], environment: dict[str, str]) -> int:
    return subprocess.run([executable, *argv], env=environment, check=False).returncode
