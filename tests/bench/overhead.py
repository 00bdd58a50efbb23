"""What our trainer, dumps and metrics cost: the tiny model trained by plain verl and by our Solver stage, paired.

    python tests/bench/overhead.py RUN_DIR [--steps 12] [--pairs 2]      about three minutes a pair on two free cores

RUN_DIR: any finished run of the tiny model; its iter_01/collect_solver/train.parquet are the rows of both. Plain verl
is its own synchronous trainer, its single-turn loop and its `naive` reward manager with a function that looks reward
values up in a file (what the labelling votes of the rows would get); everything else of its configuration is equal.
The CPU platform is ours in both. Both look for finished roll-outs every 0.05 s instead of every 2 s, which would hide
a difference or invent one. The first step of each is left out. Goal: at most 5% of a step.

On a machine with other work the ratio of whole steps says nothing; the share of our own work (all that is no roll-out,
a forward or backward pass, or a transfer) still does.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import pandas as pd
from omegaconf import OmegaConf, open_dict

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from recipe.mmzero.engine.train import stage  # noqa: E402
from recipe.mmzero.run.processes import tree  # noqa: E402
from recipe.mmzero.run.processes.launch import run_python  # noqa: E402
from recipe.mmzero.settings import schema  # noqa: E402
from recipe.mmzero.settings.verl import config as verl_config  # noqa: E402
from recipe.mmzero.tiny.cache import base_folder  # noqa: E402

SAMPLER = '''
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

class Quick(ReplayBuffer):
    """Looks 40 times as often whether all roll-outs are there."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs | {"poll_interval": 0.05})
'''
REWARD = '''
import hashlib, json

VALUES = json.load(open("@FILE@"))

def compute_score(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    """A value of the row, by the text: read, not computed."""
    values = VALUES[str(int(extra_info["index"]))]
    return values[hashlib.sha256(solution_str.encode()).digest()[0] % len(values)]
'''


def prepared(folder: Path, run_dir: Path, steps: int, overrides: list[str]):
    """A Solver stage of its own folder as the loop would describe it, with verl.yaml and rows written."""
    config = schema.load([f"run_dir={folder}", f"stage.steps={steps}", f"stage.save_every={steps}", *overrides])
    step_dir = folder / "iter_01" / "solver"
    step_dir.mkdir(parents=True)
    inputs = {"policy": str(base_folder()), "data": str(run_dir / "iter_01" / "collect_solver" / "train.parquet")}
    described = {"id": "iter_01/solver", "role": "solver", "iteration": 1, "attempt": 1, "step_dir": str(step_dir)}
    step = OmegaConf.create(described | {"inputs": inputs})
    stage.write_rows(config, step)
    verl_config.write(config, step)
    sampler = folder / "sampler.py"
    sampler.write_text(SAMPLER)
    document = OmegaConf.load(step_dir / "verl.yaml")
    with open_dict(document):
        document.trainer.v1.sampler = {"custom_sampler": {"path": str(sampler), "name": "Quick"}}
    OmegaConf.save(document, step_dir / "verl.yaml")
    return config, step, step_dir


def ours(folder: Path, run_dir: Path, steps: int, overrides: list[str]) -> list[dict[str, float]]:
    config, step, step_dir = prepared(folder, run_dir, steps, overrides)
    return trained(config, step, step_dir)


def plain(folder: Path, run_dir: Path, steps: int, overrides: list[str]) -> list[dict[str, float]]:
    """verl's own trainer, loop and reward manager on the same rows."""
    config, step, step_dir = prepared(folder, run_dir, steps, overrides)
    values = folder / "values.json"
    rows = pd.read_parquet(step_dir / "rows.parquet")
    rows["agent_name"] = "single_turn_agent"
    rows.to_parquet(step_dir / "rows.parquet")
    reward_values(rows, values)
    reward = folder / "reward.py"
    reward.write_text(REWARD.replace("@FILE@", str(values)))
    document = OmegaConf.load(step_dir / "verl.yaml")
    with open_dict(document):
        del document.mmzero
        document.trainer.v1.trainer_mode = "sync"
        document.actor_rollout_ref.rollout.agent = {"num_workers": 1, "default_agent_loop": "single_turn_agent"}
        document.actor_rollout_ref.actor.checkpoint.save_contents = ["model", "optimizer", "extra", "hf_model"]
        document.reward = {
            "num_workers": 1,
            "custom_reward_function": {"path": str(reward), "name": "compute_score"},
            "reward_manager": {"source": "register", "name": "naive"},
        }
    OmegaConf.save(document, step_dir / "verl.yaml")
    return trained(config, step, step_dir)


def trained(config, step, step_dir: Path) -> list[dict[str, float]]:
    """The metrics of each step."""
    metrics = verl_config.metrics_file(step)
    code = run_python(config, verl_config.command(step_dir)[1:], metrics)
    if code:
        raise SystemExit(f"verl ended with {code}")
    return [json.loads(line)["data"] for line in metrics.read_text().splitlines()]


def reward_values(rows: pd.DataFrame, target: Path) -> None:
    """Row -> the values (docs/method.md §2.3) that its labelling votes would get: right ones 1, others the format's."""
    values = {}
    for row in rows["extra_info"]:
        values[str(int(row["index"]))] = [0.1 + 0.9 * (vote == row["label"]) for vote in row["hard_votes"]]
    target.write_text(json.dumps(values), encoding="utf-8")


def seconds(steps: list[dict[str, float]], name: str) -> float:
    return statistics.median(data.get(name, 0.0) for data in steps[1:])


PARTS = ("gen", "old_log_prob", "ref", "update_actor", "update_weights", "save_checkpoint")


def own(steps: list[dict[str, float]]) -> float:
    """Median seconds of a step in which no roll-out, pass or transfer runs: advantages, metrics, dumps, drops."""
    return statistics.median(
        data["timing_s/step"] - sum(data.get(f"timing_s/{name}", 0.0) for name in PARTS) for data in steps[1:]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of both")
    options = parser.parse_args()
    tree.adopt_orphans()
    names = ("step", "gen", "old_log_prob", "ref", "adv", "update_actor", "update_weights")
    ratios, shares = [], []
    with tempfile.TemporaryDirectory() as place:
        for pair in range(options.pairs):
            arguments = (options.run_dir.resolve(), options.steps, options.set)
            first = plain(Path(place) / f"plain{pair}", *arguments)
            second = ours(Path(place) / f"ours{pair}", *arguments)
            for said, found in (("plain verl", first), ("our stage", second)):
                parts = ", ".join(f"{name} {seconds(found, f'timing_s/{name}'):.3f}" for name in names)
                tokens = seconds(found, "perf/total_num_tokens")
                print(f"{said}: medians of steps 2 to {options.steps} in s: {parts}; {tokens:.0f} tokens", flush=True)
            ratios.append(seconds(second, "timing_s/step") / seconds(first, "timing_s/step"))
            shares.append([own(one) / seconds(one, "timing_s/step") for one in (first, second)])
    print(f"our stage / plain verl, a step: {', '.join(f'{ratio:.3f}' for ratio in ratios)}")
    said = ", ".join(f"{before:.1%} and {after:.1%}" for before, after in shares)
    print(f"work that is no roll-out, pass or transfer, share of a step, plain verl and ours: {said}")


if __name__ == "__main__":
    main()
