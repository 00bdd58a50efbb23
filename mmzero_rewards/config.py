"""Every number that decides a reward, as typed configuration with the method's key names (METHOD §2, §6).

`RewardConfig()` is the preset `default`; `RewardConfig.preset("paper")` reproduces the published reward arithmetic.
`RewardConfig.from_dict(mapping)` takes the same keys as nested dictionaries and names a wrong key together with the
nearest valid one. The YAML twins of the presets are recipe/mmzero/config/rewards/{paper,default}.yaml.

Not covered: sampling, batch sizes and data budgets (the recipe's configuration), rendering limits (mmzero_env).
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

NON_ANSWERS = (
    "",
    "none",
    "n/a",
    "na",
    "null",
    "unknown",
    "-",
    "cannot be determined",
    "not enough information",
    "not available",
    "not applicable",
)
"""Boxed contents that mean "unanswered", compared without case and mark-up. METHOD §2.0 has the first seven; the others
say the same in words, and a vote for them would make a silver label of not knowing."""

CONTENT_TYPES = ("data_chart", "diagram", "geometry", "timeline", "map", "table", "other")
"""The fixed list of picture classes; shares and entropy are taken over all seven (METHOD §2.1)."""


def choice(default: str, *others: str) -> Any:
    """A string field with a closed set of values; anything else is refused by `from_dict`."""
    return field(default=default, metadata={"choices": (default, *others)})


@dataclass(frozen=True)
class EasyHardConfig:
    """r_eh: `penalty` when the mean difficulty of the rendered pictures is below `threshold`."""

    threshold: float = 0.15
    penalty: float = 0.3


@dataclass(frozen=True)
class ContentTypeConfig:
    """r_ct: up to `penalty` when one class has more than `threshold` of the batch; how classes are found."""

    threshold: float = 0.5
    penalty: float = 0.15
    single_type: str = choice("penalise", "skip")
    fallback: str = choice("word", "substring", "none")


@dataclass(frozen=True)
class DiversityWeights:
    """Weight of each text field in r_div."""

    caption: float = 0.45
    easy_question: float = 0.20
    hard_question: float = 0.35


@dataclass(frozen=True)
class DiversityConfig:
    """r_div: clusters below distance `threshold`; `lambda_` scales the penalty; `memory` counts earlier iterations."""

    measure: str = choice("ngram_cosine", "bleu", "off")
    weights: DiversityWeights = field(default_factory=DiversityWeights)
    threshold: float = 0.25
    lambda_: float = 0.5
    memory: int = 0


@dataclass(frozen=True)
class ProposerConfig:
    solvability_cap: float = 0.5
    easy_hard: EasyHardConfig = field(default_factory=EasyHardConfig)
    content_type: ContentTypeConfig = field(default_factory=ContentTypeConfig)
    diversity: DiversityConfig = field(default_factory=DiversityConfig)
    no_render: str = choice("r_eh", "zero")
    empty_body: str = choice("error", "allow")
    min_consistency: float = 0.0
    blind_penalty: float = 0.0


@dataclass(frozen=True)
class CoderPenalty:
    no_render: float = 0.1
    no_code: float = 0.05
    wrong_type: float = 0.5


@dataclass(frozen=True)
class CoderConfig:
    penalty: CoderPenalty = field(default_factory=CoderPenalty)
    floor: float = -0.5
    leak_penalty: float = 0.3
    languages: tuple[str, ...] = ("svg",)


@dataclass(frozen=True)
class LabelFilterConfig:
    """Which labelled rows train the Solver (METHOD §2.3)."""

    easy_metric: str = choice("accuracy", "consistency")
    easy_min: float = 0.5
    hard_consistency: tuple[float, float] = (0.25, 0.75)
    require_hard_answer: bool = False


@dataclass(frozen=True)
class SolverConfig:
    """`vote`: equal canonical keys are one answer; `union_find` also joins keys that the grader calls equal."""

    format_weight: float = 0.1
    vote: str = choice("union_find", "canonical")
    consistency_denominator: str = choice("all", "valid")
    non_answers: tuple[str, ...] = NON_ANSWERS
    filter: LabelFilterConfig = field(default_factory=LabelFilterConfig)


@dataclass(frozen=True)
class GradingConfig:
    """`grader` decides equality; `symbolic` adds a math-verify step in a child process (builtin grader only)."""

    grader: str = choice("builtin", "mathruler")
    symbolic: bool = False


@dataclass(frozen=True)
class BlindConfig:
    """Share of items whose hard question is asked once more without the picture."""

    fraction: float = 0.1


@dataclass(frozen=True)
class ChecksConfig:
    blind: BlindConfig = field(default_factory=BlindConfig)


@dataclass(frozen=True)
class RewardConfig:
    """All scoring keys of the three roles."""

    proposer: ProposerConfig = field(default_factory=ProposerConfig)
    coder: CoderConfig = field(default_factory=CoderConfig)
    solver: SolverConfig = field(default_factory=SolverConfig)
    grading: GradingConfig = field(default_factory=GradingConfig)
    checks: ChecksConfig = field(default_factory=ChecksConfig)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> "RewardConfig":
        """Build from nested dictionaries; missing keys keep the defaults.

        Raises:
            ValueError: unknown key (names it and the nearest valid one), wrong type, or a value outside its choices.
        """
        return _build(cls, mapping, "", _dotted_keys(cls))

    @classmethod
    def preset(cls, name: str, overrides: Mapping[str, Any] | None = None) -> "RewardConfig":
        """The preset `paper` or `default` (METHOD §6.2) with `overrides` (nested dictionaries) laid over it."""
        if name not in PRESETS:
            raise ValueError(f"rewards preset {name!r} does not exist; choose one of {', '.join(PRESETS)}")
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


def _key_of(name: str) -> str:
    """Field name -> key: a trailing underscore only avoids Python's keyword `lambda`."""
    return name.rstrip("_")


