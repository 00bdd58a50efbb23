"""Second choice for the Coder: rejected proposals whose codes differ most in reward (docs/method.md §4 `Top-up`).

Asks the Solver about every picture of every candidate, K answers to each of two questions; codes that did not draw cost
nothing. Votes go to shards of their own, so this pass resumes as the first one does. They are stored by picture: a row
that was drawn again since is asked about again.
"""

import asyncio
import statistics
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

from mmzero_rewards.evidence import Drawn, judge
from mmzero_rewards.parsing.responses import Proposal
from mmzero_rewards.scoring import TOLERANCE
from mmzero_rewards.scoring.inputs import CoderEvidence, Drawing
from mmzero_rewards.scoring.roles import score_coder
from mmzero_rewards.scoring.verified import TextView
from recipe.mmzero.engine.collect.flow.engine import fill
from recipe.mmzero.engine.collect.flow.ledger import Ledger
from recipe.mmzero.engine.collect.flow.shards import Record, ShardStore, claim
from recipe.mmzero.engine.collect.roles import Roles
from recipe.mmzero.engine.collect.settings import Settings
from recipe.mmzero.engine.collect.text_views import text_views
from recipe.mmzero.settings.folder import StepFolder


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
    views = await text_views(candidates, ledger.budget, store, roles)
    unasked = 0
    if settings.rewards.verify.caption:
        unasked = sum(index not in views for index in candidates)
        candidates = [index for index in candidates if index in views]
    variances: dict[int, float] = {}

    async def work(index: int) -> Record:
        return await judge_row(store.read(index), roles)

    def verdict(record: Record) -> str:
        index = record["index"]
        variances[index] = reward_variance(store.read(index), record["votes"], settings, views.get(index))
        return "judged"

    def current(record: Record) -> bool:
        return pictures_of(store.read(record["index"])).keys() <= record.get("votes", {}).keys()

    judged = Ledger(ledger.budget, None)
    wished = set(candidates)
    folder = StepFolder(roles.out_dir).judged
    claim(folder, {"solver.votes": settings.votes, "judge": asdict(settings.judge)})
    with closing(ShardStore(folder, "rows", settings.rows_per_shard)) as answers:
        for record in answers.load(lambda record: record["index"] in wished and current(record)):
            judged.decide(record["index"], verdict(record))
        roles.progress.start(f"{roles.stage} variance", len(candidates), None, resumed=judged.decided_count)
        missing = (index for index in candidates if not judged.decided(index))
        await fill(judged, missing, answers, work, verdict, roles.progress, settings.in_flight, settings.max_fraction)
    ranked = sorted((-round(variance, 12), index) for index, variance in variances.items() if variance > TOLERANCE)
    taken = {index: variances[index] for _, index in ranked[:wanted]}
    for index in taken:
        ledger.accept(index)
    return taken, judged.dropped.total() + unasked


async def judge_row(record: Record, roles: Roles) -> Record:
    """The Solver's votes on every picture of one row, by picture: {"index", "votes": {name: {easy, hard}}}."""
    settings = roles.settings
    solver = roles.judge(record["index"], settings.votes, settings.judge)
    pictures = await asyncio.to_thread(_read, pictures_of(record), roles.out_dir)
    drawn = [Drawn("ok", png=png) for png in pictures.values()]
    drawings = await judge(drawn, Proposal(**record["proposal"]), solver)
    votes = {
        name: {"easy": list(drawing.easy_votes), "hard": list(drawing.hard_votes)}
        for name, drawing in zip(pictures, drawings, strict=True)
    }
    return {"index": record["index"], "votes": votes}


def pictures_of(record: Record) -> dict[str, str]:
    """Name of each different picture of a row -> its path; the name is made from the picture's bytes."""
    return {Path(entry["image"]).stem: entry["image"] for entry in record["drawings"] if entry["image"]}


def _read(pictures: Mapping[str, str], out_dir: Path) -> dict[str, bytes]:
    return {name: (out_dir / path).read_bytes() for name, path in pictures.items()}


def reward_variance(
    record: Record,
    votes: Mapping[str, Mapping[str, list[str | None]]],
    settings: Settings,
    view: TextView | None = None,
) -> float:
    """Population variance of the full Coder reward over the codes of one row.

    Args:
        votes: of `judge_row`, on every picture of the row.
        view: what is answered from the row's caption.
    """
    proposal = Proposal(**record["proposal"])
    scores = []
    for entry in record["drawings"]:
        drawing = Drawing(rendered=False, status=entry["status"], drawn_text=tuple(entry["drawn_text"]))
        if entry["image"]:
            said = votes[Path(entry["image"]).stem]
            drawing = replace(drawing, rendered=True, easy_votes=tuple(said["easy"]), hard_votes=tuple(said["hard"]))
        evidence = CoderEvidence(entry["response"], proposal, drawing, view)
        scores.append(score_coder(evidence, settings.rewards)["score"])
    return statistics.pvariance(scores)
