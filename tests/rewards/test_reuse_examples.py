"""The two reuse examples compose a valid config of plain verl for a CPU; a real run of them needs the engine.

`--cfg job` makes verl print the composed configuration and end. Checked besides: the made-up rows, and that the reward
managers accept the settings that the script passes.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mmzero_rewards.managers.settings import ManagerConfig

REPO = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(find_spec("verl") is None, reason="verl is not installed")


def composed(script: str, out: Path, **environment: str) -> dict:
    shown = subprocess.run(
        ["bash", str(REPO / "examples" / script), str(out / "model"), "trainer.total_training_steps=3", "--cfg", "job"],
        env=os.environ
        | {"MMZERO_SETUP": "0", "MMZERO_VENV": sys.prefix, "PROFILE": "cpu", "OUT_DIR": str(out)}
        | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert shown.returncode == 0, shown.stderr[-2000:]
    lines = shown.stdout.splitlines()
    start, end = (
        lines.index("actor_rollout_ref:"),
        next(i for i, text in enumerate(lines) if text.startswith("metrics:")),
    )
    return yaml.safe_load("\n".join(lines[start:end]))


def check_common(config: dict, manager: str) -> None:
    reward = config["reward"]["reward_manager"]
    assert (reward["source"], reward["name"]) == ("importlib", manager)
    assert config["trainer"]["device"] == "cpu" and config["trainer"]["v1"]["trainer_mode"] == "sync"  # verl's own
    assert config["actor_rollout_ref"]["rollout"]["agent"]["default_agent_loop"] == "single_turn_agent"
    assert config["trainer"]["total_training_steps"] == 3  # what the caller adds comes last
    assert "mmzero" not in config


def test_solver_reward(tmp_path):
    config = composed("reuse_solver_reward.sh", tmp_path)
    check_common(config, "SolverRewardManager")
    assert ManagerConfig.from_dict(config["reward"]["reward_kwargs"]) == ManagerConfig.from_dict({})
    row = pd.read_parquet(config["data"]["train_files"]).iloc[0]
    assert row["prompt"][0]["content"].startswith("<image>") and Path(row["images"][0]["image"]).is_file()
    assert row["reward_model"]["ground_truth"]


def test_coder_reward(tmp_path):
    config = composed("reuse_coder_reward.sh", tmp_path, JUDGE_URL="http://127.0.0.1:9/v1")
    check_common(config, "CoderRewardManager")
    settings = ManagerConfig.from_dict(config["reward"]["reward_kwargs"], needs=("solver",))
    assert settings.peers["solver"].addresses == ("http://127.0.0.1:9/v1",)
    assert settings.prompts.solver == "{question}"
    row = pd.read_parquet(config["data"]["train_files"]).iloc[0]
    assert {"caption", "easy_question", "easy_answer", "hard_question"} <= row["extra_info"].keys()
