"""Every number that decides a reward, as typed configuration with the method's key names (docs/method.md §2, §6).

`RewardConfig()` is the preset `default`; `RewardConfig.preset("paper")` reproduces the published reward arithmetic.
`RewardConfig.from_dict(mapping)` takes the same keys as nested dictionaries and names a wrong key together with the
nearest valid one. The YAML twins of the presets are recipe/mmzero/config/rewards/{paper,default}.yaml.

Not covered: sampling, batch sizes and data budgets (the recipe's configuration), rendering limits (mmzero_env).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from mmzero_env.config.hints import did_you_mean, nearest
from mmzero_env.config.ranges import (
    RULE,
    Rule,
    choice,
    choice_rule,
    declare,
    flag,
    items,
    items_rule,
    key_of,
    number,
    number_rule,
    rules_of,
    whole,
)

_SAID = """
    none, n/a, na, null, unknown, -, cannot be determined, not enough information, not available, not applicable,
    i don't know, not sure, unclear, cannot determine, unable to determine, impossible to determine, undetermined,
    not determinable, cannot tell, unable to tell, impossible to tell, cannot say, cannot answer, unable to answer,
    unanswerable, no answer, insufficient information, insufficient data, not enough data, not given, not shown,
    not specified, unspecified, not stated, not mentioned, not provided, not visible, not in the picture, not known,
    unsure, idk
