"""Votes: equal answers grouped, the majority, and its share (self-consistency).

Canonical key first, then union-find over the distinct keys with the pairwise grader, so that non-transitive matches
("12", "12 cm", "12 m") end in one group whatever the order. Source: method.md §2.0; differs from the published code,
which takes the first match in order and divides by answered votes in one place and by all votes in another.

>>> v = vote(["12", "12.0", None, "13"])
>>> (v.majority, v.count, v.k, v.consistency)
('12', 2, 4, 0.5)
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mmzero_rewards.answers.grading import canonical, grade
from mmzero_rewards.answers.missing import answered
from mmzero_rewards.config import SolverConfig


@dataclass(frozen=True)
class Vote:
    """Outcome of one question's roll-outs.

    majority: spelling of the largest group's most frequent answer, None if nobody answered. count: its size. k: all
    roll-outs. answered: roll-outs with an answer. consistency: count / k (or / answered, as configured), 0 if nobody
    answered. clusters: (spelling, size) of every group, largest first.
    """

    majority: str | None
    count: int
    k: int
    consistency: float
    clusters: tuple[tuple[str, int], ...]
    answered: int = 0

    @property
    def margin(self) -> int:
        """Votes by which the majority leads the second group."""
        return self.count - (self.clusters[1][1] if len(self.clusters) > 1 else 0)


def vote(
    answers: Sequence[str | None],
    config: SolverConfig | None = None,
    grader: str = "builtin",
    symbolic: bool = False,
) -> Vote:
    """Group the answers of one question; any permutation of `answers` gives the same result.

    Args:
        answers: boxed contents of K roll-outs, None where there was no box; non-answers count as None.
        grader: `builtin` or `mathruler` (in a killable child).
    """
    config = config or SolverConfig()
    spellings = Counter(a for a in (answered(raw, config.non_answers) for raw in answers) if a is not None)
    total = sum(spellings.values())
    if not total:
        return Vote(None, 0, len(answers), 0.0, ())
    spelled: dict[str, Counter] = {}
    for spelling, count in spellings.items():
        spelled.setdefault(vote_key(spelling, grader), Counter())[spelling] = count
    groups = []
    groups_of_keys = _groups(spelled, grader, symbolic) if config.vote == "union_find" else [[key] for key in spelled]
    for keys in groups_of_keys:
        counts = sum((spelled[key] for key in keys), Counter())
        groups.append((sum(counts.values()), min(keys), _spelling(counts)))
    groups.sort(key=lambda item: (-item[0], item[1]))
    count, _, majority = groups[0]
    denominator = len(answers) if config.consistency_denominator == "all" else total
    clusters = tuple((spelling, size) for size, _, spelling in groups)
    return Vote(majority, count, len(answers), count / denominator, clusters, total)


def vote_key(spelling: str, grader: str) -> str:
    """Key under which spellings are one answer before any pair is graded.

    mathruler keeps apart what our canonical form joins (2/4 and 1/2), so its key is the spelling itself.
    """
    return canonical(spelling) if grader == "builtin" else spelling


def _groups(spelled: dict[str, Counter], grader: str, symbolic: bool) -> list[list[str]]:
    """Union-find over all pairs of distinct keys; one spelling stands for all of its key."""
    keys = sorted(spelled)
    parent = list(range(len(keys)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, first in enumerate(keys):
        for j, second in enumerate(keys[:i]):
            if root(i) != root(j) and grade(min(spelled[first]), min(spelled[second]), grader, symbolic):
                parent[root(i)] = root(j)
    groups: dict[int, list[str]] = {}
    for i, key in enumerate(keys):
        groups.setdefault(root(i), []).append(key)
    return list(groups.values())


def _spelling(counts: Counter) -> str:
    """Most frequent, then shortest, then first in code-point order."""
    return min(counts, key=lambda s: (-counts[s], len(s), s))
