"""The rules behind check.py: which number of a step means trouble, its threshold, and the sentence for a person.

A rule's measure gives None where it does not apply or where too few items were counted. A training number is its mean
over the last `window` training steps; infrastructure numbers and the KL are the worst such mean of the stage, because
they also count when they were bad for a while. Thresholds: settings/alarms.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from recipe.mmzero.report.data.read import COLLECTING, Series, finite
from recipe.mmzero.settings.alarms import AlarmConfig


@dataclass(frozen=True)
class Numbers:
    """What the rules look at: a training stage's `series`, or a collection's `summary`."""

    step_id: str
    iteration: int
    name: str
    series: Series
    summary: dict[str, Any]

    @property
    def collects(self) -> bool:
        return self.name in COLLECTING

    def recent(self, metric: str, window: int) -> float | None:
        """Mean over the last `window` logged training steps."""
        values = [value for _, value in self.series.get(metric, [])][-window:]
        return sum(values) / len(values) if values else None

    def worst(self, metric: str, window: int, smallest: bool = False) -> float | None:
        """Largest (or smallest) mean over any `window` consecutive logged steps; a shorter series counts whole."""
        values = [value for _, value in self.series.get(metric, [])]
        size = min(window, len(values))
        means = [sum(values[i : i + size]) / size for i in range(len(values) - size + 1)] if size else []
        return (min(means) if smallest else max(means)) if means else None

    def rollouts(self, window: int) -> float:
        """Roll-outs of the last `window` steps; unknown counts as enough."""
        counts = [value for _, value in self.series.get(f"mmzero/{self.name}/rollouts", [])]
        return sum(counts[-window:]) if counts else float("inf")

    def count(self, name: str) -> float:
        return finite(self.summary.get(name)) or 0.0

    def rejected(self) -> dict[str, float]:
        found = self.summary.get("rejected")
        return {str(k): v for k, raw in found.items() if (v := finite(raw))} if isinstance(found, dict) else {}


Measure = Callable[[Numbers, AlarmConfig], float | None]


@dataclass(frozen=True)
class Rule:
    """`measure` gives the number (None: does not apply); it is wrong above (or below) the threshold `key`."""

    name: str
    key: str
    measure: Measure
    sentence: str
    above: bool = True


def _recent(*metrics: str) -> Measure:
    """First of the metrics that this stage logs; `{role}` is the stage's role. Needs `min_count` roll-outs."""

    def measure(numbers: Numbers, config: AlarmConfig) -> float | None:
        if numbers.collects or numbers.rollouts(config.window) < config.min_count:
            return None
        found = (numbers.recent(metric.format(role=numbers.name), config.window) for metric in metrics)
        return next((value for value in found if value is not None), None)

    return measure


def _worst(metric: str, smallest: bool = False) -> Measure:
    def measure(numbers: Numbers, config: AlarmConfig) -> float | None:
        return None if numbers.collects else numbers.worst(metric.format(role=numbers.name), config.window, smallest)

    return measure


def _collected(name: str) -> Measure:
    """A mean over the accepted rows of a collection."""

    def measure(numbers: Numbers, config: AlarmConfig) -> float | None:
        enough = numbers.collects and numbers.count("accepted") >= config.min_count
        return finite(numbers.summary.get(name)) if enough else None

    return measure


def _either(*measures: Measure) -> Measure:
    return lambda numbers, config: next((v for m in measures if (v := m(numbers, config)) is not None), None)


def _collected_blank(numbers: Numbers, config: AlarmConfig) -> float | None:
    enough = numbers.collects and numbers.count("codes") >= config.min_count
    return numbers.count("status/blank") / numbers.count("codes") if enough else None


def _collected_render_rate(numbers: Numbers, config: AlarmConfig) -> float | None:
    enough = numbers.collects and numbers.count("codes") >= config.min_count
    return finite(numbers.summary.get("render_rate")) if enough else None


def _acceptance(numbers: Numbers, config: AlarmConfig) -> float | None:
    attempts = numbers.count("attempts")
    return numbers.count("accepted") / attempts if numbers.collects and attempts >= config.min_count else None


def _target_share(numbers: Numbers, config: AlarmConfig) -> float | None:
    target = numbers.count("target")
    return numbers.count("accepted") / target if numbers.collects and target else None


def _too_easy(numbers: Numbers, config: AlarmConfig) -> float | None:
    """Of the rows that got a label: the share that the filter refused as too easy."""
    rejected = numbers.rejected()
    labelled = numbers.count("accepted") + rejected.get("too_easy", 0) + rejected.get("too_hard", 0)
    applies = numbers.name == "collect_solver" and labelled >= config.min_count
    return rejected.get("too_easy", 0) / labelled if applies else None


def _policy_entropy(numbers: Numbers, config: AlarmConfig) -> float | None:
    """Policy entropy now, as a share of its value at the start of the stage."""
    values = numbers.series.get("actor/entropy", [])
    if numbers.collects or len(values) < 2 * config.window or values[0][1] <= 0:
        return None
    return numbers.recent("actor/entropy", config.window) / values[0][1]


