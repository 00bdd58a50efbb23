"""Training rows for the Coder: proposals of P_i that C_{i-1} can draw sometimes (docs/method.md §2.2, §4 `Top-up`).

Per row: one proposal -> N codes -> N pictures -> render rate. The window filter decides; rows are taken in index order
until `target_rows` are accepted or `attempt_budget` proposals are spent.

Reward variance needs the Solver's answers to every picture, which costs more than drawing it. It is therefore computed
in a second pass, and only when it decides something: `window_then_variance` below target (all proposals that the window
rejected) and `variance` (all valid proposals of the whole budget). With `verify.caption` a last pass asks the Solver
about the captions of what is kept (text_views.py). All passes are stored in shards and resume.
"""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from mmzero_rewards.answers.grading import check_grader
from mmzero_rewards.evidence import REFUSED_PROMPT, unless_refused
from mmzero_rewards.parsing.responses import Proposal
from mmzero_rewards.scoring.labels import render_rate_kept
from mmzero_rewards.scoring.verified import TextView
from recipe.mmzero.engine.collect.flow.engine import fill, starved, summary
from recipe.mmzero.engine.collect.flow.errors import one_line
from recipe.mmzero.engine.collect.flow.ledger import Ledger
from recipe.mmzero.engine.collect.flow.progress import Progress
from recipe.mmzero.engine.collect.flow.shards import Record, ShardStore, claim
from recipe.mmzero.engine.collect.outputs import proposal_columns, write_common, write_summary
from recipe.mmzero.engine.collect.roles import ChatClient, Counting, Roles, pictures_exist, too_long
from recipe.mmzero.engine.collect.rows import CODER_ROWS, training_row, write_parquet
from recipe.mmzero.engine.collect.settings import CoderFilter, Settings
from recipe.mmzero.engine.collect.text_views import text_views
from recipe.mmzero.engine.collect.variance import take_by_variance
from recipe.mmzero.settings.folder import StepFolder

STAGE = "collect_coder"
CANDIDATES = ("render_rate_below_window", "render_rate_above_window", "variance_not_selected")


async def collect_coder(
    settings: Settings,
    clients: Mapping[str, ChatClient],
    render_env: Any,
    out_dir: Path,
    seed: int,
    iteration: int,
    progress: Progress | None = None,
    lengths: Counting | None = None,
) -> dict[str, Any]:
    """Collect the Coder's rows into `out_dir`; running it again continues from the shards.

    Args:
        clients: "proposer" (P_i), "coder" (C_{i-1}), and for the variance modes "solver" (S_{i-1}).
        seed, iteration: with the row index they seed every request.
        lengths: counts the tokens of training prompts; rows above `settings.max_prompt_tokens` are rejected.
    Returns:
        The content of summary.json: accepted, attempts, rejected by reason, dropped, kept_by, means.
    Raises:
        CollectError: too few rows, too many infrastructure failures, other settings in `out_dir`, or a full disk.
    """
    out_dir = Path(out_dir).resolve()
    folder = StepFolder(out_dir)
    rule = settings.coder_filter
    progress = progress or Progress(folder.progress, STAGE)

    async def work(index: int) -> Record:
        record = await roles.propose(index)
        if not record["reject"]:
            drawings = await unless_refused(roles.code(record, settings.samples))
            record |= {"reject": REFUSED_PROMPT} if drawings is None else {"drawings": drawings}
            record["prompt_tokens"] = await roles.prompt_tokens(training_prompt(record, settings))
        return record

    def verdict(record: Record) -> str:
        return record["reject"] or too_long(record, settings) or judge_render_rate(render_rate(record), rule)

    # "variance" ranks the whole budget, so nothing is accepted while proposals are still coming.
    ledger = Ledger(rule.attempt_budget, None if rule.mode == "variance" else rule.target_rows)
    with (
        one_line(STAGE, out_dir),
        closing(ShardStore(folder.shards, "rows", settings.rows_per_shard)) as store,
    ):
        check_grader(settings.rewards.grading.grader, settings.rewards.grading.symbolic)
        claim(folder.shards, settings.identity(STAGE, seed, iteration))
        roles = Roles(STAGE, settings, clients, render_env, out_dir, seed, iteration, progress, lengths)
        for record in store.load(lambda record: pictures_exist(out_dir, record)):
            ledger.decide(record["index"], verdict(record))
        progress.start(STAGE, ledger.budget, ledger.target, resumed=ledger.decided_count)
        missing = (index for index in range(ledger.budget) if not ledger.decided(index))
        await fill(ledger, missing, store, work, verdict, progress, settings.in_flight, settings.max_fraction)

        variances, unjudged = {}, 0
        wanted = rule.target_rows - ledger.accepted_count
        if rule.mode in ("window_then_variance", "variance") and wanted > 0:
            variances, unjudged = await take_by_variance(ledger, CANDIDATES, store, roles, wanted)
        numbers = write_common(out_dir, ledger, store, iteration, settings.rewards.coder.languages)
        if ledger.accepted_count < rule.min_rows:
            raise starved(
                f"{STAGE} (coder.filter)", ledger, rule.min_rows, "raise attempt_budget, widen window or lower min_rows"
            )
        views = await text_views(ledger.accepted(), ledger.budget, store, roles)
        rows = _training_rows(ledger, store, settings, iteration, variances, views)
        write_parquet(folder.rows, CODER_ROWS, rows)
        kept_by_variance = len(variances)
        progress.finish(f"{ledger.accepted_count} rows of {ledger.cut} proposals ({kept_by_variance} by variance)")
        first = "off" if rule.mode == "off" else "window"
        kept = {first: ledger.accepted_count - kept_by_variance, "variance": kept_by_variance}
        numbers |= {"kept_by": kept, "unjudged": unjudged, "damaged_shards": store.damaged}
        return write_summary(out_dir, summary(ledger, **numbers))


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
        return "variance_not_selected"
    if render_rate_kept(rate, rule.window):
        return ""
    return "render_rate_below_window" if rate < rule.window[0] else "render_rate_above_window"


def training_prompt(record: Record, settings: Settings) -> list[dict[str, str]]:
    """The `prompt` column of a row."""
    return settings.templates.coder_row(Proposal(**record["proposal"]), settings.prompt_fields)


def _training_rows(
    ledger: Ledger,
    store: ShardStore,
    settings: Settings,
    iteration: int,
    variances: Mapping[int, float],
    views: Mapping[int, TextView],
):
    rule = settings.coder_filter
    for index in ledger.accepted():
        record = store.read(index)
        prompt = training_prompt(record, settings)
        extra = proposal_columns(record, iteration) | {
            "index": index,
            "render_rate": render_rate(record),
            "reward_variance": variances.get(index),
            "text_easy_votes": views[index].easy_votes if index in views else None,
            "text_hard_votes": views[index].hard_votes if index in views else None,
            "kept_by": "variance" if index in variances else "off" if rule.mode == "off" else "window",
        }
        yield training_row("coder", prompt, extra)
