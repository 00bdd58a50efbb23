"""Closed forms beside the simulation: one batch on one server, and the steady state of a long collection."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

from recipe.mmzero.machine.forecast.pipeline import Ask, Group, Work
from recipe.mmzero.machine.forecast.roofline import Speed

ROUNDS, STILL = 200, 1e-3  # of the fixed point: at most so many, until no concurrency moves by more than this share


def batch_s(speed: Speed, prompt: int, lengths: Sequence[int], prompts: int, pictures: int = 0) -> float:
    """Seconds of a batch that starts at once on one server which has room for all, decoding bound by memory.

    A decoding step reads the weights once and the context of each sequence that still runs. Summed over steps:
    max(l) (fixed + weights) + kv sum over samples of (prompt l + l^2 / 2), after the prefill of `prompts` prompts.
    """
    read = sum(prompt * length + length**2 / 2 for length in lengths)
    steps = max(lengths) * (speed.fixed_s + speed.weights_s)
    return prompts * speed.prefill_s(prompt, pictures) + steps + speed.kv_s * read


@dataclass(frozen=True)
class Steady:
    """A collection in its steady state: seconds of all rows; `busy`: group -> share of its most throughput in use."""

    seconds: float
    busy: Mapping[str, float]


def steady(work: Work, groups: Mapping[str, Group], renderers: int, picture_s: float) -> Steady:
    """The time of a streaming collection: rows times the seconds of its slowest resource, or of its row limit.

    A server works at the concurrency that the row limit leaves it (Little's law: sequences = rows per second x seconds
    of a row's sequences on it), which decides how fast it is; both are found together.
    """
    sequences = {name: float(group.speed.slots) for name, group in groups.items()}
    rate = 0.0
    for _ in range(ROUNDS):
        needs = {name: _row_s(work, name, group, sequences[name]) for name, group in groups.items()}
        drawn = _pictures(work) * picture_s
        latency = sum(_latency(work, level, groups, sequences) for level in range(len(work.asks))) + picture_s
        limits = [1 / seconds for seconds in needs.values() if seconds] + ([renderers / drawn] if drawn else [])
        if work.in_flight:
            limits.append(work.in_flight / latency)
        rate = min(limits)
        moved = 0.0
        for name, group in groups.items():
            held = rate * _residence(work, name, group, sequences[name]) / group.replicas
            wanted = min(float(group.speed.slots), max(1.0, held))
            moved = max(moved, abs(wanted / sequences[name] - 1))
            sequences[name] += 0.3 * (wanted - sequences[name])
        if moved < STILL:
            break
    full = {name: _row_s(work, name, group, float(group.speed.slots)) for name, group in groups.items()}
    busy = {name: min(1.0, rate * seconds) for name, seconds in full.items()}
    slowest = max(busy, key=lambda name: busy[name])
    # Before the first row reaches the slowest resource it waits, and while the last ones leave it is half full.
    ramp = sum(
        _latency(work, level, groups, sequences) * (0.5 if ask.group == slowest else 1.0)
        for level, ask in enumerate(work.asks)
    )
    return Steady(work.items / rate + ramp, busy | {"render": min(1.0, rate * drawn / max(1, renderers))})


def _asks(work: Work, group: str) -> list[tuple[Ask, int]]:
    return [(ask, work.samples(level)) for level, ask in enumerate(work.asks) if ask.group == group]


def _length(work: Work, ask: Ask) -> float:
    return cut_mean(ask.response, ask.longest, work.spread)


def _step_s(work: Work, name: str, group: Group, sequences: float) -> float:
    asks = _asks(work, name)
    tokens = sum(count * _length(work, ask) for ask, count in asks)
    context = sum(count * _length(work, ask) * (ask.prompt + _length(work, ask) / 2) for ask, count in asks) / tokens
    return group.speed.step_s(max(1, round(sequences)), context)


def _prefill(work: Work, name: str, group: Group) -> float:
    """Seconds of prefill of one row."""
    return sum(
        count / ask.samples * group.speed.prefill_s(ask.prompt, ask.pictures) for ask, count in _asks(work, name)
    )


def _row_s(work: Work, name: str, group: Group, sequences: float) -> float:
    """Seconds of all servers of a group for one row, at so many sequences per server."""
    asks = _asks(work, name)
    if not asks:
        return 0.0
    tokens = sum(count * _length(work, ask) for ask, count in asks)
    decoding = tokens * _step_s(work, name, group, sequences) / max(1.0, sequences)
    return (decoding + _prefill(work, name, group)) / group.replicas


def _residence(work: Work, name: str, group: Group, sequences: float) -> float:
    """Seconds that a row's sequences spend on a group together."""
    asks = _asks(work, name)
    if not asks:
        return 0.0
    tokens = sum(count * _length(work, ask) for ask, count in asks)
    return tokens * _slowed(work, name, group, sequences)


def _slowed(work: Work, name: str, group: Group, sequences: float) -> float:
    """Seconds per token of one sequence, prefills of others included."""
    step = _step_s(work, name, group, sequences)
    tokens = sum(count * _length(work, ask) for ask, count in _asks(work, name))
    return step + _prefill(work, name, group) * sequences / tokens


def _latency(work: Work, level: int, groups: Mapping[str, Group], sequences: Mapping[str, float]) -> float:
    """Seconds of one row in one kind of request: the longest sample of a call decides."""
    ask = work.asks[level]
    length = longest_of(ask.samples * ask.calls, ask.response, ask.longest, work.spread)
    return length * _slowed(work, ask.group, groups[ask.group], sequences[ask.group])


def longest_of(count: int, mean: float, longest: int, spread: float) -> float:
    """About the expected longest of `count` lengths: the log-normal's quantile at (n - 3/8) / (n + 1/4) (Blom 1958)."""
    if count == 1:
        return cut_mean(mean, longest, spread)
    variance = math.log(1 + spread**2)
    place = NormalDist().inv_cdf((count - 0.375) / (count + 0.25))
    return min(float(longest), mean * math.exp(place * math.sqrt(variance) - variance / 2))


@cache
def cut_mean(mean: float, longest: int, spread: float) -> float:
    """Mean of log-normal lengths that are cut at `longest`; `mean`, `spread`: servers.Lengths.

    E[min(X, L)] = m N((ln L - mu - s^2) / s) + L (1 - N((ln L - mu) / s)).
    """
    if not spread:
        return min(mean, float(longest))
    width = math.sqrt(math.log(1 + spread**2))
    edge = (math.log(longest / mean) + width**2 / 2) / width
    normal = NormalDist()
    return mean * normal.cdf(edge - width) + longest * (1 - normal.cdf(edge))


def _pictures(work: Work) -> int:
    """Pictures of one row."""
    return sum(work.samples(level) for level, ask in enumerate(work.asks) if ask.drawn)
