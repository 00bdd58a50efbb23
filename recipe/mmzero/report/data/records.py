"""One dumped roll-out, or one collected row, in the form that the report uses; any field may be missing or wrong.

`from_sample` takes a line of samples/*.jsonl, `from_row` a row of a collection (collected.py). Both give a `Sample`
whose texts are bounded, so that one absurd record cannot fill the page. `breakdown` splits a score into the terms of
docs/method.md §2, so that they add up to it.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from mmzero_rewards import Proposal
from recipe.mmzero.report.data.read import TRAINING, Skips, finite

LONG, SHORT = 12_000, 600
"""Longest text kept in characters: prompts, responses and code; captions, questions and answers."""
MAX_DRAWINGS, MAX_VOTES, MAX_TEXTS = 8, 64, 60
FIELDS = tuple(one.name for one in fields(Proposal))
KNOWN = {
    *("id", "iteration", "role", "step", "uid", "sample", "prompt", "response", "score", "terms", "status", "proposal"),
    *("drawings", "label", "answer", "image", "failure", "blind_votes", "dropped", "evidence_s"),
    *("text_easy_votes", "text_hard_votes"),
}
JUDGED = {
    "hard_consistency": "hard_consistency",
    "easy_consistency": "easy_consistency",
    "solvability": "easy_accuracy",
    "leak": "leak",
    "label_agrees": "label_agrees",
    "blind_rate": "blind_rate",
    "label_share": "label_share",
    "label_evidence": "label_evidence",
}
"""Term -> column of labels.parquet."""
SOURCES = {
    "vote": "the majority of the answers to the picture",
    "caption": "the majority of the answers from the caption",
    "program": "what the drawing's own code computes",
}


@dataclass
class Drawing:
    status: str
    code: str
    language: str
    image: str | None
    drawn_text: list[str]
    easy_votes: list[str | None]
    hard_votes: list[str | None]


@dataclass
class Sample:
    """`role` is a training role or the name of a collection; `score` None where nothing was scored."""

    id: str
    iteration: int
    role: str
    step: int
    group: str
    score: float | None
    status: str
    prompt: str = ""
    response: str = ""
    terms: dict[str, float] = field(default_factory=dict)
    proposal: dict[str, str] = field(default_factory=dict)
    drawings: list[Drawing] = field(default_factory=list)
    label: str | None = None
    answer: str | None = None
    image: str | None = None
    failure: str = ""
    blind_votes: list[str | None] = field(default_factory=list)
    text_votes: list[str | None] = field(default_factory=list)  # to the hard question, from the caption
    basis: str = ""  # of a collected row: where its label comes from and what it was decided by

    @property
    def content_type(self) -> str:
        return self.proposal.get("content_type", "")

    @property
    def outcome(self) -> str:
        """The failure class, or `ok`; finer than the status where the reward says more than the status."""
        if self.status not in ("ok", ""):
            return self.status
        if self.role == "solver":
            return "wrong_answer" if self.terms.get("accuracy") == 0 else "ok"
        if self.drawings and not any(drawing.status == "ok" for drawing in self.drawings):
            return "not_drawn"
        return "ok"

    @property
    def leaks(self) -> bool:
        return self.terms.get("leak", 0.0) > 0


def from_sample(record: Mapping[str, Any], skips: Skips, where: str) -> Sample | None:
    """A line of samples/*.jsonl; None (and counted) if it has no usable role."""
    role = record.get("role")
    if role not in TRAINING:
        skips.add("sample without a known role", where)
        return None
    for name in record.keys() - KNOWN:
        skips.add(f"unknown field '{text(name, 40)}' ignored", where)
    terms = record.get("terms")
    drawings = record.get("drawings")
    return Sample(
        id=text(record.get("id"), 120),
        iteration=whole(record.get("iteration")),
        role=role,
        step=whole(record.get("step")),
        group=f"{role}/{whole(record.get('iteration'))}/{whole(record.get('step'))}/{text(record.get('uid'), 120)}",
        score=finite(record.get("score")),
        status=text(record.get("status"), 40) or "ok",
        prompt=text(record.get("prompt")),
        response=text(record.get("response")),
        terms=_numbers(terms),
        proposal=_proposal(record.get("proposal")),
        drawings=[_drawing(one) for one in _list(drawings, MAX_DRAWINGS) if isinstance(one, Mapping)],
        label=_optional(record.get("label")),
        answer=_optional(record.get("answer")),
        image=_optional(record.get("image")),
        failure=text(record.get("failure"), SHORT),
        blind_votes=_votes(record.get("blind_votes")),
        text_votes=_votes(record.get("text_hard_votes")),
    )


def from_row(row: Mapping[str, Any], role: str, iteration: int) -> Sample:
    """A row of a collection as the collection decided it; nothing is judged here."""
    identity = text(row.get("proposal_id"), 120)
    index = identity.rpartition("-")[2]
    drawings = [_drawing(one) for one in _list(row.get("drawings"), MAX_DRAWINGS)]
    sample = Sample(
        id=identity,
        iteration=iteration,
        role=role,
        step=int(index) if index.isascii() and index.isdigit() else 0,
        group=identity,
        score=None,
        status=text(row.get("reject_reason"), 80) or "kept",
        prompt=text(row.get("topic"), SHORT),
        response=text(row.get("raw_text")),
        proposal=_proposal(row) if row.get("format_ok") else {},
        drawings=drawings,
    )
    judged = row.get("judged")
    if isinstance(judged, Mapping):
        sample.label = _optional(judged.get("label"))
        sample.blind_votes = _votes(judged.get("blind_votes"))
        named = {public: finite(judged.get(column)) for public, column in JUDGED.items()}
        sample.terms |= {public: value for public, value in named.items() if value is not None}
        sample.text_votes, sample.basis = _votes(judged.get("text_votes")), basis(sample, judged.get("label_source"))
        for drawing in drawings[:1]:
            drawing.easy_votes, drawing.hard_votes = _votes(judged.get("easy_votes")), _votes(judged.get("hard_votes"))
    elif role == "collect_coder" and drawings:
        sample.terms["render_rate"] = sum(one.status == "ok" for one in drawings) / len(drawings)
    return sample


def basis(sample: Sample, source: Any) -> str:
    """Why a row was kept, or what was weighed when it was not: one sentence; "" for rows of older runs."""
    if source not in SOURCES or sample.label is None:
        return ""
    shares = {name: f"{sample.terms.get(name, 0.0):.0%}" for name in ("label_evidence", "label_share", "solvability")}
    agree = "" if source == "vote" else f", on which {shares['label_evidence']} of them agree"
    agree = agree.replace("of them", "of the programs") if source == "program" else agree
    return (
        f"The label is {SOURCES[source]}{agree}; {shares['label_share']} of the answers to the picture are this label, "
        f"{shares['solvability']} of those to the easy question are the Proposer's."
    )


def pack(sample: Sample) -> bytes:
    """A sample in about a kilobyte, for `unpack`."""
    return zlib.compress(json.dumps(asdict(sample)).encode(), 1)


def unpack(packed: bytes) -> Sample:
    found = json.loads(zlib.decompress(packed))
    return Sample(**found | {"drawings": [Drawing(**one) for one in found["drawings"]]})


def breakdown(sample: Sample, format_weight: float = 0.1, difficulty_weight: float = 1.0) -> list[tuple[str, float]]:
    """The score as (term, value) that add up to it, zeros left out; [] without a score (docs/method.md §2.1-2.3)."""
    terms, score = sample.terms, sample.score
    if score is None or sample.status == "dropped":
        return []
    parts: dict[str, float] = {}
    if sample.role == "proposer" and terms.get("format_ok", 1.0) > 0:
        codes = terms.get("num_codes", 0.0)
        share = terms.get("num_rendered", 0.0) / codes if codes else 0.0
        parts["difficulty"] = terms.get("mean_difficulty", 0.0) * share
        for name in ("r_eh", "r_ct", "r_div"):
            parts[name] = terms.get(name, 0.0)
        parts["blind"] = -terms.get("blind_penalty", 0.0)
        parts["unknown"] = -terms.get("unknown_penalty", 0.0)
        rest = "solvability"
    elif sample.role == "proposer":
        rest = "format error"
    elif sample.role == "coder" and terms.get("render", 0.0) > 0:
        parts = {"solvability": terms.get("solvability", 0.0)}
        parts["difficulty"] = difficulty_weight * terms.get("difficulty", 0.0)
        parts["leak"] = -terms.get("leak_penalty", 0.0)
        rest = "drawn"
    elif sample.role == "coder":
        rest = "not drawn"
    else:
        parts["format"] = format_weight * terms.get("format", 0.0)
        rest = "right answer"
    parts[rest] = score - sum(parts.values())
    order = (rest, *(name for name in parts if name != rest))
    return [(name, round(parts[name], 4)) for name in order if abs(parts[name]) > 5e-5]


def text(value: Any, limit: int = LONG) -> str:
    """Any value as bounded text; lone surrogates become "?"."""
    if type(value) is str and len(value) <= limit and value.isascii():  # nearly all of them
        return value
    if value is None:
        return ""
    shown = value if isinstance(value, str) else str(value) if isinstance(value, int | float | bool) else ""
    if len(shown) > limit:
        shown = shown[:limit] + f" … [{len(shown) - limit} more characters]"
    return shown.encode("utf-8", "replace").decode()


def whole(value: Any) -> int:
    number = finite(value)
    return 0 if number is None or abs(number) > 1e12 else int(number)


def is_picture_path(value: Any) -> bool:
    """Only names of PNG files are followed, and only inside the run folder (pictures.py)."""
    return isinstance(value, str) and len(value) < 1000 and value[-4:].lower() == ".png"


def _drawing(one: Mapping[str, Any]) -> Drawing:
    image = one.get("image")
    return Drawing(
        status=text(one.get("status"), 40),
        code=text(one.get("code")),
        language=text(one.get("language"), 20),
        image=image if is_picture_path(image) else None,
        drawn_text=[text(item, 200) for item in _list(one.get("drawn_text"), MAX_TEXTS)],
        easy_votes=_votes(one.get("easy_votes")),
        hard_votes=_votes(one.get("hard_votes")),
    )


def _proposal(value: Any) -> dict[str, str]:
    return {name: text(value.get(name), SHORT) for name in FIELDS} if isinstance(value, Mapping) else {}


def _numbers(value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping):
        return {}
    return {text(name, 60): n for name, raw in list(value.items())[:80] if (n := finite(raw)) is not None}


def _votes(value: Any) -> list[str | None]:
    return [None if item is None else text(item, 200) for item in _list(value, MAX_VOTES)]


def _optional(value: Any) -> str | None:
    return None if value is None else text(value, SHORT)


def _list(value: Any, limit: int) -> list[Any]:
    return value[:limit] if isinstance(value, list) else []
