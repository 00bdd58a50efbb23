"""Every decision of method.md §6.1 has its key in a run's configuration, and the two presets differ as §6.2 says."""

from importlib import resources

import pytest
from omegaconf import OmegaConf

from mmzero_rewards.config import RewardConfig
from recipe.mmzero.settings import schema

CODER_PROMPT = str(resources.files("recipe.mmzero.config").joinpath("prompts", "coder.txt"))

# row of §6.1 (or section 2) -> key -> another value that a command line can give
DECISIONS = {
    "coder_judge": {"coder.judge": "coder_init"},
    "coder_prompt": {"coder.prompt_fields": ["caption"]},
    "coder_language": {"coder.languages": ["svg", "python"]},
    "coder_penalties": {
        "coder.penalty.no_render": 0.2,
        "coder.penalty.no_code": 0.3,
        "coder.penalty.wrong_type": 0.4,
        "coder.floor": -0.9,
    },
    "leak": {"coder.leak_penalty": 0.7},
    "blind": {"checks.blind.fraction": 0.2, "proposer.blind_penalty": 0.1},
    "no_render": {"proposer.no_render": "zero"},
    "single_type": {"proposer.content_type.single_type": "skip"},
    "type_fallback": {"proposer.content_type.fallback": "none"},
    "diversity": {
        "proposer.diversity.measure": "off",
        "proposer.diversity.memory": 2,
        "proposer.diversity.weights.caption": 0.5,
        "proposer.diversity.weights.easy_question": 0.3,
        "proposer.diversity.weights.hard_question": 0.1,
        "proposer.diversity.threshold": 0.4,
        "proposer.diversity.lambda": 0.6,
    },
    "consistency": {"solver.consistency_denominator": "valid"},
    "voting": {"solver.vote": "canonical"},
    "grader": {"grading.grader": "mathruler"},
    "empty_body": {"proposer.empty_body": "allow"},
    "solver_label": {"solver.label_mode": "online"},
    "label_agreement": {"solver.filter.require_hard_answer": True},
    "easy_filter": {"solver.filter.easy_metric": "consistency", "solver.filter.easy_min": 0.6},
    "hard_filter": {"solver.filter.hard_consistency": [0.3, 0.7]},
    "render_filter": {
        "coder.filter.mode": "window",
        "coder.filter.window": [0.1, 0.9],
        "coder.filter.target_rows": 100,
        "coder.filter.attempt_budget": 1000,
        "coder.filter.min_rows": 64,
    },
    "solver_init": {"evolution.solver_init": "base"},
    "background": {"render.background": "#eeeeee"},
    "blank": {"render.blank": "allow"},
    "picture_size": {"image.min_pixels": 1000, "image.max_pixels": 100000},
    "failures": {"failures.max_retries": 5, "failures.max_fraction": 0.1},
    "prompt_format": {"model.prompts": "full", "prompts.coder": CODER_PROMPT},
    "judge_sampling": {
        "solver.sampling.judge.temperature": 0.5,
        "solver.sampling.label.top_p": 0.9,
        "solver.sampling.train.top_k": 7,
    },
    "kl_anchor": {"kl.coef": 0.02, "kl.type": "kl"},
    "seeds": {"seed": 7},
    "k_resolution": {"solver.votes": 6, "proposer.min_consistency": 0.3},
    "2.0": {"solver.non_answers": ["none"]},
    "2.1": {
        "proposer.solvability_cap": 0.6,
        "proposer.easy_hard.threshold": 0.1,
        "proposer.easy_hard.penalty": 0.2,
        "proposer.content_type.threshold": 0.6,
        "proposer.content_type.penalty": 0.2,
    },
    "2.2": {"coder.samples": 3},
    "2.3": {"solver.format_weight": 0.2, "solver.label_votes": 8},
    "10": {
        "proposer.difficulty": "agreement",
        "proposer.unknown_penalty": 0.4,
        "coder.difficulty_weight": 0.5,
        "verify.caption": True,
        "verify.program": True,
        "verify.votes": 7,
        "verify.max_tokens": 100,
        "verify.min_consistency": 0.7,
        "solver.programs": 3,
        "solver.row_sampling": "variance",
        "solver.replay": 0.3,
    },
}
KEYS = {key: value for row in DECISIONS.values() for key, value in row.items()}

PRESET_KEYS = {  # docs/method.md §6.2: key -> (paper, default)
    "proposer.no_render": ("zero", "r_eh"),
    "proposer.content_type.single_type": ("skip", "penalise"),
    "proposer.content_type.fallback": ("substring", "word"),
    "proposer.diversity.measure": ("bleu", "ngram_cosine"),
    "solver.consistency_denominator": ("valid", "all"),
    "grading.grader": ("mathruler", "builtin"),
    "coder.leak_penalty": (0.0, 0.3),
    "solver.filter.easy_metric": ("consistency", "accuracy"),
}


@pytest.fixture(scope="module")
def default():
    return schema.load()


def flat(config) -> dict:
    found = {}

    def walk(value, name):
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{name}.{key}" if name else key)
        else:
            found[name] = value

    walk(OmegaConf.to_container(config, resolve=True), "")
    return found


@pytest.mark.parametrize("row", DECISIONS)
def test_decision_has_its_key(default, row):
    names = flat(default)
    assert [key for key in DECISIONS[row] if key not in names] == []


def test_every_decision_can_be_made_on_the_command_line(default):
    def spelled(value):
        return f"[{','.join(map(str, value))}]" if isinstance(value, list) else f"'{value}'"

    typed = {key: spelled(value) if isinstance(value, (list, str)) else value for key, value in KEYS.items()}
    room = "solver.train.max_prompt_tokens=512"  # for the larger picture
    changed = schema.load([room, *(f"{key}={value}" for key, value in typed.items())])
    for key, value in KEYS.items():
        found = OmegaConf.select(changed, key)
        found = OmegaConf.to_container(found) if OmegaConf.is_config(found) else found
        assert found == value != OmegaConf.select(default, key), key


def test_scoring_follows_the_command_line(default):
    """A documented key that changes nothing would be a lie: the reward's own configuration holds it."""
    assert RewardConfig.from_dict(schema.scoring(default)) == RewardConfig()
    config = schema.load(["proposer.diversity.lambda=0.9", "solver.vote=canonical", "coder.penalty.no_code=0.4"])
    rewards = RewardConfig.from_dict(schema.scoring(config))
    assert rewards.proposer.diversity.lambda_ == 0.9
    assert (rewards.solver.vote, rewards.coder.penalty.no_code) == ("canonical", 0.4)


def test_presets_differ_exactly_where_method_says(default):
    paper, ours = flat(schema.load(["rewards=paper"])), flat(default)
    assert paper.keys() == ours.keys()
    different = {key: (paper[key], ours[key]) for key in ours if paper[key] != ours[key]}
    assert different == PRESET_KEYS
    assert paper["coder.languages"] == ["svg"]  # fixed by the paper's preset


def test_the_paper_preset_scores_as_the_package_does():
    config = schema.load(["rewards=paper"])
    rewards = RewardConfig.from_dict(schema.scoring(config))
    paper = RewardConfig.preset("paper")
    assert (rewards.proposer, rewards.coder, rewards.grading) == (paper.proposer, paper.coder, paper.grading)
    assert rewards.solver.consistency_denominator == paper.solver.consistency_denominator
