"""The types and ranges of `proposer.*`, `coder.*` and `solver.*` (run.py says where defaults and units stand)."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from mmzero_env.config.ranges import choice, choice_rule, declare, items, number, number_rule, text_rule, whole
from mmzero_rewards.config import TEMPERATURE, TOP_P
from mmzero_rewards.parsing.proposal import PROPOSAL_FIELDS

SHARE = number_rule(0, 1)


@dataclass
class Sampling:
    """`top_k`: -1 or 0 is off."""

    temperature: float = declare(TEMPERATURE)
    top_p: float = declare(TOP_P)
    top_k: int = whole(1, also=(-1, 0))


@dataclass
class TrainSampling(Sampling):
    """GRPO compares different roll-outs of a prompt, so this is never greedy (vLLM raises a temperature to 0.01)."""

    temperature: float = number(0.01, 10)
    top_k: int = whole(2, also=(-1, 0))


@dataclass
class ProposerSampling:
    train: TrainSampling = field(default_factory=TrainSampling)
    collect: Sampling = field(default_factory=Sampling)


@dataclass
class CoderSampling:
    train: TrainSampling = field(default_factory=TrainSampling)
    peer: Sampling = field(default_factory=Sampling)
    collect: Sampling = field(default_factory=Sampling)


@dataclass
class SolverSampling:
    train: TrainSampling = field(default_factory=TrainSampling)
    judge: Sampling = field(default_factory=Sampling)
    label: Sampling = field(default_factory=Sampling)


@dataclass
class Train:
    prompts_per_step: int = whole(1)
    prompts_per_update: int = whole(1)
    rollouts: int = whole(1)
    steps: int = whole(1)
    max_prompt_tokens: int = whole(1)
    max_response_tokens: int = whole(1)


@dataclass
class ProposerTrain(Train):
    rows: int | None = whole(1, also=(None,), default=None)


@dataclass
class Proposer:
    train: ProposerTrain = field(default_factory=ProposerTrain)
    sampling: ProposerSampling = field(default_factory=ProposerSampling)
    topics: list[str] = items(text_rule(), 1)
    overlap: int = whole(0, 1)
    solvability_cap: float = MISSING
    difficulty: str = MISSING
    easy_hard: dict[str, float] = MISSING
    content_type: dict[str, Any] = MISSING
    diversity: dict[str, Any] = MISSING
    no_render: str = MISSING
    empty_body: str = MISSING
    min_consistency: float = MISSING
    blind_penalty: float = MISSING
    unknown_penalty: float = MISSING


@dataclass
class CoderFilter:
    mode: str = choice("window", "window_then_variance", "variance", "off")
    window: list[float] = items(SHARE, 2, 2, ascending=True)
    target_rows: int = whole(1)
    attempt_budget: int = whole(1)
    min_rows: int = whole(1)


@dataclass
class Coder:
    train: Train = field(default_factory=Train)
    sampling: CoderSampling = field(default_factory=CoderSampling)
    samples: int = whole(1)
    prompt_fields: list[str] = items(choice_rule(*PROPOSAL_FIELDS), 1, distinct=True)
    languages: list[str] = MISSING
    judge: str = choice("solver", "coder_init")
    filter: CoderFilter = field(default_factory=CoderFilter)
    penalty: dict[str, float] = MISSING
    floor: float = MISSING
    leak_penalty: float = MISSING
    difficulty_weight: float = MISSING


@dataclass
class SolverFilter:
    proposals: int = whole(1)
    easy_metric: str = MISSING
    easy_min: float = MISSING
    hard_consistency: list[float] = MISSING
    require_hard_answer: bool = MISSING
    target_rows: int | None = whole(1, also=(None,), default=None)
    attempt_budget: int = whole(1)
    min_rows: int = whole(1)


@dataclass
class Solver:
    train: Train = field(default_factory=Train)
    sampling: SolverSampling = field(default_factory=SolverSampling)
    votes: int = whole(1)
    label_votes: int = whole(1)
    label_mode: str = choice("offline", "online", "shuffled", "truth", "caption", "program")
    programs: int = whole(1)
    row_sampling: str = choice("uniform", "variance", "margin")
    replay: float = number(0, 0.9)
    format_weight: float = MISSING
    vote: str = MISSING
    consistency_denominator: str = MISSING
    non_answers: list[str] = MISSING
    filter: SolverFilter = field(default_factory=SolverFilter)
