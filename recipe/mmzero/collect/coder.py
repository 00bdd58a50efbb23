"""Training rows for the Coder: proposals of P_i that C_{i-1} can draw sometimes (METHOD §2.2, §4 `Top-up`).

Per row: one proposal -> N codes -> N pictures -> render rate. The window filter decides; rows are taken in index order
until `target_rows` are accepted or `attempt_budget` proposals are spent.

Reward variance needs the Solver's answers to every picture, which costs more than drawing it. It is therefore computed
in a second pass, and only when it decides something: `window_then_variance` below target (all proposals that the window
rejected) and `variance` (all valid proposals of the whole budget). Both passes are stored in shards and resume.
"""

import asyncio
import statistics
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmzero_rewards.evidence import Drawn, judge
from mmzero_rewards.labels import render_rate_kept
from mmzero_rewards.parsing import Proposal
from mmzero_rewards.scoring import CoderEvidence, Drawing, score_coder
from recipe.mmzero.collect.engine import fill, starved, summary
from recipe.mmzero.collect.ledger import Ledger
from recipe.mmzero.collect.outputs import proposal_columns, write_common, write_summary
from recipe.mmzero.collect.progress import Progress
from recipe.mmzero.collect.roles import ChatClient, Roles, pictures_exist
from recipe.mmzero.collect.rows import CODER_ROWS, training_row, write_parquet
from recipe.mmzero.collect.settings import CoderFilter, Settings
from recipe.mmzero.collect.shards import Record, ShardStore, claim

STAGE = "collect_coder"
CANDIDATES = ("render_rate_below_window", "render_rate_above_window", "awaits_variance")
# Equal rewards may differ in the last bits after a mean; smaller variances are none.
NO_VARIANCE = 1e-9