"""
NON_ANSWERS = ("", *(" ".join(one.split()) for one in _SAID.split(",")))
"""Boxed contents that mean "unanswered", compared without case, mark-up and what frames them. method.md §2.0 has the
first seven; the others say the same in words, and a vote for them would make a silver label of not knowing."""

CONTENT_TYPES = ("data_chart", "diagram", "geometry", "timeline", "map", "table", "other")
"""The fixed list of picture classes; shares and entropy are taken over all seven (docs/method.md §2.1)."""


SHARE = number_rule(0, 1)
STRINGS = replace(
    items_rule(Rule("a string", lambda one: isinstance(one, str))), says='a list of strings (quote null as "null")'
)
POINTS = number_rule(0, 10)  # of reward; the largest that the method knows is 1
# Of sampling, for a run's settings and for those of peers alike.
TEMPERATURE = number_rule(0, 10)
TOP_P = number_rule(above=0, most=1)


@dataclass(frozen=True)
class EasyHardConfig:
    """r_eh: `penalty` when the mean difficulty of the rendered pictures is below `threshold`."""

    threshold: float = declare(SHARE, 0.15)
    penalty: float = declare(POINTS, 0.3)


@dataclass(frozen=True)
class ContentTypeConfig:
    """r_ct: up to `penalty` when one class has more than `threshold` of the batch; how classes are found."""

    threshold: float = number(0, below=1, default=0.5)
    penalty: float = declare(POINTS, 0.15)
    single_type: str = choice("penalise", "skip", default="penalise")
    fallback: str = choice("word", "substring", "none", default="word")


@dataclass(frozen=True)
class DiversityWeights:
    """Weight of each text field in r_div."""

    caption: float = declare(SHARE, 0.45)
    easy_question: float = declare(SHARE, 0.20)
    hard_question: float = declare(SHARE, 0.35)


@dataclass(frozen=True)
class DiversityConfig:
    """r_div: clusters below distance `threshold`; `lambda_` scales the penalty; `memory` counts earlier iterations."""

    measure: str = choice("ngram_cosine", "bleu", "off", default="ngram_cosine")
    weights: DiversityWeights = field(default_factory=DiversityWeights)
    threshold: float = declare(SHARE, 0.25)
    lambda_: float = declare(POINTS, 0.5)
    memory: int = whole(0, 1000, default=0)


@dataclass(frozen=True)
class ProposerConfig:
    solvability_cap: float = declare(SHARE, 0.5)
    difficulty: str = choice("consistency", "agreement", default="consistency")
    easy_hard: EasyHardConfig = field(default_factory=EasyHardConfig)
    content_type: ContentTypeConfig = field(default_factory=ContentTypeConfig)
    diversity: DiversityConfig = field(default_factory=DiversityConfig)
    no_render: str = choice("r_eh", "zero", default="r_eh")
    empty_body: str = choice("error", "allow", default="error")
    min_consistency: float = declare(SHARE, 0.0)
    blind_penalty: float = declare(POINTS, 0.0)
    unknown_penalty: float = declare(POINTS, 0.0)


@dataclass(frozen=True)
class CoderPenalty:
    no_render: float = declare(POINTS, 0.1)
    no_code: float = declare(POINTS, 0.05)
    wrong_type: float = declare(POINTS, 0.5)


@dataclass(frozen=True)
class CoderConfig:
    penalty: CoderPenalty = field(default_factory=CoderPenalty)
    floor: float = number(-10, 0, default=-0.5)
    leak_penalty: float = declare(POINTS, 0.3)
    difficulty_weight: float = declare(POINTS, 1.0)
    languages: tuple[str, ...] = items(choice_rule("svg", "python"), 1, distinct=True, default=("svg",))


@dataclass(frozen=True)
class LabelFilterConfig:
    """Which labelled rows train the Solver (docs/method.md §2.3)."""

    easy_metric: str = choice("accuracy", "consistency", default="accuracy")
    easy_min: float = declare(SHARE, 0.5)
    hard_consistency: tuple[float, float] = items(SHARE, 2, 2, ascending=True, default=(0.25, 0.75))
    require_hard_answer: bool = flag(default=False)


@dataclass(frozen=True)
class SolverConfig:
    """`vote`: equal canonical keys are one answer; `union_find` also joins keys that the grader calls equal."""

    format_weight: float = declare(SHARE, 0.1)
    vote: str = choice("union_find", "canonical", default="union_find")
    consistency_denominator: str = choice("all", "valid", default="all")
    non_answers: tuple[str, ...] = declare(STRINGS, NON_ANSWERS)
    filter: LabelFilterConfig = field(default_factory=LabelFilterConfig)


@dataclass(frozen=True)
class GradingConfig:
    """`grader` decides equality; `symbolic` adds a math-verify step in a child process (builtin grader only)."""

    grader: str = choice("builtin", "mathruler", default="builtin")
    symbolic: bool = flag(default=False)


@dataclass(frozen=True)
class BlindConfig:
    """Share of items whose hard question is asked once more without the picture."""

    fraction: float = declare(SHARE, 0.1)


@dataclass(frozen=True)
class ChecksConfig:
    blind: BlindConfig = field(default_factory=BlindConfig)


@dataclass(frozen=True)
class VerifyConfig:
    """Evidence beside the picture (docs/method.md §10): `caption` asks the Solver `votes` times with the caption in
    place of the picture, in at most `max_tokens` tokens; `program` compares the answers that Python drawings compute. A
    question counts as well-posed where at least the share `min_consistency` of them agree. A label from the caption is
    kept where at least the share `min_seen` of the answers to the picture, and at least one of them, is that label.
    """

    caption: bool = flag(default=False)
    program: bool = flag(default=False)
    votes: int = whole(1, 1000, default=5)
    max_tokens: int = whole(1, default=512)
    min_consistency: float = declare(SHARE, 0.6)
    min_seen: float = declare(SHARE, 0.0)


@dataclass(frozen=True)
class RewardConfig:
    """All scoring keys of the three roles."""

    proposer: ProposerConfig = field(default_factory=ProposerConfig)
    coder: CoderConfig = field(default_factory=CoderConfig)
    solver: SolverConfig = field(default_factory=SolverConfig)
    grading: GradingConfig = field(default_factory=GradingConfig)
    checks: ChecksConfig = field(default_factory=ChecksConfig)
    verify: VerifyConfig = field(default_factory=VerifyConfig)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> "RewardConfig":
        """Build from nested dictionaries; missing keys keep the defaults.

        Raises:
            ValueError: unknown key (names it and the nearest valid one), wrong type, or a value outside its choices.
        """
        return _build(cls, mapping, "", tuple(rules_of(cls)))

    @classmethod
    def preset(cls, name: str, overrides: Mapping[str, Any] | None = None) -> "RewardConfig":
        """The preset `paper`, `default` or `verified` (docs/method.md §6.2, §10), `overrides` laid over it."""
        if name not in PRESETS:
            names = f"{', '.join(PRESETS)}{did_you_mean(name, PRESETS)}"
            raise ValueError(f"rewards preset {name!r} does not exist; choose one of {names}")
        return cls.from_dict(_merge(PRESETS[name], overrides or {}))


PRESETS: dict[str, dict[str, Any]] = {
    "default": {
        "proposer": {
            "no_render": "r_eh",
            "content_type": {"single_type": "penalise", "fallback": "word"},
            "diversity": {"measure": "ngram_cosine"},
        },
        "coder": {"leak_penalty": 0.3},
        "solver": {"consistency_denominator": "all", "filter": {"easy_metric": "accuracy"}},
        "grading": {"grader": "builtin"},
    },
    "paper": {
        "proposer": {
            "no_render": "zero",
            "content_type": {"single_type": "skip", "fallback": "substring"},
            "diversity": {"measure": "bleu"},
        },
        "coder": {"leak_penalty": 0.0, "languages": ["svg"]},
        "solver": {"consistency_denominator": "valid", "filter": {"easy_metric": "consistency"}},
        "grading": {"grader": "mathruler"},
    },
}


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


PRESETS["verified"] = PRESETS["default"] | {
    "proposer": PRESETS["default"]["proposer"] | {"difficulty": "agreement", "unknown_penalty": 0.5},
    "coder": PRESETS["default"]["coder"] | {"difficulty_weight": 0.0},
    "solver": _merge(PRESETS["default"]["solver"], {"filter": {"hard_consistency": [0.25, 0.95]}}),
    "verify": {"caption": True, "min_seen": 0.4},
}


def _build(cls: type, mapping: Any, prefix: str, valid: Sequence[str]) -> Any:
    if not isinstance(mapping, Mapping):
        raise ValueError(f"rewards key '{prefix.rstrip('.') or 'rewards'}' must be a mapping, got {mapping!r}")
    known = {key_of(item): item for item in fields(cls)}
    values = {}
    for key, value in mapping.items():
        dotted = f"{prefix}{key}"
        if key not in known:
            blocks = {key.rpartition(".")[0] for key in valid} - {""}
            listed = f"; valid keys: {', '.join(valid[:8])}, ..."
            found = nearest(dotted, [*valid, *sorted(blocks)])
            raise ValueError(f"unknown rewards key '{dotted}'" + (f"; did you mean '{found}'?" if found else listed))
        item = known[key]
        values[item.name] = (
            _build(item.type, value, dotted + ".", valid) if is_dataclass(item.type) else _checked(item, dotted, value)
        )
    return cls(**values)


def _checked(item: Any, dotted: str, value: Any) -> Any:
    """`value` converted to the field's type, or ValueError naming the key."""
    if item.type is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    several = not isinstance(value, str) and hasattr(value, "__iter__")
    if item.type not in (int, float, str, bool) and not several:
        raise ValueError(f"rewards key '{dotted}' must be a list, got {value!r}")
    problem = item.metadata[RULE].problem(f"rewards key '{dotted}'", tuple(value) if several else value)
    if problem:
        raise ValueError(problem)
    if several:
        return tuple(float(one) if isinstance(one, int) else one for one in value)
    return item.type(value) if item.type in (int, float) else value
