"""Training rows for the Solver: fresh pictures with silver labels (docs/method.md §2.3).

Per row: one proposal of P_i -> one code of C_i -> picture -> K = 10 answers of S_{i-1} to the easy and to the hard
question, both asked at once -> label and filter (mmzero_rewards.scoring.labels). A share of the pictures' hard
questions (`checks.blind.fraction`, chosen by row index) is asked once more without the picture: the blind rate.

Under `solver.label_mode: caption` the hard question is also asked with the caption in place of the picture; under
`program` each proposal is drawn `solver.programs` times, and the first drawing is the row's (docs/method.md §10).
"""

import asyncio
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from mmzero_env.process.replace import sync_path
from mmzero_rewards.answers.grading import check_grader
from mmzero_rewards.evidence import REFUSED_PROMPT, gather_or_cancel, unless_refused
from mmzero_rewards.parsing.responses import Proposal
from mmzero_rewards.scoring.checks import blind_rate, leak
from mmzero_rewards.scoring.labels import Label, label_from_caption, label_from_programs, label_row
from recipe.mmzero.engine.collect.flow.engine import fill, starved, summary
from recipe.mmzero.engine.collect.flow.errors import one_line
from recipe.mmzero.engine.collect.flow.ledger import Ledger
from recipe.mmzero.engine.collect.flow.progress import Progress
from recipe.mmzero.engine.collect.flow.shards import Record, ShardStore, claim
from recipe.mmzero.engine.collect.outputs import proposal_columns, write_common, write_summary
from recipe.mmzero.engine.collect.roles import ChatClient, Counting, Roles, pictures_exist, too_long
from recipe.mmzero.engine.collect.rows import LABELS, SOLVER_ROWS, training_row, write_parquet
from recipe.mmzero.engine.collect.settings import Settings
from recipe.mmzero.settings.folder import StepFolder

STAGE = "collect_solver"


async def collect_solver(
    settings: Settings,
    clients: Mapping[str, ChatClient],
    render_env: Any,
    out_dir: Path,
    seed: int,
    iteration: int,
    progress: Progress | None = None,
    lengths: Counting | None = None,
) -> dict[str, Any]:
    """Collect the Solver's rows into `out_dir`; running it again continues from the shards.

    Args:
        clients: "proposer" (P_i), "coder" (C_i), "solver" (S_{i-1}).
        seed, iteration: with the row index they seed every request.
        lengths: counts the tokens of training prompts; rows above `settings.max_prompt_tokens` are rejected.
    Returns:
        The content of summary.json: accepted, attempts, rejected by reason, dropped, means over the kept rows.
    Raises:
        CollectError: too few rows, too many infrastructure failures, other settings in `out_dir`, or a full disk.
    """
    out_dir = Path(out_dir).resolve()
    folder = StepFolder(out_dir)
    rule = settings.solver_filter
    progress = progress or Progress(folder.progress, STAGE)

    reasons: dict[int, str] = {}  # of rows in work: grading may take seconds, so it must not stop the event loop

    async def work(index: int) -> Record:
        record = await roles.propose(index)
        if not record["reject"]:
            gained = await unless_refused(label_one(record, roles))
            record |= {"reject": REFUSED_PROMPT} if gained is None else gained
        reasons[index] = await asyncio.to_thread(reason_of, record, settings)
        return record

    def verdict(record: Record) -> str:
        return reasons.pop(record["index"])

    ledger = Ledger(rule.budget, rule.target_rows)
    with (
        one_line(STAGE, out_dir),
        closing(ShardStore(folder.shards, "rows", settings.rows_per_shard)) as store,
    ):
        check_grader(settings.rewards.grading.grader, settings.rewards.grading.symbolic)
        claim(folder.shards, settings.identity(STAGE, seed, iteration))
        roles = Roles(STAGE, settings, clients, render_env, out_dir, seed, iteration, progress, lengths)
        for record in store.load(lambda record: pictures_exist(out_dir, record)):
            ledger.decide(record["index"], reason_of(record, settings))
        progress.start(STAGE, ledger.budget, ledger.target, resumed=ledger.decided_count)
        missing = (index for index in range(ledger.budget) if not ledger.decided(index))
        await fill(ledger, missing, store, work, verdict, progress, settings.in_flight, settings.max_fraction)

        numbers = write_common(out_dir, ledger, store, iteration, settings.rewards.coder.languages)
        labels: dict[int, dict[str, Any]] = {}
        write_parquet(folder.labels, LABELS, _label_rows(ledger, store, settings, labels))
        if ledger.accepted_count < rule.min_rows:
            remedy = "raise proposals, widen hard_consistency or lower min_rows"
            if settings.label_mode == "caption":
                remedy += "; text_unsure: lower verify.min_consistency"
            raise starved(f"{STAGE} (solver.filter)", ledger, rule.min_rows, remedy)
        means = Means()
        rows = _training_rows(ledger, store, settings, iteration, out_dir, labels, means)
        write_parquet(folder.rows, SOLVER_ROWS, rows)
        progress.finish(f"{ledger.accepted_count} rows of {ledger.cut} proposals")
        return write_summary(out_dir, summary(ledger, damaged_shards=store.damaged, **numbers, **means.values()))


