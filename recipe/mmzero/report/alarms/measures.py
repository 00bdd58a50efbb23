"""What the alarm rules measure: a number of one step, or None where it does not apply or is of too few items.

A training number is its mean over the last `window` training steps; infrastructure numbers and the KL are the worst
such mean of the stage, because they also count when they were bad for a while. METRICS.md says what each number is of.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from recipe.mmzero.report.data.read import COLLECTING, Series, finite
from recipe.mmzero.report.data.truth import Rates
from recipe.mmzero.settings.types.alarms import AlarmConfig


@dataclass(frozen=True)
class Numbers:
    """What the rules look at: a training stage's `series`, or a collection's `summary`.

    `top_p`: of the training roll-outs; the engine's probabilities are those after this cut. `truth`: what was measured
    at the start of the run and now, where truth is known (falls.py).
    """

    step_id: str
    iteration: int
    name: str
    series: Series
    summary: dict[str, Any]
    top_p: float = 1.0
    truth: tuple[Rates, Rates] | None = None

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

    def items(self, metric: str, window: int) -> float:
        """How many items the metric's last `window` values are of; unknown counts as enough.

        A mean is of the roll-outs that have the value at all, which may be few: leaks only of what was drawn.
        """
        own = f"mmzero/{self.name}/"
        number = f"{metric.removesuffix('/mean')}/n" if metric.endswith("/mean") else OF.get(metric, "")
        for name in (number, own + "rollouts"):
            counts = [value for _, value in self.series.get(name, [])]
            if counts:
                return sum(counts[-window:])
        return math.inf

    def count(self, name: str) -> float:
        return finite(self.summary.get(name)) or 0.0

    def rejected(self) -> dict[str, float]:
        found = self.summary.get("rejected")
        return {str(k): v for k, raw in found.items() if (v := finite(raw))} if isinstance(found, dict) else {}


OF = {"mmzero/proposer/batch/content_entropy": "mmzero/proposer/batch/valid"}
"""Batch metric -> the metric that says of how many items it is."""

Measure = Callable[[Numbers, AlarmConfig], float | None]


def recent(*metrics: str) -> Measure:
    """First of the metrics that this stage logs; `{role}` is the stage's role. Needs `min_count` items."""

    def measure(numbers: Numbers, config: AlarmConfig) -> float | None:
        if numbers.collects:
            return None
        for metric in (metric.format(role=numbers.name) for metric in metrics):
            value = numbers.recent(metric, config.window)
            if value is not None:
                return value if numbers.items(metric, config.window) >= config.min_count else None
        return None

    return measure


def worst(metric: str, smallest: bool = False) -> Measure:
    def measure(numbers: Numbers, config: AlarmConfig) -> float | None:
        return None if numbers.collects else numbers.worst(metric.format(role=numbers.name), config.window, smallest)

    return measure


def collected(name: str, of: str = "accepted") -> Measure:
    """A mean over the accepted rows of a collection; `of`: how many of them have the value."""

    def measure(numbers: Numbers, config: AlarmConfig) -> float | None:
        enough = numbers.collects and numbers.count(of) >= config.min_count
        return finite(numbers.summary.get(name)) if enough else None

    return measure


def either(*measures: Measure) -> Measure:
    return lambda numbers, config: next((v for m in measures if (v := m(numbers, config)) is not None), None)


def collected_blank(numbers: Numbers, config: AlarmConfig) -> float | None:
    enough = numbers.collects and numbers.count("codes") >= config.min_count
    return numbers.count("status/blank") / numbers.count("codes") if enough else None


def collected_render_rate(numbers: Numbers, config: AlarmConfig) -> float | None:
    enough = numbers.collects and numbers.count("codes") >= config.min_count
    return finite(numbers.summary.get("render_rate")) if enough else None


def acceptance(numbers: Numbers, config: AlarmConfig) -> float | None:
    attempts = numbers.count("attempts")
    return numbers.count("accepted") / attempts if numbers.collects and attempts >= config.min_count else None


def target_share(numbers: Numbers, config: AlarmConfig) -> float | None:
    target = numbers.count("target")
    return numbers.count("accepted") / target if numbers.collects and target else None


def too_easy(numbers: Numbers, config: AlarmConfig) -> float | None:
    """Of the rows that got a label: the share that the filter refused as too easy."""
    rejected = numbers.rejected()
    labelled = numbers.count("accepted") + rejected.get("too_easy", 0) + rejected.get("too_hard", 0)
    applies = numbers.name == "collect_solver" and labelled >= config.min_count
    return rejected.get("too_easy", 0) / labelled if applies else None


def policy_entropy(numbers: Numbers, config: AlarmConfig) -> float | None:
    """Policy entropy over the last `window` steps, as a share of the first `window` steps of the stage.

    One step alone is no start: its entropy depends on its prompts.
    """
    values = [value for _, value in numbers.series.get("actor/entropy", [])]
    start = sum(values[: config.window]) / config.window
    if numbers.collects or len(values) < 2 * config.window or start <= 0:
        return None
    return numbers.recent("actor/entropy", config.window) / start


DIFFERENCE = "training/rollout_probs_diff_mean"
CORRELATION = "training/rollout_actor_probs_pearson_corr"
ROUNDING = 0.01
"""Mean difference of token probabilities that rounding explains; below it their correlation says nothing."""


def difference(numbers: Numbers, config: AlarmConfig) -> float | None:
    """Mean difference of token probabilities beyond what `top_p` explains.

    vLLM gives the probabilities after the cut: p / m with top_p <= m <= 1, verl's trainer those before it, p. So they
    differ by p (1 / m - 1) <= 1 - top_p although nothing is wrong, and by nearly as much where the policy is sure.
    """
    value = None if numbers.collects else numbers.worst(DIFFERENCE, config.window)
    return None if value is None else max(0.0, value - (1 - numbers.top_p))


def correlation(numbers: Numbers, config: AlarmConfig) -> float | None:
    """Correlation of token probabilities in the steps in which they differ by more than rounding and `top_p` explain.

    It is relative to the spread of the probabilities. A policy that is sure of nearly every token has no spread, and
    the smallest difference then lowers the correlation.
    """
    apart, allowed = dict(numbers.series.get(DIFFERENCE, [])), max(ROUNDING, 1 - numbers.top_p)
    values = [
        (step, value if apart.get(step, math.inf) > allowed else max(value, 1.0))
        for step, value in numbers.series.get(CORRELATION, [])
    ]
    if numbers.collects:
        return None
    return replace(numbers, series={CORRELATION: values}).worst(CORRELATION, config.window, smallest=True)


def dropped(numbers: Numbers, config: AlarmConfig) -> float | None:
    if numbers.collects:
        attempts = numbers.count("attempts")
        return numbers.count("dropped") / attempts if attempts >= config.min_count else None
    return numbers.worst(f"mmzero/{numbers.name}/dropped_fraction", config.window)
