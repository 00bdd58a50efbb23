"""Rewards of the three roles as pure functions: evidence in, every term by name out (docs/method.md §2.1-2.3).

`score` is what one sample knows; the batch terms r_ct and r_div of a proposal are added later (diversity.batch_terms).
Each function returns the same numeric keys for every input; NaN means "not defined here" (for example the blind rate
of an item that was not asked blind). Infrastructure failures never reach these functions.
"""

import math
from collections.abc import Sequence

from mmzero_rewards.answers.grading import grade, grade_answer
from mmzero_rewards.answers.missing import answered
from mmzero_rewards.answers.voting import vote
from mmzero_rewards.config import GradingConfig, RewardConfig, SolverConfig
from mmzero_rewards.parsing.responses import (
    FormatError,
    extract_answer,
    extract_code,
    has_answer_format,
    looks_like_svg,
    parse_proposal,
)
from mmzero_rewards.scoring import TOLERANCE
from mmzero_rewards.scoring.checks import blind_rate, caption_tells, leak
from mmzero_rewards.scoring.inputs import CoderEvidence, ProposerEvidence, SolverEvidence
from mmzero_rewards.scoring.verified import beside, count_equal, faithfulness, known, share_equal

FORMAT_ERROR_SCORE = -1.0


def solvability(
    votes: Sequence[str | None], answer: str, solver: SolverConfig, grading: GradingConfig | None = None
) -> float:
    """Share of all K roll-outs graded equal to the Proposer's easy answer; unanswered is wrong; 0.0 without votes."""
    grading = grading or GradingConfig()
    given = [answered(raw, solver.non_answers) for raw in votes]
    return sum(grade(a, answer, grading.grader, grading.symbolic) for a in given) / len(votes) if votes else 0.0


def difficulty(
    votes: Sequence[str | None], config: RewardConfig, hard_answer: str | None = None
) -> tuple[float, float]:
    """(d, c): c is the self-consistency of the hard question, d = min(c, 1-c) in [0, 0.5].

    Under `proposer.difficulty: agreement` d = min(a, 1-a), a = share of all K roll-outs graded equal to `hard_answer`.
    """
    result = vote(votes, config.solver, config.grading.grader, config.grading.symbolic)
    if not result.count:
        return 0.0, 0.0
    if config.proposer.difficulty == "agreement":
        right = count_equal(votes, hard_answer, config)
        return min(right, result.k - right) / result.k, result.consistency
    total = result.k if config.solver.consistency_denominator == "all" else result.answered
    return min(result.count, total - result.count) / total, result.consistency


def score_proposer(evidence: ProposerEvidence, config: RewardConfig | None = None) -> dict[str, float]:
    """docs/method.md §2.1: -1 on a format error, else the mean over all N codes of (min(s, cap) + d), plus r_eh.

    Means are over the rendered pictures (0.0 when there are none); `leak` is the share of pictures with an answer
    written in them, `leak_excused` where it is a single character or an axis tick; `blind_rate` is NaN unless blind
    votes were given.

    Evidence beside the picture (§10) counts where its key is set and it was asked for. `verify.caption`: solvability is
    agreement with the caption's easy answer, 0 where that is not the Proposer's own. `verify.caption` and
    `verify.program`: d is 0 unless the hard question is well-posed by them. `proposer.unknown_penalty` takes its share
    of the answers from the caption that call the hard question unknown, or give none.
    """
    config = config or RewardConfig()
    rules = config.proposer
    try:
        proposal = parse_proposal(evidence.text, rules)
    except FormatError:
        return _proposer_terms(FORMAT_ERROR_SCORE, format_ok=0.0)
    programs = [drawing.program[1] for drawing in evidence.drawings if drawing.program is not None]
    known_of = beside(proposal, evidence.text_view, programs, config)
    total, consistencies, solvabilities, difficulties, leaks, excused = 0.0, [], [], [], [], []
    agreements: list[float] = []
    for drawing in evidence.drawings:
        if not drawing.rendered:
            continue
        s = solvability(drawing.easy_votes, known_of.easy_answer or "", config.solver, config.grading)
        d, c = difficulty(drawing.hard_votes, config, proposal.hard_answer)
        if c < rules.min_consistency - TOLERANCE or not known_of.well_posed:
            d = 0.0
        agreements.append(share_equal(drawing.hard_votes, proposal.hard_answer, config))
        total += min(s, rules.solvability_cap) + d
        solvabilities.append(s)
        difficulties.append(d)
        consistencies.append(c)
        found = leak(drawing.drawn_text, proposal)
        leaks.append(float(found.penalised))
        excused.append(float(found.excused))
    codes, rendered = len(evidence.drawings), len(difficulties)
    mean_d = sum(difficulties) / rendered if rendered else 0.0
    applies = rules.no_render == "r_eh" if not rendered else mean_d < rules.easy_hard.threshold - TOLERANCE
    r_eh = -rules.easy_hard.penalty if applies else 0.0
    unknown = known_of.text_unknown
    unknown_penalty = rules.unknown_penalty * unknown if unknown == unknown else 0.0
    blind = math.nan
    if evidence.blind_votes is not None:
        pooled = [raw for drawing in evidence.drawings if drawing.rendered for raw in drawing.hard_votes]
        blind = blind_rate(evidence.blind_votes, pooled, config)
    blind_penalty = rules.blind_penalty * blind if blind == blind else 0.0
    return _proposer_terms(
        (total / codes if codes else 0.0) + r_eh - blind_penalty - unknown_penalty,
        format_ok=1.0,
        num_codes=float(codes),
        num_rendered=float(rendered),
        render_rate=rendered / codes if codes else math.nan,
        mean_solvability=sum(solvabilities) / rendered if rendered else 0.0,
        mean_difficulty=mean_d,
        mean_hard_consistency=sum(consistencies) / rendered if rendered else math.nan,
        r_eh=r_eh,
        leak=sum(leaks) / rendered if rendered else math.nan,
        leak_excused=sum(excused) / rendered if rendered else math.nan,
        blind_rate=blind,
        blind_penalty=blind_penalty,
        unknown_penalty=unknown_penalty,
        hard_agreement=sum(agreements) / rendered if rendered else math.nan,
        caption_tells=float(caption_tells(proposal)),
        **known_of.terms(),
    )


