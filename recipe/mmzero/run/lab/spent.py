"""What a finished run asked of its models, so that arms can be compared at equal cost."""

import json
from pathlib import Path

from omegaconf import OmegaConf

from recipe.mmzero.run.plan import plan
from recipe.mmzero.settings.folder import RunFolder


def generations(run_dir: Path) -> int:
    """Texts that the models of a run wrote: the plan's number, of a collection the share of its budget that it used.

    An upper bound as `mmzero plan` is: what is not drawn is not asked about.

    Raises:
        OSError: a collection of the run has no summary.
    """
    folder = RunFolder(run_dir)
    total = 0.0
    for step in plan(OmegaConf.load(folder.config)):
        share = 1.0
        if step.kind == "collect":
            summary = json.loads(folder.step(step.id).summary.read_text())
            share = summary["attempts"] / summary["budget"]
        total += share * step.work.generations
    return round(total)
