"""Every ablation changes exactly what its header says, and nothing else; every decision that has a key has one."""

import re
from importlib import resources

import pytest
import yaml
from omegaconf import OmegaConf

from recipe.mmzero.settings import schema

FOLDER = resources.files("recipe.mmzero.config").joinpath("ablation")
NAMES = sorted(path.name.removesuffix(".yaml") for path in FOLDER.iterdir() if path.name.endswith(".yaml"))
# On a real model: the tiny one has numbers of its own where an ablation compares with the paper's.
MODEL = ["model=qwen2_5_vl_7b", "hardware=gpu8x80"]
# Rows of method.md §6.1 with a key of their own. Not here: rows without a key (coder_difficulty, voting, missing_hard,
# prompt_format, seeds) and rows whose alternative we refuse to offer (failures that are scored, an external test set).
DECISIONS = [
    "coder_judge",
    "coder_prompt",
    "coder_language",
    "coder_penalties",
    "leak",
    "blind",
    "no_render",
    "single_type",
    "type_fallback",
    "diversity",
    "consistency",
    "grader",
    "empty_body",
    "solver_label",
    "label_agreement",
    "easy_filter",
    "hard_filter",
    "render_filter",
    "small_data",
    "solver_init",
    "background",
    "blank",
    "picture_size",
    "judge_sampling",
    "kl_anchor",
    "k_resolution",
]
PUBLISHED = ["solvability_cap", "content_type_penalty", "no_filters"]  # ablations of the paper and the reference


@pytest.fixture(scope="module")
def default():
    return plain(schema.load(MODEL))


def plain(config):
    return dict(leaves(OmegaConf.to_container(config, resolve=True)))


def leaves(node, prefix=""):
    for key, value in node.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def stated(name):
    """key -> (old, new), read from the `# changes KEY: OLD -> NEW` lines of the header."""
    found = {}
    for line in FOLDER.joinpath(f"{name}.yaml").read_text().splitlines():
        match = re.fullmatch(r"# changes ([\w.]+): (.+) -> (.+)", line)
        if match:
            found[match[1]] = (yaml.safe_load(quoted(match[2])), yaml.safe_load(quoted(match[3])))
    return found


def quoted(text):
    return f'"{text}"' if text == "off" else text  # YAML 1.1 reads a bare off as false


@pytest.mark.parametrize("name", [name for name in NAMES if name != "none"])
def test_changes_what_its_header_says(name, default):
    changed = plain(schema.load([*MODEL, f"ablation={name}"]))
    assert changed.keys() == default.keys()
    found = {key: (default[key], value) for key, value in changed.items() if value != default[key]}
    assert found == stated(name) and found, f"{name}.yaml changes {found}, its header says {stated(name)}"


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("none", "picture_size")])
def test_composes_with_the_tiny_loop(name):
    schema.load([f"ablation={name}"])


def test_none_changes_nothing(default):
    assert plain(schema.load([*MODEL, "ablation=none"])) == default


def test_every_decision_has_one():
    assert not [name for name in DECISIONS + PUBLISHED if name not in NAMES]


@pytest.mark.parametrize("name", ["paper", "default", "verified"])
def test_rewards_presets_equal_the_library(name):
    from mmzero_rewards import RewardConfig

    config = schema.load([f"rewards={name}"])
    ours = RewardConfig.from_dict(schema.scoring(config))
    preset = RewardConfig.preset(name)
    assert ours.proposer.diversity.measure == preset.proposer.diversity.measure
    assert ours.grading.grader == preset.grading.grader
    assert ours.solver.consistency_denominator == preset.solver.consistency_denominator
    assert ours.coder.leak_penalty == preset.coder.leak_penalty
    assert ours.proposer.difficulty == preset.proposer.difficulty
    assert ours.coder.difficulty_weight == preset.coder.difficulty_weight
    assert ours.verify == preset.verify
    assert config.solver.label_mode == ("caption" if name == "verified" else "offline")
