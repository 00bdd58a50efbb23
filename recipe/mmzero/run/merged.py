"""A whole model where a stage has handed on an adapter: made by `mmzero export`, for the loop never loads torch."""

import os
import subprocess
import sys
from pathlib import Path

from recipe.mmzero.settings.folder import StepFolder


def whole_model(step: StepFolder) -> Path:
    """The step's `hf/`, made from its adapter if it has only that.

    Raises:
        OSError: it could not be made; the reason is in the message.
    """
    if (step.model / "config.json").exists() or not step.adapter.is_dir():
        return step.model
    command = [sys.executable, "-m", "recipe.mmzero.cli", "export", str(step.run.path), step.id, "--merged"]
    environment = {"OMP_NUM_THREADS": "1"} | os.environ
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(0, f"merging failed: {done.stderr.strip()[-500:]}", str(step.adapter))
    return step.model
