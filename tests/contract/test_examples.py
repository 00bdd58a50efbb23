"""The scripts a person starts: they parse, explain themselves, and print their plan on a machine without GPUs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted([*ROOT.glob("examples/**/*.sh"), *ROOT.glob("examples/**/*.sbatch")])
RUNS = [path for path in SCRIPTS if path.name.startswith("run_mmzero_") or path.parent.name == "stages"]
RUNS = [path for path in RUNS if not path.name.startswith("lib")]
HELPFUL = [path for path in SCRIPTS if not path.name.startswith(("lib", "setup_env", "slurm", "reuse_lib"))]


def bash(path, *words, **environment):
    # The environment is the one this test runs in: nothing is installed.
    prefix = Path(sys.prefix)
    settings = {"MMZERO_SETUP": "0", "MMZERO_VENV": str(prefix)}
    return subprocess.run(
        ["bash", str(path), *words],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | settings | environment,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def label(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SCRIPTS, ids=label)
def test_parses(path):
    assert subprocess.run(["bash", "-n", str(path)], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("path", HELPFUL, ids=label)
def test_help(path):
    done = bash(path, "--help")
    assert done.returncode == 0, done.stderr
    assert path.name in done.stdout and "Environment:" in done.stdout


@pytest.mark.parametrize("path", RUNS, ids=label)
def test_help_lists_every_key(path):
    assert "prompts_per_step" in bash(path, "--help").stdout


@pytest.mark.parametrize("path", RUNS, ids=label)
def test_plan(path):
    done = bash(path, "--plan", "evolution.iterations=1", ITERATIONS="1")
    assert done.returncode == 0, done.stderr
    for step in (
        "iter_01/proposer",
        "iter_01/collect_coder",
        "iter_01/coder",
        "iter_01/collect_solver",
        "iter_01/solver",
    ):
        assert step in done.stdout
    if path.name.startswith("run_mmzero_") and "tiny" not in path.name:
        assert done.stdout.count("verl.trainer.main_ppo") == 3, "one resolved verl command per training stage"
        assert "n_gpus_per_node: 8" in done.stdout


def test_environment_and_words_override(tmp_path):
    script = ROOT / "examples" / "run_mmzero_qwen2.5vl_7b.sh"
    done = bash(script, "--plan", "stage.steps=7", MODEL_PATH="/models/mine", HARDWARE="gpu8x40", ITERATIONS="1")
    assert "total_training_steps: 7" in done.stdout and "offload_policy: true" in done.stdout
    assert "iter_02" not in done.stdout


def test_gpu_script_stops_at_the_doctor(tmp_path):
    """No GPU: one clear line, exit 1, nothing started."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "dirname", "basename", "cat"):
        (tools / name).symlink_to(f"/bin/{name}" if Path(f"/bin/{name}").exists() else f"/usr/bin/{name}")
    done = bash(ROOT / "examples" / "run_mmzero_qwen2.5vl_7b.sh", RUN_DIR=str(tmp_path / "run"), PATH=str(tools))
    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines() if line.startswith("FAIL")] == done.stdout.splitlines()[-1:]
    assert "needs 8 GPUs of 80 GB" in done.stdout and not (tmp_path / "run").exists()


def test_ablate_lists_and_refuses():
    script = ROOT / "examples" / "ablate.sh"
    listed = bash(script, "--list").stdout
    assert "coder_judge" in listed and "solvability_cap" in listed
    refused = bash(script, "nothing")
    assert refused.returncode == 2 and refused.stderr.startswith("error: no ablation 'nothing'")
    assert "iter_01/solver" in bash(script, "leak", "--plan").stdout


def test_nothing_ends_processes_by_name():
    words = ("pkill", "killall", "ray stop")
    lines = [line for path in SCRIPTS for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    assert not [line for line in lines for word in words if word in line]
