"""Second choice for the Coder: rejected proposals whose codes differ most in reward (METHOD §4 `Top-up`).

Asks the Solver about every picture of every candidate, K answers to each of two questions; codes that did not draw cost
nothing. Votes go to shards of their own, so this pass resumes as the first one does.
"""

import asyncio
import statistics
from collections.abc import Collection
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmzero_rewards.evidence import Drawn, judge
from mmzero_rewards.parsing.responses import Proposal
from mmzero_rewards.scoring.roles import CoderEvidence, Drawing, score_coder
from recipe.mmzero.engine.collect.flow.engine import fill
from recipe.mmzero.engine.collect.flow.ledger import Ledger
from recipe.mmzero.engine.collect.flow.shards import Record, ShardStore, claim
from recipe.mmzero.engine.collect.roles import Roles
from recipe.mmzero.engine.collect.settings import Settings
from recipe.mmzero.run.folder import StepFolder

# Equal rewards may differ in the last bits after a mean; smaller variances are none.
NO_VARIANCE = 1e-9


async def take_by_variance(
    ledger: Ledger, reasons: Collection[str], store: ShardStore, roles: Roles, wanted: int
) -> tuple[dict[int, float], int]:
    """Accept up to `wanted` rejected rows whose codes differ most in the full Coder reward.

    Args:
        reasons: rejections that may be undone.
    Returns:
        (accepted row -> its reward variance, rows that an infrastructure failure left unjudged). Ties go to the
        smaller row.
    """
    settings = roles.settings
    candidates = [index for index, reason in ledger.rejected() if reason in reasons]
    variances: dict[int, float] = {}

    async def work(index: int) -> Record:
        return await judge_row(store.read(index), roles)

    def verdict(record: Record) -> str:
        variances[record["index"]] = reward_variance(store.read(record["index"]), record["drawings"], settings)
        return "judged"

    judged = Ledger(ledger.budget, None)
    wished = set(candidates)
    folder = StepFolder(roles.out_dir).judged
    claim(folder, {"solver.votes": settings.votes, "judge": asdict(settings.judge)})
    with closing(ShardStore(folder, "rows", settings.rows_per_shard)) as answers:
        for record in answers.load():
            if record["index"] in wished:
                judged.decide(record["index"], verdict(record))
        roles.progress.start(f"{roles.stage} variance", len(candidates), None, resumed=judged.decided_count)
        missing = (index for index in candidates if not judged.decided(index))
        await fill(judged, missing, answers, work, verdict, roles.progress, settings.in_flight, settings.max_fraction)
    ranked = sorted((-round(variance, 12), index) for index, variance in variances.items() if variance > NO_VARIANCE)
    taken = {index: variances[index] for _, index in ranked[:wanted]}
    for index in taken:
        ledger.accept(index)
    return taken, judged.dropped.total()


async def judge_row(record: Record, roles: Roles) -> Record:
    """The Solver's votes on every picture of one row; codes that do not draw cost nothing."""
    settings = roles.settings
    solver = roles.judge(record["index"], settings.votes, settings.judge)
    drawn = await asyncio.to_thread(_drawn, record, roles.out_dir)
    drawings = await judge(drawn, Proposal(**record["proposal"]), solver)
    return {"index": record["index"], "drawings": [asdict(drawing) for drawing in drawings]}


def _drawn(record: Record, out_dir: Path) -> list[Drawn]:
    paths = [entry["image"] and str(out_dir / entry["image"]) for entry in record["drawings"]]
    return [Drawn.from_fields(e | {"image": path}) for e, path in zip(record["drawings"], paths, strict=True)]


def reward_variance(record: Record, drawings: list[dict[str, Any]], settings: Settings) -> float:
    """Population variance of the full Coder reward over the codes of one row."""
    proposal = Proposal(**record["proposal"])
    evidence = [
        CoderEvidence(entry["response"], proposal, Drawing(**{k: _tuple(v) for k, v in drawing.items()}))
        for entry, drawing in zip(record["drawings"], drawings, strict=True)
    ]
    return statistics.pvariance([score_coder(one, settings.rewards)["score"] for one in evidence])


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