def _dotted_keys(cls: type, prefix: str = "") -> list[str]:
    keys = []
    for item in fields(cls):
        dotted = prefix + _key_of(item.name)
        keys.append(dotted)
        inner = item.type if is_dataclass(item.type) else None
        if inner:
            keys += _dotted_keys(inner, dotted + ".")
    return keys


def _build(cls: type, mapping: Any, prefix: str, valid: list[str]) -> Any:
    if not isinstance(mapping, Mapping):
        raise ValueError(f"rewards key '{prefix.rstrip('.') or 'rewards'}' must be a mapping, got {mapping!r}")
    known = {_key_of(item.name): item for item in fields(cls)}
    values = {}
    for key, value in mapping.items():
        dotted = f"{prefix}{key}"
        if key not in known:
            raise ValueError(f"unknown rewards key '{dotted}'{_nearest(dotted, valid)}")
        item = known[key]
        values[item.name] = (
            _build(item.type, value, dotted + ".", valid) if is_dataclass(item.type) else _checked(item, dotted, value)
        )
    return cls(**values)


def _nearest(dotted: str, valid: list[str]) -> str:
    close = difflib.get_close_matches(dotted, valid, n=1, cutoff=0.5)
    if not close:
        by_name = {key.rsplit(".", 1)[-1]: key for key in valid}
        close = [by_name[name] for name in difflib.get_close_matches(dotted.rsplit(".", 1)[-1], by_name, n=1)]
    return f"; did you mean '{close[0]}'?" if close else f"; valid keys: {', '.join(valid[:8])}, ..."


def _checked(item: Any, dotted: str, value: Any) -> Any:
    """`value` converted to the field's type, or ValueError naming the key."""
    choices = item.metadata.get("choices")
    if choices and value not in choices:
        raise ValueError(f"rewards key '{dotted}' is {value!r}; choose one of {', '.join(choices)}")
    if item.type is bool:
        if not isinstance(value, bool):
            raise ValueError(f"rewards key '{dotted}' must be true or false, got {value!r}")
        return value
    if item.type is str:
        return value
    if item.type in (int, float):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
            raise ValueError(f"rewards key '{dotted}' must be a number, got {value!r}")
        if item.type is int and value != int(value):
            raise ValueError(f"rewards key '{dotted}' must be a whole number, got {value!r}")
        return item.type(value)
    return _checked_list(item, dotted, value)


def _checked_list(item: Any, dotted: str, value: Any) -> tuple:
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise ValueError(f"rewards key '{dotted}' must be a list, got {value!r}")
    items = tuple(value)
    if item.name == "hard_consistency":
        numbers = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in items)
        if len(items) != 2 or not numbers or items[0] > items[1]:
            raise ValueError(f"rewards key '{dotted}' must be [low, high] with low <= high, got {value!r}")
        return (float(items[0]), float(items[1]))
    if not all(isinstance(x, str) for x in items):
        raise ValueError(f"rewards key '{dotted}' must be a list of strings (quote null as \"null\"), got {value!r}")
    if item.name == "languages" and (not items or set(items) - {"svg", "python"}):
        raise ValueError(f"rewards key '{dotted}' may hold svg and python, got {list(items)!r}")
    return items
