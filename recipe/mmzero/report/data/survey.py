"""One pass over all dumped samples and collected rows: what makes each one telling, and the tallies behind the figures.

Memory stays small at any number of samples: an `Entry` of a few numbers per sample (of a collected row also its texts,
compressed), and running sums. `choose` orders the entries so that the most telling come first; only those that the page
shows are read again.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from recipe.mmzero.report.data import collected
from recipe.mmzero.report.data.read import COLLECTING, Run, Skips, Step, json_lines, parse
from recipe.mmzero.report.data.records import Sample, from_row, from_sample, pack, unpack
from recipe.mmzero.report.data.stats import Moments
from recipe.mmzero.settings.folder import StepFolder

REASONS = ("leak", "best", "spread", "failure", "typical", "worst")
"""Why a sample is shown, in the order of the first page."""
TERMS = {
    "solvability": ("mean_solvability", "solvability"),
    "difficulty": ("mean_difficulty", "difficulty"),
    "consistency": ("mean_hard_consistency", "hard_consistency"),
}
"""Public name -> the components of Proposer and Coder that hold it."""


@dataclass(slots=True)
class Entry:
    """Place and key facts of one sample. `spread`: standard deviation of the rewards in its group.

    `source` and `offset`: number of the file and place in it, a byte or (collections) a row, which `packed` then holds.
    """

    source: int
    offset: int
    role: str
    iteration: int
    step: int
    group: int
    score: float | None
    outcome: str
    leaks: bool
    pictured: bool
    packed: bytes = b""
    spread: float = 0.0
    why: str = ""


@dataclass
class Tally:
    """What one role dumped in one iteration."""

    samples: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    drawings: Counter[str] = field(default_factory=Counter)
    content: Counter[str] = field(default_factory=Counter)
    consistency: Counter[float] = field(default_factory=Counter)
    code_length: Moments = field(default_factory=Moments)
    moments: dict[str, Moments] = field(default_factory=lambda: defaultdict(Moments))


@dataclass
class Survey:
    """Result of the pass. `sources`: files by number.

    `pictures`: (iteration, file name) of a Solver picture -> the entry of the row it was collected in.
    """

    sources: list[Path]
    entries: list[Entry]
    tallies: dict[tuple[int, str], Tally]
    pictures: dict[tuple[int, str], Entry] = field(default_factory=dict)

    def tally(self, iteration: int, role: str) -> Tally:
        return self.tallies.get((iteration, role), Tally())


def survey(run: Run) -> Survey:
    """Read every sample of the run once; damage is counted in `run.skips`."""
    found = Survey([], [], {})
    groups: dict[str, int] = {}
    group_scores: list[Moments] = []
    for step in run.steps:
        for offset, sample in _samples(step, found.sources, run.skips):
            group = groups.setdefault(sample.group, len(groups))
            if group == len(group_scores):
                group_scores.append(Moments())
            if sample.score is not None and sample.status != "dropped":
                group_scores[group].add(sample.score)
            entry = _entry(sample, len(found.sources) - 1, offset, group)
            found.entries.append(entry)
            if sample.role == "collect_solver":
                for drawing in sample.drawings:
                    if drawing.image:
                        found.pictures[sample.iteration, Path(drawing.image).name] = entry
            _count(found.tallies.setdefault((sample.iteration, sample.role), Tally()), sample)
    for entry in found.entries:
        scores = group_scores[entry.group]
        if scores.n > 1:
            mean = scores.total / scores.n
            entry.spread = max(0.0, scores.squares / scores.n - mean * mean) ** 0.5
    return found


def _samples(step: Step, sources: list[Path], skips: Skips) -> Iterator[tuple[int, Sample]]:
    """(byte or row number, sample) of a step's files; each file is appended to `sources` before its first sample."""
    if step.name in COLLECTING:
        sources.append(StepFolder(step.folder).proposals)
        for number, row in enumerate(collected.rows(step.folder, skips)):
            yield number, from_row(row, step.name, step.iteration)
        return
    for path in sorted(StepFolder(step.folder).samples.glob("*.jsonl")):
        sources.append(path)
        for offset, record in json_lines(path, skips):
            sample = from_sample(record, skips, path.name)
            if sample is not None:
                yield offset, sample