async def label_one(record: Record, roles: Roles) -> Record:
    """What a proposal's row gains: its drawing and the votes, or `reject` where the Solver was never asked."""
    settings, index = roles.settings, record["index"]
    drawings = await roles.code(record, settings.codes_per_row)
    drawing = drawings[0]
    if drawing["status"] != "ok":
        return {"drawings": drawings, "reject": f"render_{drawing['status']}"}
    png = await asyncio.to_thread((roles.out_dir / drawing["image"]).read_bytes)
    solver, proposal = roles.judge(index, settings.label_votes, settings.label), record["proposal"]
    asks = {
        "easy_votes": solver.answers(proposal["easy_question"], png),
        "hard_votes": solver.answers(proposal["hard_question"], png),
    }
    if roles.derive("blind", index) < settings.rewards.checks.blind.fraction * 2**31:
        asks["blind_votes"] = solver.answers(proposal["hard_question"])
    if settings.label_mode == "caption":
        asks["text_votes"] = solver.from_caption(proposal["caption"], proposal["hard_question"])
    votes = await gather_or_cancel(asks.values())
    tokens = await roles.prompt_tokens(training_prompt(record, settings), [roles.out_dir / drawing["image"]])
    return {"drawings": drawings, "prompt_tokens": tokens} | {
        name: list(answers) for name, answers in zip(asks, votes, strict=True)
    }


def training_prompt(record: Record, settings: Settings) -> list[dict[str, str]]:
    """The `prompt` column of a row."""
    return settings.templates.solver_row(record["proposal"]["hard_question"])


def reason_of(record: Record, settings: Settings) -> str:
    """Why a row does not train, "" if it does."""
    return record["reject"] or too_long(record, settings) or label_of(record, settings).reason


def label_of(record: Record, settings: Settings) -> Label:
    """The label and the filter's verdict on one row that has votes."""
    proposal, votes, rewards = record["proposal"], record["hard_votes"], settings.rewards
    label = label_row(record["easy_votes"], votes, proposal["easy_answer"], proposal["hard_answer"], rewards)
    if settings.label_mode == "caption":
        return label_from_caption(label, votes, record["text_votes"], proposal["hard_answer"], rewards)
    if settings.label_mode == "program":
        return label_from_programs(label, votes, programs_of(record), proposal["hard_answer"], rewards)
    return label


def programs_of(record: Record) -> list[str | None]:
    """The hard answer that each drawing computes, "" for Python code that computes none, None for anything else."""
    return [
        (*drawing["answers"], "", "")[1] if drawing["status"] == "ok" and drawing["language"] == "python" else None
        for drawing in record["drawings"]
    ]


MEANS = (
    *("hard_consistency", "easy_accuracy", "easy_consistency", "label_agrees", "leak", "blind_rate"),
    *("label_share", "label_evidence"),
)


class Means:
    """Means of numeric columns over the kept rows, without keeping the rows."""

    def __init__(self):
        self._columns: dict[str, list[float]] = {}

    def add(self, row: Mapping[str, Any]) -> None:
        for name in MEANS:
            if row[name] is not None:
                total = self._columns.setdefault(name, [0.0, 0])
                total[0] += float(row[name])
                total[1] += 1

    def values(self) -> dict[str, float]:
        """Means by name, and of how many rows the blind rate is, which only a part of them has."""
        means = {name: total / count for name, (total, count) in self._columns.items()}
        return means | {"blind_rows": self._columns.get("blind_rate", (0.0, 0))[1]}


def _label_rows(ledger: Ledger, store: ShardStore, settings: Settings, kept: dict[int, dict[str, Any]]):
    """labels.parquet: what the Solver's answers say about every row that it was asked about, kept or not.

    `kept` gets what was judged of the accepted rows, so that grading, which may take seconds, is not done twice.
    """
    for index in ledger.answered():
        record = store.read(index)
        if "hard_votes" not in record:
            continue
        judged = judged_columns(record, settings)
        if not ledger.reason(index):
            kept[index] = judged
        votes = {name: record.get(name) for name in ("hard_votes", "easy_votes", "blind_votes", "text_votes")}
        drawing = record["drawings"][0]
        yield {"proposal_id": record["proposal_id"], "code_id": drawing["code_id"]} | votes | judged


def judged_columns(record: Record, settings: Settings) -> dict[str, Any]:
    """The label of a row with votes and the numbers beside it."""
    label = label_of(record, settings)
    drawing, blind = record["drawings"][0], record.get("blind_votes")
    return {
        "label": label.label,
        "hard_consistency": label.hard_consistency,
        "easy_accuracy": label.easy_accuracy,
        "easy_consistency": label.easy_consistency,
        "label_agrees": label.label_agrees,
        "label_source": label.source,
        "label_share": label.label_share,
        "label_evidence": label.evidence,
        "program_answers": programs_of(record) if settings.label_mode == "program" else None,
        "leak": leak(drawing["drawn_text"], Proposal(**record["proposal"])).penalised,
        "blind_rate": blind_rate(blind, record["hard_votes"], settings.rewards) if blind else None,
    }


def _training_rows(
    ledger: Ledger,
    store: ShardStore,
    settings: Settings,
    iteration: int,
    out_dir: Path,
    labels: Mapping[int, Mapping[str, Any]],
    means: Means,
):
    for index in ledger.accepted():
        record, judged = store.read(index), labels[index]
        drawing = record["drawings"][0]
        votes = {name: record.get(name) for name in ("hard_votes", "easy_votes", "text_votes")}
        image = {"code_id": drawing["code_id"], "image": drawing["image"]}
        extra = proposal_columns(record, iteration) | {"index": index} | image | votes | judged
        means.add(extra)
        path = out_dir / drawing["image"]
        sync_path(path)  # the file of rows must not be more durable than its pictures
        prompt = training_prompt(record, settings)
        yield training_row("solver", prompt, extra, [str(path)], judged["label"])
