#!/usr/bin/env python3
"""Run one step of the loop alone, from made-up inputs: one_stage.py STEP RUN_DIR [--no-checkpoint] [key=value ...]

STEP: proposer, collect_coder, coder, collect_solver or solver. Every checkpoint is `model.path`, so no step needs
another one and several can run side by side: each has a Ray, a folder for temporary files and a log of its own. The
step's process is started, watched and ended by the project's own supervisor.

--no-checkpoint   train and print metrics, write no checkpoint (16 bytes per parameter)
--picture N       side of the Solver's pictures in pixels (112)

one_stage.py --plan FILE: for each line of FILE (STEP RUN_DIR ...) rows and verl's config are written and verl validates
them; nothing starts, no GPU is needed.

Writes RUN_DIR/result-STEP.json for table.py. Exit code: the step's.
"""

import json
import os
import shlex
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from made_rows import write_rows
from omegaconf import OmegaConf

from recipe.mmzero.machine import capacity
from recipe.mmzero.machine.base_model import base_folder
from recipe.mmzero.machine.forecast.calls import calls_at_once
from recipe.mmzero.run.plan import stage_words
from recipe.mmzero.run.processes import supervise
from recipe.mmzero.run.processes import tree as processes
from recipe.mmzero.run.processes.signs import Signs
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.checks.layout import PEERS, ROLES
from recipe.mmzero.settings.verl import config as verl_config

PEARSON = "training/rollout_actor_probs_pearson_corr"
SHOWN = ("timing_s/", "perf/", "actor/grad_norm", "training/rollout_", "response_length/mean", "prompt_length/mean")


def without_checkpoint(step_file: str) -> int:
    """The training stage without its last part, in the supervised process."""
    from recipe.mmzero.engine.train import stage as train
    from recipe.mmzero.engine.train.summary import merge_metrics

    processes.end_with_owner()
    step = OmegaConf.load(step_file)
    train.write_rows(step.config, step)
    verl_config.write(step.config, step)
    code = train.run_verl(step.config, step)
    merge_metrics(Path(step.step_dir))
    return code


def described(config, stage: str, run_dir: Path, picture: int) -> Path:
    """STEP_DIR/step.yaml, as the loop writes it."""
    role = stage.removeprefix("collect_")
    step_dir = run_dir / "iter_01" / stage
    step_dir.mkdir(parents=True, exist_ok=True)
    base = str(base_folder(config))
    inputs = {name: base for name in PEERS[stage]}
    if stage in ROLES:
        inputs |= {"policy": base, "data": str(write_rows(config, role, step_dir, picture))}
    document = {"id": f"iter_01/{stage}", "role": role, "iteration": 1, "attempt": 1, "step_dir": str(step_dir)}
    document |= {"inputs": inputs, "config": OmegaConf.to_container(config, resolve=True)}
    document["calls"] = calls_at_once(config, stage, inputs)
    step_file = step_dir / "step.yaml"
    step_file.write_text(OmegaConf.to_yaml(OmegaConf.create(document)))
    return step_file


def check_only(stage: str, step_file: Path) -> int:
    """verl's own validation of what this stage would run."""
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import omega_conf_to_dataclass, validate_config

    from recipe.mmzero.engine.servers import frozen_rollout_config

    step = OmegaConf.load(step_file)
    if stage in ROLES:
        from recipe.mmzero.engine.train.stage import write_rows as order_rows

        order_rows(step.config, step)
        verl_config.write(step.config, step)
        full = verl_config.composed(verl_config.stage_config(step.config, step))
        validate_config(full, use_reference_policy=need_reference_policy(full), use_critic=need_critic(full))
        for block in (full.actor_rollout_ref.actor, full.actor_rollout_ref.rollout):
            omega_conf_to_dataclass(block)
    else:
        omega_conf_to_dataclass(frozen_rollout_config(verl_config.collect_rollout(step.config, stage)[0], {}))
    print(f"{stage}: composes in {step.step_dir}", flush=True)
    return 0


def attempt(config, stage: str, step_file: Path, run_dir: Path, checkpoint: bool) -> supervise.Ended:
    command = [sys.executable, *stage_words("train" if stage in ROLES else "collect", step_file)]
    if not checkpoint:
        command = [sys.executable, str(Path(__file__).resolve()), "--inner", str(step_file)]
    started, steps = time.monotonic(), config[stage].train.steps if stage in ROLES else 0
    return supervise.attempt(
        command,
        step_file.parent,
        run_dir / "logs" / f"{stage}.log",
        processes.new_token(),
        Signs(step_file.parent, stage.removeprefix("collect_"), 1, steps),
        dict(os.environ),
        config.watchdog.startup_s,
        config.watchdog.step_s,
        config.evolution.kill_grace_s,
        lambda line: print(f"{stage} {time.monotonic() - started:5.0f} s: {line}", flush=True),
    )


def steps_of(step_dir: Path) -> list[dict[str, float]]:
    files = sorted(step_dir.glob("metrics.attempt*.jsonl"))
    return [json.loads(line)["data"] for file in files for line in file.read_text().splitlines()]


def main(words: list[str]) -> int:
    if words[0] == "--inner":
        return without_checkpoint(words[1])
    if words[0] == "--plan":
        return max(
            main([*shlex.split(line), "--check"]) for line in Path(words[1]).read_text(encoding="utf-8").splitlines()
        )
    stage, run_dir, rest = words[0], Path(words[1]).resolve(), words[2:]
    picture = int(rest.pop(rest.index("--picture") + 1)) if "--picture" in rest else 112
    checkpoint = "--no-checkpoint" not in rest
    overrides = [word for word in rest if not word.startswith("--")] + [f"run_dir={run_dir}"]
    if not checkpoint:
        overrides.append(f"verl.{stage}.trainer.save_freq=-1")
    config = schema.load(overrides)
    step_file = described(config, stage, run_dir, picture)
    if "--check" in rest:
        return check_only(stage, step_file)

    def stop(number, _frame):
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    processes.adopt_orphans()
    started = time.monotonic()
    ended = attempt(config, stage, step_file, run_dir, checkpoint)
    seconds = time.monotonic() - started
    log = run_dir / "logs" / f"{stage}.log"
    print(f"{stage}: {'ok' if not ended.cause else 'FAILED: ' + ended.cause}, {seconds:.0f} s, log {log}", flush=True)
    if ended.cause:
        for line in supervise.tail(log, 12):
            print(f"  | {line[:240]}")
    steps = steps_of(step_file.parent)
    for number, values in enumerate(steps, 1):
        shown = {k: v for k, v in values.items() if k.startswith(SHOWN)}
        print(f"{stage} step {number}: " + "  ".join(f"{k}={v:.4g}" for k, v in sorted(shown.items())))
    verdict = capacity.judge(config, stage)
    result = {"stage": stage, "ok": not ended.cause, "cause": ended.cause, "seconds": seconds, "steps": steps}
    result |= {"computed": {part.phase: part.total for part in verdict.parts} if verdict else {}}
    (run_dir / f"result-{stage}.json").write_text(json.dumps(result))
    correlations = [values[PEARSON] for values in steps if PEARSON in values]
    if not ended.cause and config.model.name == "tiny" and correlations and min(correlations) < 0.9:
        print(f"{stage}: FAILED: rollout and actor disagree, correlation {min(correlations):.3f}", flush=True)
        return 1
    return ended.code


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except schema.ConfigError as wrong:
        sys.exit(f"error: {wrong}")
