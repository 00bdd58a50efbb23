"""The Proposer stage with one step of overlap and without, on the simulated capacities of a 7B.

    python tests/bench/overlap.py [--steps 12]

verl's own trainer steps and its buffer, with engine/train/overlap.py or without, on servers, renderer and training
times that config/gpus.yaml gives (tests/support/overlap_sim.py). Simulated seconds, the same on every machine; printed,
not asserted.
"""

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("VERL_LOGGING_LEVEL", "WARNING")  # its buffer reports every simulated minute

from recipe.mmzero.machine.forecast import pipeline  # noqa: E402
from recipe.mmzero.machine.forecast.workload import gpu_counts, stage  # noqa: E402
from recipe.mmzero.settings import schema  # noqa: E402
from tests.support.overlap_sim import Engine, Trainer  # noqa: E402

MACHINES = (("8 x H100", ["hardware=gpu8x80"]), ("16 x H100", ["hardware=multinode", "hardware.ray_address=h:1"]))
DIFFERENT = {"policy": "p", "proposer": "p", "coder": "c", "solver": "s"}  # checkpoints of a later iteration


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=12)
    steps = parser.parse_args().steps
    for name, words in MACHINES:
        config = schema.load(["model=qwen2_5_vl_7b", *words])
        described = stage(config, "proposer", DIFFERENT)
        resources = (described.groups, described.renderers, described.picture_s)
        took, rows = {}, {}
        for ahead in (False, True):
            engine = Engine(described.work, *resources, announced=ahead)
            trainer = Trainer(engine, steps, described.phases.total, ahead, described.poll_s)
            ends = trainer.train()
            took[ahead], rows[ahead] = ends[-1] / steps, engine.rows
        same = [sorted((row.step, row.row, row.session, row.seed) for row in some) for some in rows.values()]
        stale = sum(row.version < row.step - 1 for row in rows[True])
        older = max(row.step - 1 - row.version for row in rows[True])
        model = pipeline.overlapped(described.work, *resources, described.phases.total + described.poll_s)
        print(
            f"{name}, {'+'.join(map(str, gpu_counts(config, 'proposer').values()))}, {steps} steps: before "
            f"{took[False]:.1f} s a step, after {took[True]:.1f} s: {took[False] / took[True]:.2f} x the throughput "
            f"(the forecast's own simulation: {model:.1f} s)\n"
            f"  {len(same[0])} roll-outs, rows and seeds equal: {same[0] == same[1]}; {stale} of them "
            f"written by weights {older} version old"
        )


if __name__ == "__main__":
    main()
