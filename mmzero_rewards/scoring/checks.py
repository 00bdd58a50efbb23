"""Cheating and collapse, measured: answers written into the picture, questions solvable blind, repeated pictures
(docs/method.md §2.2 `Leak`, §6.1 `leak`, `blind`). Whether a silver label contradicts the Proposer: labels.py.

Each check is a metric; the reward subtracts a penalty only where a key says so (coder.leak_penalty,
proposer.blind_penalty). Not covered: answers drawn as shapes instead of text (the environment reports texts only).
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from PIL import Image

from mmzero_rewards.answers.grading import grade, read
from mmzero_rewards.answers.missing import answered
from mmzero_rewards.answers.voting import vote
from mmzero_rewards.config import RewardConfig
from mmzero_rewards.parsing.responses import Proposal
from mmzero_rewards.scoring.drawn import Place, places, tokens

TICK_RUN = 3
"""Fewest evenly spaced drawn numbers that count as axis ticks."""


@dataclass(frozen=True)
class Leak:
    """Which answers stand as text in the picture.

    hard, easy: found at all (easy only counts when it is not a label of the scene). hard_excused, easy_excused: found,
    but a single character or an axis tick.
    """

    hard: bool = False
    easy: bool = False
    hard_excused: bool = False
    easy_excused: bool = False

    @property
    def found(self) -> bool:
        return self.hard or self.easy

    @property
    def penalised(self) -> bool:
        return (self.hard and not self.hard_excused) or (self.easy and not self.easy_excused)

    @property
    def excused(self) -> bool:
        return self.found and not self.penalised


def leak(drawn_text: Sequence[str], proposal: Proposal) -> Leak:
    """Is the hard answer, or the easy answer where the caption does not name it, drawn as text?

    Whole-token match after the grader's normalisation (drawn.py): "12" is found in "total 12" and "12.0", not in "120".
    An answer that is drawn both as an axis tick and elsewhere is not excused.
    """
    if not drawn_text:
        return Leak()
    drawn = [tokens(text) for text in drawn_text]
    ticks = _ticks(drawn)
    hard = places(proposal.hard_answer, drawn_text, drawn)
    easy = [] if _in_caption(proposal.easy_answer, proposal) else places(proposal.easy_answer, drawn_text, drawn)
    return Leak(
        hard=bool(hard),
        easy=bool(easy),
        hard_excused=bool(hard) and (_is_one_character(proposal.hard_answer) or ticks.issuperset(hard)),
        easy_excused=bool(easy) and (_is_one_character(proposal.easy_answer) or ticks.issuperset(easy)),
    )


def caption_tells(proposal: Proposal) -> bool:
    """Does the hard answer stand in the caption? Often it must (a value of the scene); where nearly all captions do,
    the hard questions only ask to read, and answers from captions prove nothing."""
    return _in_caption(proposal.hard_answer, proposal)


def _in_caption(answer: str, proposal: Proposal) -> bool:
    return bool(places(answer, [proposal.caption], [tokens(proposal.caption)]))


def _ticks(drawn: list[tuple[str, ...]]) -> set[Place]:
    """Numbers of evenly spaced runs, in drawing order, among texts with the same words around one number.

    "0", "10", "20" is such a run, and so is "Week 8", "Week 9", "Week 10"; a text of numbers only is several ticks.
    """
    series: dict[tuple[str, ...], list[tuple[Fraction, Place]]] = {}
    for i, row in enumerate(drawn):
        numbers = [_as_number(token) for token in row]
        words = tuple(token for token, number in zip(row, numbers, strict=True) if number is None)
        found = [(number, (i, j)) for j, number in enumerate(numbers) if number is not None]
        if len(found) == 1 or not words:
            series.setdefault(words, []).extend(found)
    return {place for values in series.values() for run in _even_runs(values) for _, place in run}


def _as_number(token: str) -> Fraction | None:
    if not token[0].isdigit() and token[0] != "-":
        return None
    parsed = read(token)
    if parsed.kind == "clock":  # a time axis
        return sum(Fraction(part) / 60**k for k, part in enumerate(parsed.core.split(":")))
    return Fraction(parsed.core.removesuffix("s")) if parsed.kind in ("number", "decade") else None


def _even_runs(values: list[tuple[Fraction, Place]]) -> list[list[tuple[Fraction, Place]]]:
    """Maximal stretches of at least TICK_RUN neighbours with one non-zero step."""
    steps = [after[0] - before[0] for before, after in pairwise(values)]
    runs = []
    start = 0
    for i in range(1, len(steps) + 1):
        if i == len(steps) or steps[i] != steps[start]:
            if i - start + 1 >= TICK_RUN and steps[start] != 0:
                runs.append(values[start : i + 1])
            start = i
    return runs


def _is_one_character(answer: str) -> bool:
    return len(read(answer).core) == 1


def blind_rate(
    blind_votes: Sequence[str | None], picture_votes: Sequence[str | None], config: RewardConfig | None = None
) -> float:
    """Share of blind roll-outs that give the with-picture majority answer; NaN where there is nothing to compare."""
    config = config or RewardConfig()
    grading = config.grading
    majority = vote(picture_votes, config.solver, grading.grader, grading.symbolic).majority
    if majority is None or not blind_votes:
        return float("nan")
    given = [answered(raw, config.solver.non_answers) for raw in blind_votes]
    return sum(grade(a, majority, grading.grader, grading.symbolic) for a in given) / len(given)


HASH_SIDE = 16


def picture_hash(image: Image.Image) -> int:
    """256-bit perceptual hash: which of neighbouring cells of a 17 x 16 grey thumbnail is brighter, row by row."""
    small = image.convert("L").resize((HASH_SIDE + 1, HASH_SIDE), Image.Resampling.BOX)
    cells = np.asarray(small, dtype=np.int16)
    bits = np.packbits(cells[:, 1:] > cells[:, :-1])
    return int.from_bytes(bits.tobytes(), "big")


def near_duplicates(hashes: Sequence[int], max_bits: int = 6, owners: Sequence[Hashable] | None = None) -> list[bool]:
    """For each picture: does another one differ in at most `max_bits` of the 256 bits?

    Args:
        owners: what each picture belongs to; pictures of one owner may look alike (two drawings of one proposal).
    """
    rows = np.frombuffer(b"".join(h.to_bytes(32, "big") for h in hashes), dtype=np.uint8).reshape(-1, 32)
    bits = np.unpackbits(rows, axis=1).astype(np.float32)
    ones = bits.sum(axis=1)
    distance = ones[:, None] + ones[None, :] - 2 * bits @ bits.T
    numbers = np.arange(len(hashes)) if owners is None else np.unique([str(o) for o in owners], return_inverse=True)[1]
    distance[numbers[:, None] == numbers[None, :]] = HASH_SIDE**2
    return [bool(near) for near in (distance <= max_bits + 0.5).any(axis=1)]