def _proposer_terms(score: float, **terms: float) -> dict[str, float]:
    keys = {
        "num_codes": 0.0,
        "num_rendered": 0.0,
        "render_rate": math.nan,
        "mean_solvability": 0.0,
        "mean_difficulty": 0.0,
        "mean_hard_consistency": math.nan,
        "r_eh": 0.0,
        "leak": math.nan,
        "leak_excused": math.nan,
        "blind_rate": math.nan,
        "blind_penalty": 0.0,
        "unknown_penalty": 0.0,
        "hard_agreement": math.nan,
        "caption_tells": math.nan,
        "text_consistency": math.nan,
        "text_easy_agrees": math.nan,
        "text_hard_agrees": math.nan,
        "text_unknown": math.nan,
        "program_consistency": math.nan,
        "well_posed": math.nan,
    }
    return {"score": score, "format_ok": 0.0, **keys, **terms}


def score_coder(evidence: CoderEvidence, config: RewardConfig | None = None) -> dict[str, float]:
    """docs/method.md §2.2: 1 + s + w * d - leak penalty when drawn, else the graded penalty with its floor; w is
    `coder.difficulty_weight`. With an answered text view (`verify.caption`) s is `verified.faithfulness`.

    `leak` is 1 when an answer stands as text in the picture, `leak_excused` when it is only a single character or an
    axis tick there, which costs nothing (NaN when nothing was drawn).
    """
    config = config or RewardConfig()
    try:
        code = extract_code(evidence.response, config.coder.languages).code
    except FormatError:
        code = ""
    drawing, proposal = evidence.drawing, evidence.proposal
    terms = {
        "score": 0.0,
        "render": float(drawing.rendered),
        "solvability": 0.0,
        "difficulty": 0.0,
        "hard_consistency": math.nan,
        "has_code": float(bool(code)),
        "looks_like_svg": float(looks_like_svg(code)),
        "leak": math.nan,
        "leak_excused": math.nan,
        "leak_penalty": 0.0,
        "hard_agreement": math.nan,
        "text_consistency": math.nan,
        "text_trusted": math.nan,
        "program": math.nan,
        "program_seen": math.nan,
    }
    if not drawing.rendered:
        penalty = config.coder.penalty
        right_type = looks_like_svg(code) or (bool(code) and "python" in config.coder.languages)
        paid = penalty.no_render + penalty.no_code * (not code) + penalty.wrong_type * (not right_type)
        return terms | {"score": max(config.coder.floor, -paid)}
    s = solvability(drawing.easy_votes, proposal.easy_answer, config.solver, config.grading)
    d, c = difficulty(drawing.hard_votes, config, proposal.hard_answer)
    if config.verify.caption and evidence.text_view is not None:
        s, terms["text_trusted"] = faithfulness(drawing.easy_votes, drawing.hard_votes, evidence.text_view, config)
        terms["text_consistency"] = known(evidence.text_view.hard_votes, config).consistency
    if drawing.program is not None:
        terms["program"] = float(bool(drawing.program[1]))
        terms["program_seen"] = share_equal(drawing.hard_votes, drawing.program[1], config)
    found = leak(drawing.drawn_text, proposal)
    paid = config.coder.leak_penalty if found.penalised else 0.0
    return terms | {
        "score": 1.0 + s + config.coder.difficulty_weight * d - paid,
        "solvability": s,
        "difficulty": d,
        "hard_consistency": c,
        "leak": float(found.penalised),
        "leak_excused": float(found.excused),
        "leak_penalty": paid,
        "hard_agreement": share_equal(drawing.hard_votes, proposal.hard_answer, config)
        if proposal.hard_answer
        else math.nan,
    }


def score_solver(evidence: SolverEvidence, config: RewardConfig | None = None) -> dict[str, float]:
    """docs/method.md §2.3: (1 - w) * [answer equals label] + w * [format], w = solver.format_weight.

    `answered` is 1 when a box holds an answer; without a label nothing is right.
    """
    config = config or RewardConfig()
    answer = extract_answer(evidence.response, config.solver.non_answers)
    right = grade_answer(answer, evidence.label, config.grading.grader, config.grading.symbolic)
    well_formed = has_answer_format(evidence.response)
    weight = config.solver.format_weight
    return {
        "score": (1.0 - weight) * right + weight * well_formed,
        "format": float(well_formed),
        "accuracy": float(right),
        "answered": float(answer is not None),
    }