def _entry(sample: Sample, source: int, offset: int, group: int) -> Entry:
    return Entry(
        source,
        offset,
        sample.role,
        sample.iteration,
        sample.step,
        group,
        sample.score,
        sample.outcome,
        sample.leaks,
        any(drawing.image for drawing in sample.drawings) or sample.image is not None,
        pack(sample) if sample.role in COLLECTING else b"",
    )


def load(found: Survey, entry: Entry, run: Run) -> Sample | None:
    """One sample again; None if its file changed meanwhile."""
    if entry.packed:
        return unpack(entry.packed)
    path = found.sources[entry.source]
    try:
        with path.open("rb") as source:
            source.seek(entry.offset)
            line = source.readline()
    except OSError:
        run.skips.add("sample vanished while the report was made", path.name)
        return None
    record = parse(line, run.skips, path.name)
    return None if record is None else from_sample(record, Skips(), path.name)


def choose(entries: list[Entry]) -> list[Entry]:
    """All entries, the most telling first; each gets `why`.

    Every (iteration, role) in turn gives its next leak, best, worst, widest group, failure (classes in turn), and a
    typical one (a fixed pseudo-random order), so that the first page shows something of everything.
    """
    strata: dict[tuple[int, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        strata[entry.iteration, entry.role].append(entry)
    queues = [_queues(members) for _, members in sorted(strata.items(), key=lambda item: (-item[0][0], item[0][1]))]
    ordered: list[Entry] = []
    while queues:
        for why in REASONS:
            for stratum in queues:
                entry = next((e for e in stratum[why] if not e.why), None)
                if entry is not None:
                    entry.why = why
                    ordered.append(entry)
        queues = [stratum for stratum in queues if stratum["typical"].left()]
    return ordered


class _Queue:
    """An iterator over a list that can tell whether something unnamed is left."""

    def __init__(self, entries: list[Entry]):
        self.entries, self.position = entries, 0

    def __iter__(self) -> Iterator[Entry]:
        while self.position < len(self.entries):
            self.position += 1
            yield self.entries[self.position - 1]

    def left(self) -> bool:
        while self.position < len(self.entries) and self.entries[self.position].why:
            self.position += 1
        return self.position < len(self.entries)


def _queues(members: list[Entry]) -> dict[str, _Queue]:
    scored = [entry for entry in members if entry.score is not None]
    by_score = sorted(scored, key=lambda e: (-(e.score or 0.0), not e.pictured, e.source, e.offset))
    by_spread = sorted((e for e in members if e.spread > 0), key=lambda e: (-e.spread, e.group, -(e.score or 0.0)))
    failures: dict[str, list[Entry]] = defaultdict(list)
    for entry in members:
        if entry.outcome not in ("ok", "kept"):
            failures[entry.outcome].append(entry)
    in_turn = [entry for turn in zip_longest(*failures.values()) for entry in turn if entry is not None]
    return {
        "leak": _Queue([entry for entry in members if entry.leaks]),
        "best": _Queue(by_score),
        "worst": _Queue(by_score[::-1]),
        "spread": _Queue(by_spread),
        "failure": _Queue(in_turn),
        "typical": _Queue(sorted(members, key=_shuffled)),
    }


def _shuffled(entry: Entry) -> str:
    return hashlib.md5(f"{entry.source}:{entry.offset}".encode(), usedforsecurity=False).hexdigest()


def _count(tally: Tally, sample: Sample) -> None:
    tally.samples += 1
    tally.outcomes[sample.outcome] += 1
    if sample.proposal:
        tally.content[sample.content_type or "other"] += 1
    for drawing in sample.drawings:
        tally.drawings[drawing.status or "unknown"] += 1
        if drawing.code:
            tally.code_length.add(len(drawing.code))
    measured = any(drawing.status == "ok" for drawing in sample.drawings)
    if measured:
        for public, names in TERMS.items():
            value = next((sample.terms[name] for name in names if name in sample.terms), None)
            if value is not None:
                tally.moments[public].add(value)
        consistency = next((sample.terms[name] for name in TERMS["consistency"] if name in sample.terms), None)
        if consistency is not None:
            tally.consistency[round(consistency, 3)] += 1
            if "difficulty" not in sample.terms and "mean_difficulty" not in sample.terms:
                tally.moments["difficulty"].add(min(consistency, 1 - consistency))
            easy = sample.terms.get("easy_consistency")
            if easy is not None:
                tally.moments["gap"].add(easy - consistency)
    for name in ("leak", "blind_rate", "label_agrees"):
        if name in sample.terms:
            tally.moments[name].add(sample.terms[name])