async def collect_coder(
    settings: Settings,
    clients: Mapping[str, ChatClient],
    render_env: Any,
    out_dir: Path,
    seed: int,
    iteration: int,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Collect the Coder's rows into `out_dir`; running it again continues from the shards.

    Args:
        clients: "proposer" (P_i), "coder" (C_{i-1}), and for the variance modes "solver" (S_{i-1}).
        seed, iteration: with the row index they seed every request.
    Returns:
        The content of summary.json: accepted, attempts, rejected by reason, dropped, kept_by, means.
    Raises:
        CollectError: too few rows, too many infrastructure failures, other settings in `out_dir`, or a full disk.
    """
    out_dir = Path(out_dir).resolve()
    rule = settings.coder_filter
    progress = progress or Progress(out_dir / "progress.jsonl", STAGE)
    claim(out_dir / "shards", settings.identity(STAGE, seed, iteration))
    roles = Roles(STAGE, settings, clients, render_env, out_dir, seed, iteration, progress)

    async def work(index: int) -> Record:
        record = await roles.propose(index)
        if not record["reject"]:
            record["drawings"] = await roles.code(record, settings.samples)
        return record

    def verdict(record: Record) -> str:
        return record["reject"] or judge_render_rate(render_rate(record), rule)

    # "variance" ranks the whole budget, so nothing is accepted while proposals are still coming.
    ledger = Ledger(rule.attempt_budget, None if rule.mode == "variance" else rule.target_rows)
    with closing(ShardStore(out_dir / "shards", "rows", settings.rows_per_shard)) as store:
        for record in store.load(lambda record: pictures_exist(out_dir, record)):
            ledger.decide(record["index"], verdict(record))
        progress.start(STAGE, ledger.budget, ledger.target, resumed=ledger.decided_count)
        missing = (index for index in range(ledger.budget) if not ledger.decided(index))
        await fill(ledger, missing, store, work, verdict, progress, settings.in_flight, settings.max_fraction)

        variances: dict[int, float] = {}
        wanted = rule.target_rows - ledger.accepted_count
        if rule.mode in ("window_then_variance", "variance") and wanted > 0:
            variances = await take_by_variance(ledger, store, roles, wanted)
        numbers = write_common(out_dir, ledger, store, iteration, settings.rewards.coder.languages)
        if ledger.accepted_count < rule.min_rows:
            raise starved(
                f"{STAGE} (coder.filter)", ledger, rule.min_rows, "raise attempt_budget, widen window or lower min_rows"
            )
        write_parquet(
            out_dir / "train.parquet", CODER_ROWS, _training_rows(ledger, store, settings, iteration, variances)
        )
        kept_by_variance = len(variances)
        progress.finish(f"{ledger.accepted_count} rows of {ledger.cut} proposals ({kept_by_variance} by variance)")
        first = "off" if rule.mode == "off" else "window"
        kept = {first: ledger.accepted_count - kept_by_variance, "variance": kept_by_variance}
        return write_summary(out_dir, summary(ledger, kept_by=kept, damaged_shards=store.damaged, **numbers))


def render_rate(record: Record) -> float:
    """Share of the codes that draw; 0 without codes."""
    drawings = record["drawings"]
    return sum(drawing["status"] == "ok" for drawing in drawings) / len(drawings) if drawings else 0.0


def judge_render_rate(rate: float, rule: CoderFilter) -> str:
    """Reason to reject, empty to keep.

    >>> judge_render_rate(0.75, CoderFilter(mode="window")), judge_render_rate(1.0, CoderFilter(mode="window"))
    ('', 'render_rate_above_window')
    """
    if rule.mode == "off":
        return ""
    if rule.mode == "variance":
        return "awaits_variance"
    if render_rate_kept(rate, rule.window):
        return ""
    return "render_rate_below_window" if rate < rule.window[0] else "render_rate_above_window"


async def take_by_variance(ledger: Ledger, store: ShardStore, roles: Roles, wanted: int) -> dict[int, float]:
    """Accept up to `wanted` rejected rows whose codes differ most in the full Coder reward.

    Returns:
        accepted row -> its reward variance; ties go to the smaller row.
    """
    settings = roles.settings
    candidates = [index for index, reason in ledger.rejected() if reason in CANDIDATES]
    variances: dict[int, float] = {}

    async def work(index: int) -> Record:
        return await judge_row(store.read(index), roles)

    def verdict(record: Record) -> str:
        variances[record["index"]] = reward_variance(store.read(record["index"]), record["drawings"], settings)
        return "judged"

    judged = Ledger(ledger.budget, None)
    wished = set(candidates)
    folder = roles.out_dir / "shards" / "judged"
    claim(folder, {"solver.votes": settings.votes, "judge": asdict(settings.judge)})
    with closing(ShardStore(folder, "rows", settings.rows_per_shard)) as answers:
        for record in answers.load():
            if record["index"] in wished:
                judged.decide(record["index"], verdict(record))
        roles.progress.start(f"{STAGE} variance", len(candidates), None, resumed=judged.decided_count)
        missing = (index for index in candidates if not judged.decided(index))
        await fill(judged, missing, answers, work, verdict, roles.progress, settings.in_flight, settings.max_fraction)
    ranked = sorted((-round(variance, 12), index) for index, variance in variances.items() if variance > NO_VARIANCE)
    taken = {index: variances[index] for _, index in ranked[:wanted]}
    for index in taken:
        ledger.accept(index)
    return taken


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


def _training_rows(
    ledger: Ledger, store: ShardStore, settings: Settings, iteration: int, variances: Mapping[int, float]
):
    rule = settings.coder_filter
    for index in ledger.accepted():
        record = store.read(index)
        prompt = settings.templates.coder_row(Proposal(**record["proposal"]), settings.prompt_fields)
        extra = proposal_columns(record, iteration) | {
            "index": index,
            "render_rate": render_rate(record),
            "reward_variance": variances.get(index),
            "kept_by": "variance" if index in variances else "off" if rule.mode == "off" else "window",
        }
        yield training_row("coder", prompt, extra)
