"""What the whole batch of a training step knows: batch-level reward terms, drops, metrics. Pure functions.

Sources: method.md §2.1 (r_ct and r_div are computed over all roll-outs of the step, before advantages), §3 (a dropped
sample leaves mean, std and loss; a group with fewer than two samples leaves the batch), §2.0 (failures.max_fraction).
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, pstdev
from typing import Any

import scipy.cluster.hierarchy  # noqa: F401  used by batch_terms: without it a trainer does not start

from mmzero_rewards import Proposal, batch_terms, grade, vote
from mmzero_rewards.config import RewardConfig
from mmzero_rewards.evidence import REFUSED_PROMPT
from mmzero_rewards.peers.stats import COUNTS, PeerStats
from mmzero_rewards.scoring import TOLERANCE
from mmzero_rewards.scoring.checks import near_duplicates

SAMPLE_KEY = "mmzero_sample"
REFUSED_MAX = 0.5
"""A step of which peers refuse more than this share of prompts is not the models' failure: the requests are wrong."""


class StageFailure(RuntimeError):
    """The stage cannot go on; one line: what, how much, where to look."""


@dataclass(frozen=True)
class Row:
    """One roll-out of the step. `position` is its place in verl's batch, `order` its place among the real rows."""

    position: int
    order: int
    group: str
    session: int
    dropped: bool
    components: Mapping[str, float]
    sample: dict[str, Any]
    peers: Mapping[str, float] = field(default_factory=dict)  # what the peers' clients counted (PeerStats)


@dataclass(frozen=True)
class Outcome:
    """What `finish` decided. Lists are aligned with the rows; `left_out` holds positions in verl's batch."""

    added: list[float]
    scores: list[float]
    terms: list[dict[str, float]]
    left_out: list[int]
    metrics: dict[str, float]


def rows_of(keys: Sequence[str], real: Sequence[bool], uids: Sequence[str], extras: Sequence[Mapping]) -> list[Row]:
    """Rows of verl's batch that are roll-outs (not padding), with what the reward manager attached to them."""
    rows = []
    for position, (key, is_real, uid, extra) in enumerate(zip(keys, real, uids, extras, strict=True)):
        if not is_real:
            continue
        info = dict(extra.get("reward_extra_info") or {})
        sample = json.loads(info.pop(SAMPLE_KEY, None) or "{}")
        components = {name: float(value) for name, value in info.items() if isinstance(value, (int, float))}
        peers = {name: components.pop(COUNTS + name, 0.0) for name in PeerStats().numbers()}
        session = int(key.rsplit("_", 2)[1])
        dropped = components.get("dropped", 0.0) > 0
        rows.append(Row(position, len(rows), str(uid), session, dropped, components, sample, peers))
    return rows


def require_few_lost(rows: Sequence[Row], expected: int, max_fraction: float) -> None:
    """A step never shrinks its batch silently: missing and dropped roll-outs together have one limit.

    Raises:
        StageFailure: more than `failures.max_fraction` of the `expected` roll-outs are missing or were dropped, or
            peers refused the prompts of more than half of them.
    """
    refused = sum(_refused(row) for row in rows)
    if refused > REFUSED_MAX * expected:
        raise StageFailure(
            f"peers refused the prompts of {refused} of {expected} roll-outs of this step (HTTP 400, 413 or 422): too "
            "many to be the models' failure; see the peers' logs, and compare max_prompt_tokens and the sampling "
            "settings with what their servers accept"
        )
    missing, dropped = expected - len(rows), sum(row.dropped for row in rows)
    if missing + dropped <= max_fraction * expected:
        return
    causes = []
    if dropped:
        reasons = Counter(row.sample.get("failure", "unknown") for row in rows if row.dropped)
        cause, count = reasons.most_common(1)[0]
        causes.append(f"{dropped} dropped, most often ({count}x): {cause}")
    if missing:
        causes.append(
            f"{missing} missing, a rollout worker or reward manager failed: the log above has its traceback "
            "(search for 'Error in _run_prompt')"
        )
    raise StageFailure(
        f"{missing + dropped} of {expected} roll-outs of this step are lost (limit failures.max_fraction="
        f"{max_fraction:g}): {'; '.join(causes)}"
    )


