"""Proposals of earlier iterations, as neighbours of the current batch (docs/method.md §6.1 `diversity`: `memory`).

With `proposer.diversity.memory` = M, the Proposer of iteration i pays for repeating what P_{i-M} .. P_{i-1} proposed
when the Coder's data were collected. Read once, at the start of the stage; those files never change again.
"""

from pathlib import Path

import pyarrow.parquet as pq

from mmzero_rewards import Proposal
from mmzero_rewards.prompting import PROPOSAL_FIELDS
from recipe.mmzero.settings.folder import RunFolder, step_id

PER_ITERATION = 1000
"""Proposals read of one iteration, evenly over its rows: a step's clustering is quadratic in all texts together."""


def earlier_proposals(run_dir: Path, iteration: int, memory: int) -> list[Proposal]:
    """Valid proposals of the `memory` iterations before `iteration` (counted from 1), oldest first.

    Raises:
        FileNotFoundError: an earlier iteration has no proposals; one line.
    """
    found: list[Proposal] = []
    for number in range(max(1, iteration - memory), iteration):
        run = RunFolder(Path(run_dir))
        # Where no Coder is trained (evolution.train), the collection for the Solver has them.
        paths = [run.step(step_id(number, name)).proposals for name in ("collect_coder", "collect_solver")]
        path = next((path for path in paths if path.is_file()), paths[0])
        if not path.is_file():
            raise FileNotFoundError(
                f"proposer.diversity.memory={memory} needs {path}, which does not exist; set it to 0 or run iteration "
                f"{number} again"
            )
        table = pq.read_table(path, columns=[*PROPOSAL_FIELDS, "format_ok"]).to_pylist()
        rows = [{name: row[name] for name in PROPOSAL_FIELDS} for row in table if row["format_ok"]]
        count = min(len(rows), PER_ITERATION)
        found += [Proposal(**rows[i * len(rows) // count]) for i in range(count)]
    return found
