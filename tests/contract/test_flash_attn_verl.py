"""verl's remove-padding path on the stand-in for flash-attn, against transformers' eager attention."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]


@pytest.fixture
def installed(tmp_path):
    """The stand-in as an installed distribution: transformers asks for its name and version."""
    (tmp_path / "flash_attn").symlink_to(REPO / "examples/install/flash-attn-torch/flash_attn")
    info = tmp_path / "flash_attn-2.8.3+torch.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: flash-attn\nVersion: 2.8.3+torch\n")
    (info / "top_level.txt").write_text("flash_attn\n")
    return tmp_path


def run(installed, *words):
    command = [sys.executable, str(REPO / "tests/contract/packed_model.py"), *words]
    path = os.pathsep.join([str(installed), str(REPO), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "VERL_PLATFORM": "cpu", "OMP_NUM_THREADS": "1"}
    environment |= {"VERL_USE_EXTERNAL_MODULES": "recipe.mmzero.plugin", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_packed_prompts_are_those_of_each_alone(installed):
    found = run(installed)
    assert found["flash_attn"] == "2.8.3+torch" and found["vision"] == "flash_attention_2"
    assert found["calls"] == 2, "one call per text layer: verl took another path"
    assert found["log_probs"] < 1e-5 and found["gradients"] < 1e-4, found


def test_fused_log_probabilities_are_the_same_without_logits(installed):
    """`use_fused_kernels` with verl's torch backend, which the GPU profiles set; fp32 inside, whatever the model is."""
    found = run(installed, "--fused")
    assert not found["logits"] and found["calls"] == 2
    assert found["log_probs"] < 1e-5 and found["gradients"] < 1e-4, found


def test_the_comparison_notices_lost_boundaries(installed):
    found = run(installed, "--without-boundaries")
    assert found["log_probs"] > 1e-3 and found["gradients"] > 1e-2, found
