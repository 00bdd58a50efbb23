"""Fill a ledger: run rows through the pipeline, store what finishes, stop at the cut or on too many failures."""

import math
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Any

from mmzero_rewards.scoring import TOLERANCE
from recipe.mmzero.engine.collect.flow.errors import CollectError, RowsLost
from recipe.mmzero.engine.collect.flow.ledger import Ledger
from recipe.mmzero.engine.collect.flow.progress import Progress
from recipe.mmzero.engine.collect.flow.shards import Record, ShardStore
from recipe.mmzero.engine.collect.flow.stream import in_order
from recipe.mmzero.engine.collect.roles import Dropped

# Rows that may be started beyond the oldest unfinished one, in multiples of `in_flight`: the most that a stop wastes.
AHEAD = 8
# Rows started for every row that the acceptance rate so far says is still needed.
MARGIN = 1.3
# With fewer drops than this a rising share is not yet a reason to stop early; the end of the step checks it exactly.
FEWEST_DROPS = 5


async def fill(
    ledger: Ledger,
    rows: Iterator[int],
    store: ShardStore,
    work: Callable[[int], Awaitable[Record]],
    verdict: Callable[[Record], str],
    progress: Progress,
    in_flight: int,
    max_fraction: float,
) -> None:
    """Decide `rows` until the ledger closes or they run out.

    A row is stored as soon as it is finished, in any order; it is decided in the order of `rows`.

    Args:
        work: index -> record; raises Dropped on an infrastructure failure.
        verdict: record -> reason of rejection, empty to accept.
        max_fraction: `failures.max_fraction`: share of rows that may be dropped.
    Raises:
        CollectError: too many drops.
        OSError: the disk refused a shard.
    """

    async def finish(index: int) -> str | Dropped:
        try:
            record = await work(index)
        except Dropped as failure:
            return failure
        store.add(record)
        return verdict(record)

    def ahead() -> int:
        """Rows that may be undecided: near the target no more than it will probably take, the rest would be wasted."""
        if ledger.target is None:
            return AHEAD * in_flight
        rate = (ledger.accepted_count + 1) / (ledger.cut + 1)
        return min(AHEAD * in_flight, math.ceil(MARGIN * (ledger.target - ledger.accepted_count) / rate))

    try:
        if not ledger.closed:
            async with aclosing(in_order(rows, finish, in_flight, ahead)) as outcomes:
                async for index, outcome in outcomes:
                    if isinstance(outcome, Dropped):
                        ledger.drop(index, _cause(outcome))
                        if ledger.dropped.total() >= FEWEST_DROPS:
                            check_drops(progress.phase, ledger, max_fraction)
                    else:
                        ledger.decide(index, outcome)
                    progress.row(ledger.decided_count, ledger.accepted_count, ledger.dropped.total())
                    if ledger.closed:
                        break
            check_drops(progress.phase, ledger, max_fraction)
        store.flush()
    except BaseException:
        store.flush()
        raise


def check_drops(phase: str, ledger: Ledger, max_fraction: float) -> None:
    """Raise RowsLost when infrastructure failures took more than `failures.max_fraction` of the finished rows.

    Drops of earlier attempts don't count: a resumed step asks for those rows again.
    """
    dropped, finished = ledger.dropped.total(), ledger.decided_count
    if dropped > max_fraction * finished + TOLERANCE:
        cause, count = ledger.dropped.most_common(1)[0]
        raise RowsLost(
            f"{phase}: {dropped} of {finished} rows lost to infrastructure failures, more than failures.max_fraction="
            f"{max_fraction}; {count} times {cause}; check that server and run again, finished rows are kept"
        )


def starved(stage: str, ledger: Ledger, min_rows: int, remedy: str) -> CollectError:
    """The one line for too few accepted rows."""
    reasons = ", ".join(f"{reason} {count}" for reason, count in ledger.counts().items()) or "nothing"
    dropped = ledger.dropped_before_cut()
    lost = f" and {dropped} lost to infrastructure failures" if dropped else ""
    return CollectError(
        f"{stage}: {ledger.accepted_count} accepted of {ledger.cut} proposals, fewer than min_rows={min_rows}; "
        f"rejected: {reasons}{lost}; {remedy}"
    )


def summary(ledger: Ledger, **more: Any) -> dict[str, Any]:
    """The step's final numbers: attempts = accepted + rejected + dropped."""
    return {
        "accepted": ledger.accepted_count,
        "attempts": ledger.cut,
        "rejected": ledger.counts(),
        "dropped": ledger.dropped_before_cut(),
        "acceptance_rate": ledger.accepted_count / max(1, ledger.cut),
        "budget": ledger.budget,
        "target": ledger.target,
    } | more


def _cause(failure: Dropped) -> str:
    """One line to count by: without the number of attempts and their time, which differ each time."""
    return " ".join(re.sub(r"\(\d+ attempts? in [^)]*\)", "", str(failure)).split())[:200]
