"""Closed forms beside the simulation: one batch on one server, and the steady state of a long collection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recipe.mmzero.machine.forecast.lengths import cut_mean, cut_square, longest_of
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


def _asks(work: Work, group: str) -> list[tuple[Ask, float]]:
    return [(ask, count) for ask, count in work.asked() if ask.group == group]


def _length(work: Work, ask: Ask) -> float:
    return cut_mean(ask.response, ask.longest, work.spread)


def _tokens(work: Work, name: str) -> float:
    """Written by a group for one row."""
    return sum(count * _length(work, ask) for ask, count in _asks(work, name))


def _step_s(work: Work, name: str, group: Group, sequences: float) -> float:
    # A token's context is the prompt and what is written before it: prompt l + l^2 / 2 over all tokens of a sample.
    read = sum(
        count * (ask.prompt * _length(work, ask) + cut_square(ask.response, ask.longest, work.spread) / 2)
        for ask, count in _asks(work, name)
    )
    return group.speed.step_s(max(1, round(sequences)), read / _tokens(work, name))


def _prefill(work: Work, name: str, group: Group) -> float:
    """Seconds of prefill of one row."""
    return sum(
        (min(ask.samples, group.replicas) if ask.each else 1)
        * (count / ask.samples)
        * group.speed.prefill_s(ask.prompt, ask.pictures)
        for ask, count in _asks(work, name)
    )


def _row_s(work: Work, name: str, group: Group, sequences: float) -> float:
    """Seconds of all servers of a group for one row, at so many sequences per server."""
    if not _tokens(work, name):
        return 0.0
    decoding = _tokens(work, name) * _step_s(work, name, group, sequences) / max(1.0, sequences)
    return (decoding + _prefill(work, name, group)) / group.replicas


def _residence(work: Work, name: str, group: Group, sequences: float) -> float:
    """Seconds that a row's sequences spend on a group together."""
    return _tokens(work, name) * _slowed(work, name, group, sequences) if _tokens(work, name) else 0.0


def _slowed(work: Work, name: str, group: Group, sequences: float) -> float:
    """Seconds per token of one sequence, prefills of others included."""
    step = _step_s(work, name, group, sequences)
    return step + _prefill(work, name, group) * sequences / _tokens(work, name)


def _latency(work: Work, level: int, groups: Mapping[str, Group], sequences: Mapping[str, float]) -> float:
    """Seconds of one row in one kind of request: the longest sample of a call decides."""
    ask = work.asks[level]
    length = longest_of(ask.samples * ask.calls, ask.response, ask.longest, work.spread)
    return length * _slowed(work, ask.group, groups[ask.group], sequences[ask.group])


def _pictures(work: Work) -> float:
    """Pictures of one row."""
    return sum(count for ask, count in work.asked() if ask.drawn)
