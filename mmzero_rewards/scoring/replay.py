"""Replay recorded cases: the same inputs must give the same numbers (docs/method.md §6.3).

A file is a JSON list of {id, role, preset, inputs, expected, note} (cases.py); `preset` is "reference" (our `paper`),
"paper" or "default". Only the keys of `expected` are compared: numbers within 1e-9, null with None or NaN, texts
exactly except for a vote's majority and a label, where a spelling that grades equal passes.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from mmzero_rewards.answers.grading import grade, grade_answer
from mmzero_rewards.answers.voting import vote
from mmzero_rewards.config import RewardConfig
from mmzero_rewards.parsing.content_types import content_type
from mmzero_rewards.parsing.responses import (
    PROPOSAL_FIELDS,
    FormatError,
    Proposal,
    extract_answer,
    extract_code,
    parse_proposal,
)
from mmzero_rewards.scoring import TOLERANCE
from mmzero_rewards.scoring.cases import LARGEST, PRESET_NAMES, check, one_line
from mmzero_rewards.scoring.distances import distances
from mmzero_rewards.scoring.diversity import batch_terms, cluster_shares
from mmzero_rewards.scoring.inputs import CoderEvidence, Drawing, ProposerEvidence, SolverEvidence
from mmzero_rewards.scoring.labels import label_row
from mmzero_rewards.scoring.roles import difficulty, score_coder, score_proposer, score_solver

SPELLINGS = ("majority", "label")
"""Keys whose text may be any spelling that grades equal."""


def replay(case: Mapping[str, Any]) -> list[str]:
    """Differences of one case, one line each; empty if it replays.

    Raises:
        ReplayError: unknown role or preset, or inputs that do not fit the role.
    """
    check(case)
    config = RewardConfig.preset(PRESET_NAMES[case.get("preset", "default")])
    differences: list[str] = []
    _compare(case["expected"], ROLES[case["role"]](case["inputs"], config), "", config, differences)
    return [one_line(line) for line in differences]


def _compare(expected: Any, actual: Any, where: str, config: RewardConfig, found: list[str]) -> None:
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        for key, value in expected.items():
            if key in SPELLINGS and isinstance(value, str) and grade(actual.get(key), value, config.grading.grader):
                continue
            if key not in actual:
                found.append(f"{where}{key}: missing")
            else:
                _compare(value, actual[key], f"{where}{key}.", config, found)
        return
    if isinstance(expected, list) and isinstance(actual, (list, tuple)):
        if len(expected) != len(actual):
            found.append(f"{where[:-1]}: {len(expected)} expected, {len(actual)} found")
        for number, (one, other) in enumerate(zip(expected, actual, strict=False)):
            _compare(one, other, f"{where}{number}.", config, found)
        return
    if not _same(expected, actual):
        found.append(f"{where[:-1]}: expected {expected!r}, found {actual!r}")


def _same(expected: Any, actual: Any) -> bool:
    if expected is None:
        return actual is None or (isinstance(actual, float) and math.isnan(actual))
    number = (int, float)
    if isinstance(expected, number) and isinstance(actual, number):
        # JSON has integers larger than any float; they equal only themselves.
        return expected == actual or (abs(expected) < LARGEST and abs(expected - actual) <= TOLERANCE)
    return type(expected) is type(actual) and expected == actual


def _drawing(entry: Mapping[str, Any] | None) -> Drawing:
    if entry is None:
        return Drawing(rendered=False)
    return Drawing(
        rendered=entry.get("rendered", True),
        easy_votes=tuple(entry["easy_votes"]),
        hard_votes=tuple(entry["hard_votes"]),
        drawn_text=tuple(entry.get("drawn_text", ())),
    )


def _parsed(text: str, config: RewardConfig) -> Proposal | None:
    try:
        return parse_proposal(text, config.proposer)
    except FormatError:
        return None


def _proposer(inputs: Mapping[str, Any], config: RewardConfig) -> dict[str, Any]:
    proposals = [_parsed(entry["text"], config) for entry in inputs["proposals"]]
    batch = batch_terms(proposals, config)
    rows = []
    for entry, proposal, terms in zip(inputs["proposals"], proposals, batch.rows, strict=True):
        drawings = tuple(_drawing(render) for render in entry["renders"])
        sample = score_proposer(ProposerEvidence(entry["text"], drawings), config)
        shown = [d for d in drawings if d.rendered and proposal is not None]
        rows.append(
            {
                **sample,
                **terms,
                "sample_score": sample["score"],
                "score": sample["score"] + terms["r_ct"] + terms["r_div"],
                "format_ok": bool(sample["format_ok"]),
                "hard_consistency": [difficulty(d.hard_votes, config)[1] for d in shown],
                "content_type": proposal.content_type if proposal else None,
            }
        )
    return {"proposals": rows}


def _coder(inputs: Mapping[str, Any], config: RewardConfig) -> dict[str, Any]:
    rows = []
    for entry in inputs["samples"]:
        proposal = Proposal(**{"content_type": "other", **entry["proposal"]})
        terms = score_coder(CoderEvidence(entry["response"], proposal, _drawing(entry)), config)
        try:
            code = extract_code(entry["response"], config.coder.languages).code
        except FormatError:
            code = None
        rows.append({**terms, "looks_like_svg": bool(terms["looks_like_svg"]), "code": code})
    return {"samples": rows}


def _solver(inputs: Mapping[str, Any], config: RewardConfig) -> dict[str, Any]:
    return score_solver(SolverEvidence(inputs["response"], inputs["label"]), config)


def _extract(inputs: Mapping[str, Any], config: RewardConfig) -> dict[str, Any]:
    return {"answer": extract_answer(inputs["text"], config.solver.non_answers)}


def _parse(inputs: Mapping[str, Any], config: RewardConfig) -> dict[str, Any]:
    proposal = _parsed(inputs["text"], config)
    fields = {tag: getattr(proposal, tag) for tag in PROPOSAL_FIELDS} if proposal else None
    return {"format_ok": proposal is not None, "fields": fields}


def _content_type(inputs: Mapping[str, Any], config: RewardConfig) -> dict[str, Any]:
    fallback = config.proposer.content_type.fallback
    return {"content_type": content_type(inputs["tag"], inputs["caption"], fallback)}


def _vote(inputs: Mapping[str, Any], config: RewardConfig) -> dict[str, Any]:
    result = vote(inputs["votes"], config.solver, config.grading.grader, config.grading.symbolic)
    return {"majority": result.majority, "consistency": result.consistency, "count": result.count, "k": result.k}


def _label(inputs: Mapping[str, Any], config: RewardConfig) -> dict[str, Any]:
    row = label_row(
        inputs["easy_votes"], inputs["hard_votes"], inputs["easy_answer"], inputs.get("hard_answer"), config
    )
    return vars(row)


def _diversity(inputs: Mapping[str, Any], config: RewardConfig) -> dict[str, Any]:
    rules = config.proposer.diversity
    matrix = distances(inputs["texts"], rules.measure).tolist()
    threshold = inputs.get("distance_threshold", rules.threshold)
    return {
        f"{'bleu' if rules.measure == 'bleu' else 'ngram'}_distance": matrix,
        "cluster_share": cluster_shares(inputs["texts"], rules.measure, threshold),
    }


def _equal(inputs: Mapping[str, Any], config: RewardConfig) -> dict[str, Any]:
    a, b, (grader, symbolic) = inputs["a"], inputs["b"], (config.grading.grader, config.grading.symbolic)
    return {
        "a_vs_b": grade_answer(a, b, grader, symbolic),
        "b_vs_a": grade_answer(b, a, grader, symbolic),
        "equal": grade(a, b, grader, symbolic),
    }


ROLES: dict[str, Callable[[Mapping[str, Any], RewardConfig], dict[str, Any]]] = {
    "proposer": _proposer,
    "coder": _coder,
    "solver": _solver,
    "extract": _extract,
    "parse": _parse,
    "content_type": _content_type,
    "vote": _vote,
    "label": _label,
    "diversity": _diversity,
    "equal": _equal,
}
