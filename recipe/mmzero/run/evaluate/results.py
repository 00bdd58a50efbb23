"""The numbers of a folder of answers: per benchmark and pooled, each checkpoint beside the first one.

scored(...)      (item, sample) -> verdict of rules and judge, as arrays
summary(...)     plain data: what results.json holds
lines(...)       the same for a person, at most 120 columns
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from recipe.mmzero.run.evaluate import statistics
from recipe.mmzero.run.evaluate.asking.store import Answer
from recipe.mmzero.run.evaluate.data.items import Item
from recipe.mmzero.run.evaluate.judging.rules import judge_by_rules
from recipe.mmzero.run.evaluate.suite import AVERAGE, POOLED, Suite


@dataclass(frozen=True)
class Scores:
    """(items, samples) arrays of one checkpoint. right: counts. content: right if the format is forgiven.
    cut: the answer ran into max_tokens."""

    right: np.ndarray
    content: np.ndarray
    cut: np.ndarray


def scored(
    suite: Suite,
    items: Sequence[Item],
    answers: Mapping[tuple[int, int], Answer],
    verdicts: Mapping[tuple[int, int], bool] | None = None,
) -> Scores:
    """Judge every answer by rules, then by the judge's stored verdicts where there are some.

    Args:
        verdicts: of the judge, by (item, sample); they only add: what rules call right stays right.
    Raises:
        ValueError: an answer is missing; it would count as wrong.
    """
    if len(answers) != len(items) * suite.samples:
        raise ValueError(f"{len(answers)} answers to {len(items)} items with {suite.samples} samples")
    shape = (len(items), suite.samples)
    right, content, cut = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    judging = {one.name: one.judging for one in suite.benchmarks}
    for (place, sample), answer in answers.items():
        verdict = judge_by_rules(answer.text, items[place], judging[items[place].benchmark], suite.prompt)
        said = bool((verdicts or {}).get((place, sample)))
        right[place, sample] = verdict.right or (said and verdict.answer is not None)
        content[place, sample] = verdict.content or said
        cut[place, sample] = answer.finish == "length"
    return Scores(right, content, cut)


def summary(suite: Suite, items: Sequence[Item], scores: Mapping[str, Scores], seed: int = 0) -> dict[str, Any]:
    """Numbers of every checkpoint; those after the first are paired with it.

    Args:
        scores: label -> scores, the base first.
    """
    base = next(iter(scores))
    found: dict[str, Any] = {
        "suite": suite.name,
        "prompt": suite.prompt,
        "samples": suite.samples,
        "base": base,
        "published": {one.name: one.items for one in suite.benchmarks if one.items},
        "checkpoints": {},
    }
    parts = {name: _Part(items, places, equal) for name, places, equal in _rows(groups_of(items))}
    for label, mine in scores.items():
        rows = {name: _one(mine, part, seed) for name, part in parts.items()}
        if label != base:
            for name, part in parts.items():
                rows[name] |= _paired(scores[base], mine, part, seed)
        found["checkpoints"][label] = rows
    return found


def blind(items: Sequence[Item], seeing: Scores, without: Scores, seed: int = 0) -> dict[str, Any]:
    """Benchmark -> accuracy without pictures, and the share of items right at least half of the time that way."""
    found = {}
    for name, places, equal in _rows(groups_of(items)):
        part = _Part(items, places, equal)
        values = statistics.item_means(without.right[places])
        found[name] = {
            "accuracy": asdict(part.estimate(part.sample(without.right), seed)),
            "answered": float((values >= 0.5).mean()),
            "seeing": float(part.sample(seeing.right).value.mean()),
        }
    return found


def shown_in_training(items: Sequence[Item], copies: Mapping[str, str], training: int) -> dict[str, Any]:
    """Items with a picture that training showed.

    Args:
        copies: picture's name -> training picture. training: number of training pictures.
    """
    groups = {
        name: sum(any(picture in copies for picture in items[place].pictures) for place in places)
        for name, places in groups_of(items).items()
    }
    return {"training_pictures": training, "items": groups, "examples": dict(list(copies.items())[:10])}


def groups_of(items: Sequence[Item]) -> dict[str, np.ndarray]:
    """Benchmark -> places of its items."""
    names = np.array([item.benchmark for item in items])
    return {name: np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist())}


def _rows(groups: Mapping[str, np.ndarray]) -> list[tuple[str, np.ndarray, bool]]:
    """(name, places of its items, whether benchmarks weigh the same)."""
    rows = [(name, places, False) for name, places in groups.items()]
    if len(groups) > 1:
        every = np.concatenate(list(groups.values()))
        rows += [(POOLED, every, False), (AVERAGE, every, True)]
    return rows


class _Part:
    """Some of the items: their clusters and benchmarks, and how they are weighed."""

    def __init__(self, items: Sequence[Item], places: np.ndarray, equal: bool):
        self.places, self.equal = places, equal
        self.clusters = np.array([items[place].cluster for place in places])
        self.benchmarks = np.array([items[place].benchmark for place in places])

    def sample(self, values: np.ndarray) -> statistics.Sample:
        """Args: values: (items, samples) of all items."""
        return statistics.Sample(statistics.item_means(values[self.places]), self.clusters, self.benchmarks)

    def estimate(self, sample: statistics.Sample, seed: int) -> statistics.Estimate:
        return statistics.estimate(sample, seed, equal_weights=self.equal)


def _one(mine: Scores, part: _Part, seed: int) -> dict[str, Any]:
    places = part.places
    return {
        "accuracy": asdict(part.estimate(part.sample(mine.right), seed)),
        "right_without_format": float((mine.content[places] > mine.right[places]).mean()),
        "cut": float(mine.cut[places].mean()),
    }


def _paired(before: Scores, after: Scores, part: _Part, seed: int) -> dict[str, Any]:
    """Difference to the base with its interval, McNemar, and what this comparison could have seen."""
    pairs = statistics.differences(part.sample(before.right), part.sample(after.right))
    difference = part.estimate(pairs, seed)
    content = statistics.differences(part.sample(before.content), part.sample(after.content))
    # without a pair that differs, or with a handful of pictures, nothing is known of what could have been seen
    known = difference.error > 0 and difference.clusters >= statistics.FEWEST_CLUSTERS
    return {
        "difference": asdict(difference),
        "mcnemar": asdict(statistics.mcnemar(pairs)),
        "detectable": statistics.detectable(difference.error) if known else None,
        "difference_of_content": part.estimate(content, seed).value,
    }


# --- for a person ---------------------------------------------------------------------------------------------------


def lines(found: Mapping[str, Any]) -> list[str]:
    """The table on a terminal: points are percent of the items."""
    width = max(len(name) for rows in found["checkpoints"].values() for name in (*rows, " " * 14))
    shown = [
        f"suite {found['suite']}, {found['prompt']} prompt, {found['samples']} "
        f"answer{'s' * (found['samples'] > 1)} to each item; base: {found['base']}",
        f"{'':<{width + 2}}{'items':>6}{'clusters':>9}  {'accuracy':<22}{'difference':<25}{'gained:lost':<13}{'p':<8}"
        "can see",
    ]
    for label, rows in found["checkpoints"].items():
        shown.append(label)
        shown += [f"  {name:<{width}}{_row(row)}" for name, row in rows.items()]
        whole = rows.get(POOLED) or next(iter(rows.values()))
        shown.append(
            f"  right content without the format: {100 * whole['right_without_format']:.1f}% of answers, counted wrong"
            + (
                f"; the difference with it: {100 * whole['difference_of_content']:+.1f}"
                if "difference" in whole
                else ""
            )
        )
        if whole["cut"]:
            shown.append(f"  cut at max_tokens: {100 * whole['cut']:.1f}% of answers")
        shown += _denominators(found["published"], rows)
        shown += _judged(found.get("judged", {}).get(label, {}))
    shown += _shortcuts(found)
    shown += MEANING
    return shown


MEANING = [
    "accuracy and difference in percent with 95% bootstrap intervals over clusters (items that share pictures);",
    "gained:lost and p: items better and worse than the base, exact McNemar (sign test of averages); can see: the",
    "smallest true difference that a comparison of this size finds 4 times in 5; * the interval excludes 0.",
    "pooled: every item weighs the same; average: every benchmark does.",
]


def _row(row: Mapping[str, Any]) -> str:
    one = row["accuracy"]
    text = f"{one['items']:>6}{one['clusters']:>9}  {_interval(one):<22}"
    if "difference" not in row:
        return text.rstrip()
    other, test = row["difference"], row["mcnemar"]
    star = "*" if other["low"] > 0 or other["high"] < 0 else ""
    counts = f"{test['gained']}:{test['lost']}"
    return f"{text}{_interval(other, '+') + star:<25}{counts:<13}{test['p']:<8.3g}{points(row['detectable'])}"


def points(share: float | None) -> str:
    """
    >>> points(0.047), points(None)
    ('4.7', '-')
    """
    return "-" if share is None else f"{100 * share:.1f}"


def _interval(one: Mapping[str, float], sign: str = "") -> str:
    return f"{100 * one['value']:{sign}.1f} [{100 * one['low']:{sign}.1f}, {100 * one['high']:{sign}.1f}]"


def _denominators(published: Mapping[str, int], rows: Mapping[str, Any]) -> list[str]:
    return [
        f"  {name}: {rows[name]['accuracy']['items']} items, the published set has {count}"
        for name, count in published.items()
        if name in rows and rows[name]["accuracy"]["items"] != count
    ]


def _judged(record: Mapping[str, Any]) -> list[str]:
    """What the judge did, and how often it agrees with the rules."""
    if "undecided" in record:
        return [f"  {record['undecided']} answers only a judge could decide count as wrong: no judge (--judge URL)"]
    if not record:
        return []
    same = record["agreement"]
    total = sum(same.values())
    text = (
        f"  judge {record['judge']}: decided {record['decided']} answers, {record['unreadable']} verdicts unreadable "
        "(count as no)"
    )
    if total:
        agreed = same["both_right"] + same["both_wrong"]
        text += (
            f"; on {total} answers that rules decided it agrees {100 * agreed / total:.1f}%, only rules say right "
            f"{same['only_rules']}, only the judge {same['only_judge']}"
        )
    return [text]


def _shortcuts(found: Mapping[str, Any]) -> list[str]:
    """Blind answers of the base, and pictures that training showed."""
    shown = []
    for name, row in found.get("blind", {}).items():
        shown.append(
            f"blind  {name:<14} {found['base']} without pictures {_interval(row['accuracy'])}, with them "
            f"{100 * row['seeing']:.1f}; {100 * row['answered']:.1f}% of items right at least half of the time"
        )
    copies = found.get("training")
    if copies:
        counts = ", ".join(f"{name} {count}" for name, count in copies["items"].items())
        shown.append(f"items with a picture of the {copies['training_pictures']} training pictures: {counts}")
    return shown
