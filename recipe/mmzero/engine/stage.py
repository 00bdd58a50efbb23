"""One step's process, as the loop starts it: `python -m recipe.mmzero.engine.stage train|collect STEP_DIR/step.yaml`.

It runs engine/train/stage.py or engine/collect/stage.py as a child, forked on a machine without GPUs, and ends the
whole step when the loop is gone, however that ended. For that it must not depend on the warm server, which ends with
the loop; so it starts as any process does, and imports little.

Exit codes: those of the child; 128 + N if signal N ended it.
"""

import sys

from omegaconf import OmegaConf

from recipe.mmzero.run.processes import tree
from recipe.mmzero.run.processes.launch import run_python


def main(argv: list[str]) -> int:
    kind, description = argv
    tree.end_with_owner()
    return run_python(OmegaConf.load(description).config, ["-m", f"recipe.mmzero.engine.{kind}.stage", description])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
