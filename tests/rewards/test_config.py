"""Reward configuration: key names, presets, their YAML twins, and what a wrong key says."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mmzero_rewards.config import PRESETS, RewardConfig

YAML_FOLDER = Path(__file__).parents[2] / "recipe" / "mmzero" / "config" / "rewards"


@pytest.mark.parametrize("name", PRESETS)
def test_yaml_equals_preset(name):
    text = (YAML_FOLDER / f"{name}.yaml").read_text()
    assert text.startswith("# @package _global_\n")
    values = yaml.safe_load(text)
    assert values["solver"].pop("label_mode", "offline") == ("caption" if name == "verified" else "offline")
    assert values == PRESETS[name]
    assert RewardConfig.from_dict(values) == RewardConfig.preset(name)


def test_default_preset_is_the_dataclass_default():
    assert RewardConfig.preset("default") == RewardConfig() == RewardConfig.from_dict({})


def test_presets_differ_only_where_method_says():
    paper, default = RewardConfig.preset("paper"), RewardConfig()
    assert (paper.proposer.no_render, default.proposer.no_render) == ("zero", "r_eh")
    assert (paper.coder.leak_penalty, default.coder.leak_penalty) == (0.0, 0.3)
    assert paper.proposer.empty_body == default.proposer.empty_body == "error"
    assert paper.proposer.diversity.weights == default.proposer.diversity.weights


def test_overrides_lie_over_the_preset():
    config = RewardConfig.preset("paper", {"proposer": {"diversity": {"lambda": 1, "weights": {"caption": 1.0}}}})
    assert config.proposer.diversity.lambda_ == 1.0
    assert config.proposer.diversity.measure == "bleu"
    assert config.proposer.diversity.weights.easy_question == 0.20


@pytest.mark.parametrize(
    "mapping, words",
    [
        ({"propser": {}}, "unknown rewards key 'propser'; did you mean 'proposer'?"),
        ({"proposer": {"solvability_cp": 1}}, "did you mean 'proposer.solvability_cap'?"),
        ({"proposer": {"diversity": {"lambda_": 1}}}, "did you mean 'proposer.diversity.lambda'?"),
        ({"coder": {"penalty": {"norender": 1}}}, "did you mean 'coder.penalty.no_render'?"),
        ({"solver": {"format_wieght": 1}}, "did you mean 'solver.format_weight'?"),
        ({"grading": {"grader": "sympy"}}, "'grading.grader' is 'sympy'; choose one of builtin, mathruler"),
        ({"proposer": {"solvability_cap": "high"}}, "must be a number"),
        ({"proposer": {"solvability_cap": True}}, "must be a number"),
        ({"proposer": {"min_consistency": float("nan")}}, "must be a number"),
        ({"proposer": {"diversity": {"memory": 1.5}}}, "must be a whole number"),
        ({"proposer": {"easy_hard": 0.3}}, "'proposer.easy_hard' must be a mapping"),
        ({"coder": {"languages": "svg"}}, "must be a list"),
        ({"coder": {"languages": ["tikz"]}}, "may hold svg and python"),
        ({"solver": {"non_answers": [None]}}, "list of strings"),
        ({"solver": {"filter": {"hard_consistency": [0.8, 0.2]}}}, "low <= high"),
        ({"grading": {"symbolic": "yes"}}, "must be true or false"),
    ],
)
def test_wrong_key_or_value(mapping, words):
    with pytest.raises(ValueError) as error:
        RewardConfig.from_dict(mapping)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_unknown_preset():
    with pytest.raises(ValueError, match="choose one of default, paper"):
        RewardConfig.preset("ours")


def test_package_imports_neither_verl_nor_torch():
    code = "import sys, mmzero_rewards; print([m for m in ('verl', 'torch', 'ray', 'sympy') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert shown.stdout.strip() == "[]"