def _dropped(numbers: Numbers, config: AlarmConfig) -> float | None:
    if numbers.collects:
        attempts = numbers.count("attempts")
        return numbers.count("dropped") / attempts if attempts >= config.min_count else None
    return numbers.worst(f"mmzero/{numbers.name}/dropped_fraction", config.window)


RULES = (
    Rule(
        "leak",
        "leak_rate_max",
        _either(_recent("mmzero/{role}/leak/mean"), _collected("leak")),
        "{value:.0%} of the pictures have an answer written into them: the Coder gives answers away instead of drawing "
        "data; look at the leaks in the gallery, raise coder.leak_penalty or shorten coder.prompt_fields",
    ),
    Rule(
        "blind",
        "blind_rate_max",
        _either(_recent("mmzero/{role}/blind_rate/mean"), _collected("blind_rate")),
        "{value:.0%} of the hard answers come out the same without the picture: the questions do not need it; set "
        "proposer.blind_penalty",
    ),
    Rule(
        "blank",
        "blank_rate_max",
        _either(_recent("mmzero/{role}/pictures/blank"), _collected_blank),
        "{value:.0%} of the drawings are blank pictures: code that runs but shows nothing",
    ),
    Rule(
        "render_collapse",
        "render_rate_min",
        _either(_recent("mmzero/{role}/render_rate"), _collected_render_rate),
        "only {value:.0%} of the codes draw: the Solver and the difficulty terms see almost no pictures",
        above=False,
    ),
    Rule(
        "starvation",
        "acceptance_min",
        _acceptance,
        "only {value:.1%} of the proposals passed the filter: the next stage trains on few rows; see the reasons for "
        "rejection, widen the window or raise attempt_budget",
        above=False,
    ),
    Rule(
        "below_target",
        "target_share_min",
        _target_share,
        "the budget ended at {value:.0%} of the wanted rows; raise attempt_budget or lower target_rows",
        above=False,
    ),
    Rule(
        "too_easy",
        "hard_consistency_max",
        _recent("mmzero/{role}/mean_hard_consistency/mean", "mmzero/{role}/hard_consistency/mean"),
        "the Solver agrees with itself on {value:.0%} of the answers to hard questions: they have become easy",
    ),
    Rule(
        "too_hard",
        "hard_consistency_min",
        _recent("mmzero/{role}/mean_hard_consistency/mean", "mmzero/{role}/hard_consistency/mean"),
        "the Solver agrees with itself on only {value:.0%} of the answers to hard questions: it guesses, labels are "
        "noise",
        above=False,
    ),
    Rule(
        "labels_too_easy",
        "too_easy_max",
        _too_easy,
        "{value:.0%} of the labelled rows were refused as too easy: difficulty drifts towards what the Solver can do",
    ),
    Rule(
        "content_collapse",
        "content_entropy_min",
        _recent("mmzero/{role}/batch/content_entropy"),
        "content-type entropy is {value:.2f} of 1 over the fixed list: the Proposer writes almost only one kind of "
        "picture; raise proposer.content_type.penalty",
        above=False,
    ),
    Rule(
        "policy_collapse",
        "policy_entropy_share_min",
        _policy_entropy,
        "policy entropy fell to {value:.0%} of its start: roll-outs of one prompt become copies; raise kl.coef or the "
        "sampling temperature",
        above=False,
    ),
    Rule(
        "label_disagreement",
        "label_agreement_min",
        _collected("label_agrees"),
        "the Solver's silver label equals the Proposer's own hard answer in only {value:.0%} of the rows: one of the "
        "two is wrong most of the time",
        above=False,
    ),
    Rule(
        "kl",
        "kl_max",
        _worst("actor/kl_loss"),
        "KL to the stage's start reached {value:.2f} nat per token: the policy ran away; lower optim.lr, raise kl.coef",
    ),
    Rule(
        "engine_mismatch",
        "probs_corr_min",
        _worst("training/rollout_actor_probs_pearson_corr", smallest=True),
        "log-probabilities of rollout engine and trainer correlate only {value:.3f}: weights are stale or the engines "
        "compute different things",
        above=False,
    ),
    Rule(
        "engine_difference",
        "probs_diff_max",
        _worst("training/rollout_probs_diff_mean"),
        "token probabilities of rollout engine and trainer differ by {value:.3f} on average",
    ),
    Rule(
        "clipping",
        "clip_ratio_max",
        _recent("response_length/clip_ratio"),
        "{value:.0%} of the responses hit the length limit and are scored as cut off; raise max_response_tokens",
    ),
    Rule(
        "peer_failures",
        "dropped_max",
        _dropped,
        "{value:.1%} of the samples were lost to failures of peers or renderer; the log has the first one",
    ),
    Rule(
        "no_signal",
        "zero_variance_max",
        _recent("mmzero/{role}/zero_variance_groups"),
        "{value:.0%} of the groups have equal rewards: almost nothing is learned from them",
    ),
)