def finish(
    rows: Sequence[Row],
    role: str,
    config: RewardConfig,
    label_mode: str = "offline",
    memory: Sequence[Proposal] = (),
    expected: int | None = None,
) -> Outcome:
    """Batch-level terms, drops and metrics of one step.

    Args:
        expected: roll-outs that the step should have; those that `rows` lacks are lost, too.
        label_mode: of the Solver: offline (labels come with the rows) or online (docs/method.md §2.3).
        memory: proposals of earlier iterations that count as neighbours (proposer.diversity.memory).
    """
    dropped = sum(row.dropped for row in rows)
    added = [0.0] * len(rows)
    terms = [dict(row.components) for row in rows]
    metrics: dict[str, float] = {}
    if role == "proposer":
        batch = batch_terms([_proposal(row) for row in rows], config, memory)
        for row, extra in zip(rows, batch.rows, strict=True):
            added[row.order] = 0.0 if row.dropped else extra["r_ct"] + extra["r_div"]
            terms[row.order] |= extra
        metrics |= {f"mmzero/proposer/{name}": float(value) for name, value in batch.metrics.items()}
    left_out = [row.position for row in rows if row.dropped]
    if role == "solver" and label_mode == "online":
        left_out += _label_online(rows, config, added, terms)
    scores = [row.components.get("score", 0.0) + added[row.order] for row in rows]
    gone = set(left_out)
    kept = [row for row in rows if row.position not in gone]
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in kept:
        groups[row.group].append(row)
    alone = {row.position for members in groups.values() if len(members) < 2 for row in members}
    left_out += alone
    kept = [row for row in kept if row.position not in alone]
    metrics |= component_metrics(role, kept, terms, scores) | picture_metrics(role, kept) | peer_metrics(role, rows)
    spread = [pstdev([scores[row.order] for row in members]) for members in groups.values() if len(members) > 1]
    metrics[f"mmzero/{role}/zero_variance_groups"] = fmean([s < TOLERANCE for s in spread]) if spread else math.nan
    wanted = len(rows) if expected is None else expected
    metrics[f"mmzero/{role}/dropped_fraction"] = (dropped + wanted - len(rows)) / max(1, wanted)
    metrics[f"mmzero/{role}/rollouts"] = float(len(rows))
    return Outcome(added, scores, terms, sorted(left_out), {k: v for k, v in metrics.items() if math.isfinite(v)})


def component_metrics(
    role: str, rows: Sequence[Row], terms: Sequence[Mapping[str, float]], scores: Sequence[float]
) -> dict[str, float]:
    """`mmzero/<role>/<component>/{mean,min,max,std,n}` over the n finite values, and the headline names of one role."""
    columns: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for name, value in terms[row.order].items():
            if math.isfinite(value):
                columns[name].append(value)
        columns["reward"].append(scores[row.order])
    metrics = {}
    for name, values in columns.items():
        prefix = f"mmzero/{role}/{name}"
        metrics |= {
            f"{prefix}/mean": fmean(values),
            f"{prefix}/min": min(values),
            f"{prefix}/max": max(values),
            f"{prefix}/std": pstdev(values),
            f"{prefix}/n": float(len(values)),
        }
    headline = {
        "proposer": {
            "format_valid": "format_ok",
            "render_rate": "render_rate",
            "solvability": "mean_solvability",
            "difficulty": "mean_difficulty",
        },
        "coder": {
            "format_valid": "has_code",
            "render_rate": "render",
            "solvability": "solvability",
            "difficulty": "difficulty",
        },
        "solver": {"format_valid": "format", "accuracy": "accuracy"},
    }[role]
    for public, component in headline.items():
        if columns.get(component):
            metrics[f"mmzero/{role}/{public}"] = fmean(columns[component])
    return metrics


