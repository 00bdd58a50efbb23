"""Which collected rows train the next role: silver labels with their filter, and the render-rate window.

Pure decisions with a named reason; budgets, top-up and files are the collection's. Source: method.md §2.2, §2.3, §4.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mmzero_rewards.answers.grading import grade
from mmzero_rewards.answers.missing import answered
from mmzero_rewards.answers.voting import vote
from mmzero_rewards.config import LabelFilterConfig, RewardConfig
from mmzero_rewards.scoring import TOLERANCE
from mmzero_rewards.scoring.verified import known, share_equal


@dataclass(frozen=True)
class Label:
    """A labelled row. label: majority answer of the hard question (the silver label). hard_consistency and
    easy_consistency: majority over ALL roll-outs; easy_accuracy: share graded equal to the Proposer's easy answer.
    label_agrees: equal to the Proposer's hard answer (None: not known). reason: "" if kept, else why not.
    source: vote, caption or program (docs/method.md §10). label_share: share of the picture's roll-outs that give the
    label. evidence: share of what the label comes from that agrees on it (a vote's own: hard_consistency).
    """

    label: str | None
    hard_consistency: float
    easy_consistency: float
    easy_accuracy: float
    label_agrees: bool | None
    kept: bool
    reason: str
    source: str = "vote"
    label_share: float = 0.0
    evidence: float = 0.0


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
    return Label(hard.majority, hard_c, easy_c, accuracy, agrees, not reason, reason, "vote", hard_c, hard_c)


def label_from_caption(
    base: Label,
    hard_votes: Sequence[str | None],
    text_votes: Sequence[str | None],
    hard_answer: str | None = None,
    config: RewardConfig | None = None,
    rule: LabelFilterConfig | None = None,
) -> Label:
    """`label_mode: caption`: the label is what most roll-outs answer from the caption (docs/method.md §10).

    Args:
        base: of `label_row` for the same picture; its filter applies to the picture's votes as it stands.
        text_votes: answers to the hard question with the caption in place of the picture.
    Returns:
        reason may also be text_unsure (too few of them agree) or label_not_seen (too few roll-outs on the picture give
        the label: none, or a share below `verify.min_seen`).
    """
    config = config or RewardConfig()
    text = known(text_votes, config)
    label = _relabelled(base, "caption", text.answer, text.consistency, hard_votes, hard_answer, config)
    seen = label.label_share > 0 and label.label_share >= config.verify.min_seen - TOLERANCE
    reason = "" if text.sure(config) else "text_unsure"
    return _decided(label, base, reason or ("" if seen else "label_not_seen"), config, rule)


def label_from_programs(
    base: Label,
    hard_votes: Sequence[str | None],
    programs: Sequence[str | None],
    hard_answer: str | None = None,
    config: RewardConfig | None = None,
    rule: LabelFilterConfig | None = None,
) -> Label:
    """`label_mode: program`: the label is what the code of the picture computes, if anything else says the same.

    Args:
        base: as in `label_from_caption`.
        programs: hard answers that the drawings of one proposal compute, the labelled picture's first; "" where Python
            code computes none, None for a drawing that is no Python or did not draw.
    Returns:
        `base` itself, a vote's label, where the picture is no Python. reason may also be no_program (its code computes
        no answer) or program_alone (neither the picture's majority nor another drawing's program agrees).
    """
    config = config or RewardConfig()
    if programs[0] is None:
        return base
    computed, graded = (
        answered(programs[0], config.solver.non_answers),
        (config.grading.grader, config.grading.symbolic),
    )
    witnesses = [one for one in (base.label, *programs[1:]) if one]
    share = share_equal([one for one in programs if one is not None], computed, config)
    label = _relabelled(base, "program", computed, share, hard_votes, hard_answer, config)
    if computed is None:
        reason = "no_program"
    else:
        reason = "" if any(grade(computed, one, *graded) for one in witnesses) else "program_alone"
    return _decided(label, base, reason, config, rule)


def _relabelled(
    base: Label,
    source: str,
    answer: str | None,
    evidence: float,
    hard_votes: Sequence[str | None],
    hard_answer: str | None,
    config: RewardConfig,
) -> Label:
    agrees = None
    if answer is not None and hard_answer is not None:
        agrees = grade(answer, hard_answer, config.grading.grader, config.grading.symbolic)
    seen = share_equal(hard_votes, answer, config)
    return replace(base, label=answer, label_agrees=agrees, source=source, label_share=seen, evidence=evidence)


def _decided(label: Label, base: Label, reason: str, config: RewardConfig, rule: LabelFilterConfig | None) -> Label:
    """The filter of the picture's votes first, then `reason`, then agreement with the Proposer where that is asked."""
    of_picture = "" if base.reason == "label_disagrees" else base.reason
    disagrees = (rule or config.solver.filter).require_hard_answer and not label.label_agrees
    final = of_picture or reason or ("label_disagrees" if disagrees else "")
    return replace(label, kept=not final, reason=final)


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
