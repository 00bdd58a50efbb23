"""Which rows were accepted, rejected and why: decisions by row index, closed at a cut that timing cannot move.

The cut ends the shortest run of decided rows from row 0 on that holds `target` accepted ones, or the whole budget.
Rows beyond it may be finished or not; they are never counted and never selected. Memory: 2 bytes per row.
"""

from array import array
from collections import Counter
from collections.abc import Iterator

_UNDECIDED, _ACCEPTED, _DROPPED = 0, 1, 2


class Ledger:
    """Decisions of one collection.

    Args:
        budget: rows that may be spent.
        target: accepted rows at which it closes; None spends the budget.
    """

    def __init__(self, budget: int, target: int | None):
        self.budget, self.target = budget, target
        self.cut = 0  # rows counted
        self.decided_count = 0
        self.accepted_count = 0
        self.dropped: Counter[str] = Counter()  # what failed -> rows, all of this attempt
        self._verdicts = array("H", [_UNDECIDED]) * budget
        self._reasons: list[str] = ["", "accepted", "dropped"]

    def decide(self, index: int, reason: str) -> None:
        """Record a verdict; an empty reason accepts the row."""
        if index >= self.budget:
            return
        if reason and reason not in self._reasons:
            self._reasons.append(reason)
        self._set(index, self._reasons.index(reason) if reason else _ACCEPTED)

    def drop(self, index: int, cause: str) -> None:
        """An infrastructure failure took the row."""
        self.dropped[cause] += 1
        self._set(index, _DROPPED)

    def decided(self, index: int) -> bool:
        return self._verdicts[index] != _UNDECIDED

    @property
    def closed(self) -> bool:
        """Nothing more is needed: the target is reached or the budget is spent."""
        return self.cut >= self.budget or (self.target is not None and self.accepted_count >= self.target)

    def accepted(self) -> Iterator[int]:
        """Accepted rows before the cut, ascending."""
        return (index for index in range(self.cut) if self._verdicts[index] == _ACCEPTED)

    def rejected(self) -> Iterator[tuple[int, str]]:
        """(row, reason) of rejected rows before the cut, ascending."""
        for index in range(self.cut):
            if self._verdicts[index] > _DROPPED:
                yield index, self._reasons[self._verdicts[index]]

    def answered(self) -> Iterator[int]:
        """Rows before the cut that have a record: all but the dropped ones."""
        return (index for index in range(self.cut) if self._verdicts[index] != _DROPPED)

    def accept(self, index: int) -> None:
        """Take a rejected row after all; the cut stays."""
        self._verdicts[index] = _ACCEPTED
        self.accepted_count += 1

    def reason(self, index: int) -> str:
        """Why a row was not accepted; empty for an accepted one."""
        verdict = self._verdicts[index]
        return "" if verdict == _ACCEPTED else self._reasons[verdict]

    def counts(self) -> dict[str, int]:
        """Rejected rows by reason, most frequent first."""
        return dict(Counter(reason for _, reason in self.rejected()).most_common())

    def dropped_before_cut(self) -> int:
        return sum(self._verdicts[index] == _DROPPED for index in range(self.cut))

    def _set(self, index: int, verdict: int) -> None:
        self.decided_count += self._verdicts[index] == _UNDECIDED
        self._verdicts[index] = verdict
        while not self.closed and self._verdicts[self.cut] != _UNDECIDED:
            self.accepted_count += self._verdicts[self.cut] == _ACCEPTED
            self.cut += 1
