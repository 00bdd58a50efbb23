"""The gallery's data: a light index of all shown samples, and their details in compressed blocks that open on demand.

The page must stay below its size at any number of samples, so samples are taken in telling order (survey.choose) until
a budget is spent: number, bytes of index, bytes of details. Texts stay data: they leave here as JSON only.
"""

import base64
import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmzero_rewards.config import SolverConfig
from recipe.mmzero.report.data.read import Run, finite
from recipe.mmzero.report.data.records import Sample, breakdown
from recipe.mmzero.report.data.survey import Survey, choose, load
from recipe.mmzero.report.page.pictures import Album

MAX_SAMPLES = 5000
INDEX_BYTES, DETAIL_BYTES, PICTURE_BYTES = 2_200_000, 3_600_000, 6_400_000
"""Parts of the page, in bytes of the file. With figures, style and tables the page stays below 15 MB."""
BLOCK = 24
"""Samples per compressed block: what one click decompresses."""
CAPTION = 160


@dataclass
class Gallery:
    """`index`: one JSON object per sample; `blocks`: gzip + base64 of JSON lists of BLOCK details each."""

    total: int
    index: list[dict[str, Any]] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)


def gallery(run: Run, found: Survey, album: Album) -> Gallery:
    """Index and details of the most telling samples; their pictures get slots in `album`."""
    result = Gallery(len(found.entries))
    weight, difficulty = (finite(run.setting(key)) for key in ("solver.format_weight", "coder.difficulty_weight"))
    format_weight = SolverConfig().format_weight if weight is None else weight
    pending: list[dict[str, Any]] = []
    index_bytes = detail_bytes = 0
    for entry in choose(found.entries):
        if len(result.index) >= MAX_SAMPLES or index_bytes > INDEX_BYTES or detail_bytes > DETAIL_BYTES:
            break
        sample = load(found, entry, run)
        if sample is None:
            continue
        _add_proposal(sample, found, run)
        detail = _detail(sample, run, album)
        pictures = [one["picture"] for one in detail["drawings"]]
        record = {
            "id": sample.id,
            "it": sample.iteration,
            "role": sample.role,
            "step": sample.step,
            "group": entry.group,
            "score": sample.score,
            "outcome": sample.outcome,
            "type": sample.content_type,
            "caption": _caption(sample),
            "spread": round(entry.spread, 4),
            "leak": int(sample.leaks),
            "pic": next((slot for slot in pictures if slot >= 0), -1),
            "parts": breakdown(sample, format_weight, 1.0 if difficulty is None else difficulty),
            "why": entry.why,
        }
        if "hard_consistency" in sample.terms:
            record["c"] = round(sample.terms["hard_consistency"], 3)
        index_bytes += len(json.dumps(record))
        result.index.append(record)
        pending.append(detail)
        if len(pending) == BLOCK:
            result.blocks.append(_packed(pending))
            detail_bytes += len(result.blocks[-1])
            pending = []
    if pending:
        result.blocks.append(_packed(pending))
    return result


def _add_proposal(sample: Sample, found: Survey, run: Run) -> None:
    """A Solver's roll-out knows its picture only; the row it was collected in has the proposal."""
    if sample.role != "solver" or sample.proposal or not sample.image:
        return
    entry = found.pictures.get((sample.iteration, Path(sample.image).name))
    row = load(found, entry, run) if entry else None
    if row is not None:
        sample.proposal = row.proposal


def _detail(sample: Sample, run: Run, album: Album) -> dict[str, Any]:
    step = run.step(sample.iteration, sample.role)
    drawings: list[dict[str, Any]] = []
    leads = 0
    for one in sample.drawings:
        path = album.find(one.image, step)
        slot = album.slot(path, min(1, leads))
        leads += slot >= 0
        drawings.append(
            {
                "status": one.status,
                "code": one.code,
                "language": one.language,
                "picture": slot,
                "texts": one.drawn_text,
                "easy": one.easy_votes,
                "hard": one.hard_votes,
            }
        )
    if sample.image and not drawings:
        picture = album.slot(album.find(sample.image, step), 0)
        drawings.append({"status": "ok", "code": "", "picture": picture, "texts": [], "easy": [], "hard": []})
    return {
        "prompt": sample.prompt,
        "response": sample.response,
        "proposal": sample.proposal,
        "drawings": drawings,
        "label": sample.label,
        "answer": sample.answer,
        "failure": sample.failure,
        "blind": sample.blind_votes,
        "text": sample.text_votes,
        "basis": sample.basis,
        "terms": {name: round(value, 4) for name, value in sorted(sample.terms.items())},
    }


def _caption(sample: Sample) -> str:
    words = sample.proposal.get("caption") or sample.proposal.get("hard_question") or ""
    if sample.role == "solver":
        words = sample.proposal.get("hard_question") or sample.prompt
    words = " ".join((words or sample.response).split())
    return words if len(words) <= CAPTION else words[: CAPTION - 1] + "…"


def _packed(details: list[dict[str, Any]]) -> str:
    return base64.b64encode(gzip.compress(json.dumps(details).encode(), 6, mtime=0)).decode()