def peer_metrics(role: str, rows: Sequence[Row]) -> dict[str, float]:
    """What asking the frozen peers took: `mmzero/<role>/peers/<counter>`, sums over all roll-outs of the step, and the
    share of roll-outs whose prompt a peer refused. Nothing for the Solver, which asks nobody.
    """
    if role == "solver":
        return {}
    sums = {name: sum(row.peers.get(name, 0.0) for row in rows) for name in PeerStats().numbers()}
    metrics = {f"mmzero/{role}/{COUNTS}{name}": float(value) for name, value in sums.items()}
    return metrics | {f"mmzero/{role}/refused_prompts": fmean(_refused(row) for row in rows) if rows else math.nan}


def updates_that_teach(out: Sequence[bool], ranks: int, per_update: int) -> list[int]:
    """Positions of the rows of those updates in which at least one row takes part.

    verl gives each of `ranks` processes an equal stretch of the batch and cuts that into mini-batches in order, so the
    update number u consists of the u-th piece of every stretch. It divides a mini-batch's loss by the number of its
    unmasked tokens, which is 0/0 where every row has left the batch.

    Args:
        out: for each row of the batch, whether it has left.
        per_update: rows of one update over all ranks (ppo_mini_batch_size x n); divides len(out).

    >>> updates_that_teach([True, True, False, True, True, True, False, False], ranks=2, per_update=4)
    [2, 3, 6, 7]
    """
    stretch, piece = len(out) // ranks, per_update // ranks
    update_of = [position % stretch // piece for position in range(len(out))]
    teaching = {update for update, gone in zip(update_of, out, strict=True) if not gone}
    return [position for position, update in enumerate(update_of) if update in teaching]


def picture_metrics(role: str, rows: Sequence[Row]) -> dict[str, float]:
    """Blank and repeated pictures: `mmzero/<role>/pictures/{blank,near_duplicate}`, shares.

    blank: of all codes. near_duplicate: of the pictures, those with a look-alike among the drawings of another
    proposal; drawings of one proposal may look alike (roll-outs of one group, for the Coder).
    """
    drawings = [
        (row.group if role == "coder" else row.order, drawing)
        for row in rows
        for drawing in row.sample.get("drawings") or ()
    ]
    if not drawings:
        return {}
    shown = [(owner, int(drawing["picture_hash"], 16)) for owner, drawing in drawings if drawing.get("picture_hash")]
    repeated = near_duplicates([picture for _, picture in shown], owners=[owner for owner, _ in shown])
    return {
        f"mmzero/{role}/pictures/blank": fmean(drawing["status"] == "blank" for _, drawing in drawings),
        f"mmzero/{role}/pictures/near_duplicate": fmean(repeated) if repeated else math.nan,
    }


def length_metrics(role: str, responses: Sequence[Sequence[int]], limit: int, end: int) -> dict[str, float]:
    """`mmzero/<role>/cut_off`: share of the responses that fill `limit` tokens without the `end` token.

    verl's response_length/clip_ratio is something else: the share that is as long as the longest of the batch.
    """
    cut = [len(tokens) >= limit and tokens[-1] != end for tokens in responses]
    return {f"mmzero/{role}/cut_off": fmean(cut)} if cut else {}


def _label_online(
    rows: Sequence[Row], config: RewardConfig, added: list[float], terms: list[dict[str, float]]
) -> list[int]:
    """docs/method.md §2.3 `label_mode: online`: the label is the majority of the current group's own answers.

    Changes `added`, `terms` and the samples' `label` in place; returns the positions of groups without an answer.
    """
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if not row.dropped:
            groups[row.group].append(row)
    unlabelled = []
    weight = 1.0 - config.solver.format_weight
    grading = (config.grading.grader, config.grading.symbolic)
    for members in groups.values():
        majority = vote([row.sample.get("answer") for row in members], config.solver, *grading).majority
        if majority is None:
            unlabelled += [row.position for row in members]
            continue
        for row in members:
            right = float(grade(row.sample.get("answer"), majority, *grading))
            added[row.order] = weight * (right - row.components["accuracy"])
            terms[row.order]["accuracy"] = right
            row.sample["label"] = majority
    return unlabelled


def _refused(row: Row) -> bool:
    return row.sample.get("status") == REFUSED_PROMPT


def _proposal(row: Row) -> Proposal | None:
    fields = row.sample.get("proposal")
    return Proposal(**fields) if fields else None
