"""Which collected rows train the next role: silver labels with their filter, and the render-rate window.

Pure decisions with a named reason; budgets, top-up and files are the collection's. Source: method.md §2.2, §2.3, §4.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mmzero_rewards.answers.grading import grade
from mmzero_rewards.answers.missing import answered
from mmzero_rewards.answers.voting import vote
from mmzero_rewards.config import LabelFilterConfig, RewardConfig
from mmzero_rewards.scoring import TOLERANCE


@dataclass(frozen=True)
class Label:
    """A labelled row. label: majority answer of the hard question (the silver label). hard_consistency and
    easy_consistency: majority over ALL roll-outs; easy_accuracy: share graded equal to the Proposer's easy answer.
    label_agrees: equal to the Proposer's hard answer (None: not known). reason: "" if kept, else why not.
    """

    label: str | None
    hard_consistency: float
    easy_consistency: float
    easy_accuracy: float
    label_agrees: bool | None
    kept: bool
    reason: str


def label_row(
    easy_votes: Sequence[str | None],
    hard_votes: Sequence[str | None],
    easy_answer: str,
    hard_answer: str | None = None,
    config: RewardConfig | None = None,
    rule: LabelFilterConfig | None = None,
) -> Label:
    """Label one picture and decide whether it trains the Solver.

    Args:
        easy_votes, hard_votes: boxed contents of the K labelling roll-outs, None where there was no box.
        hard_answer: the Proposer's own; only needed for `label_agrees` and `require_hard_answer`.
        rule: the filter; default `config.solver.filter`. Anything with its four attributes will do.
    Returns:
        reason is one of "", no_label, easy_accuracy, easy_consistency, too_hard, too_easy, label_disagrees.
    """
    config = config or RewardConfig()
    rule = rule or config.solver.filter
    grader, symbolic = config.grading.grader, config.grading.symbolic
    hard = vote(hard_votes, config.solver, grader, symbolic)
    easy = vote(easy_votes, config.solver, grader, symbolic)
    hard_c, easy_c = hard.count / max(1, hard.k), easy.count / max(1, easy.k)
    given = [answered(raw, config.solver.non_answers) for raw in easy_votes]
    accuracy = sum(grade(a, easy_answer, grader, symbolic) for a in given) / max(1, len(given))
    agrees = None
    if hard.majority is not None and hard_answer is not None:
        agrees = grade(hard.majority, hard_answer, grader, symbolic)
    reason = _reason(hard.majority, hard_c, easy_c, accuracy, agrees, rule)
    return Label(hard.majority, hard_c, easy_c, accuracy, agrees, not reason, reason)


def _reason(label: str | None, hard_c: float, easy_c: float, accuracy: float, agrees: bool | None, rule) -> str:
    low, high = rule.hard_consistency
    if label is None:
        return "no_label"
    if rule.easy_metric == "accuracy" and accuracy < rule.easy_min - TOLERANCE:
        return "easy_accuracy"
    if rule.easy_metric == "consistency" and easy_c < rule.easy_min - TOLERANCE:
        return "easy_consistency"
    if hard_c < low - TOLERANCE:
        return "too_hard"
    if hard_c > high + TOLERANCE:
        return "too_easy"
    if rule.require_hard_answer and not agrees:
        return "label_disagrees"
    return ""


def render_rate_kept(rate: float, window: Sequence[float] = (0.25, 0.75)) -> bool:
    """Inside the window, both ends included up to 1e-9."""
    return window[0] - TOLERANCE <= rate <= window[1] + TOLERANCE
