"""What a finished run asked of its models, so that arms can be compared at equal cost."""

import json
from pathlib import Path

from recipe.mmzero.run.plan import plan
from recipe.mmzero.run.record.configuration import of_run
from recipe.mmzero.run.record.journal import JournalError
from recipe.mmzero.settings.folder import RunFolder


def generations(run_dir: Path) -> int:
    """Texts that the models of a run wrote: the plan's number, of a collection the share of its budget that it used.

    An upper bound as `mmzero plan` is: what is not drawn is not asked about.

    Raises:
        OSError: a collection of the run has no summary.
        JournalError: a summary or the configuration is damaged; one line.
    """
    folder = RunFolder(run_dir)
    total = 0.0
    for step in plan(of_run(run_dir)):
        share = 1.0
        if step.kind == "collect":
            path = folder.step(step.id).summary
            try:
                summary = json.loads(path.read_text(encoding="utf-8"))
                share = summary["attempts"] / summary["budget"]
            except (ValueError, LookupError, TypeError, ZeroDivisionError):
                raise JournalError(f"{path} has no attempts and budget: it is damaged; restore it") from None
        total += share * step.work.generations
    return round(total)
