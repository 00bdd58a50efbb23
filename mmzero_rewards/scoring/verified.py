"""Evidence that confusion cannot imitate: what the Solver answers from the caption, and what drawings compute
(docs/method.md §10).

The published difficulty is high when a Solver disagrees with itself, and it does so for hard questions and for
questions without an answer alike. A caption is a complete description of the scene and easier to read than a picture:
where the Solver agrees with itself about the caption, the question has an answer, and that answer depends on no
drawing. Programs that draw a proposal and compute its answers from the same variables say the same without any Solver.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from mmzero_rewards.answers.grading import grade
from mmzero_rewards.answers.missing import answered
from mmzero_rewards.answers.voting import vote
from mmzero_rewards.config import RewardConfig
from mmzero_rewards.parsing.responses import Proposal
from mmzero_rewards.scoring import TOLERANCE

Votes = tuple[str | None, ...]


@dataclass(frozen=True)
class TextView:
    """What the frozen Solver answers with the caption in place of the picture: boxed contents of K roll-outs to each of
    the two questions, None without a box."""

    easy_votes: Votes
    hard_votes: Votes


@dataclass(frozen=True)
class Known:
    """The majority of some answers and its share of all that were asked for; None and 0.0 where nobody answered."""

    answer: str | None
    consistency: float

    def sure(self, config: RewardConfig) -> bool:
        """Do enough of them agree (verify.min_consistency)?"""
        return self.answer is not None and self.consistency >= config.verify.min_consistency - TOLERANCE


def known(answers: Sequence[str | None], config: RewardConfig) -> Known:
    """What a number of roll-outs, or the programs of a number of drawings, say together; all of them count in the
    share, whatever `solver.consistency_denominator` is.

    >>> known(("3", "3.0", "4", None), RewardConfig())
    Known(answer='3', consistency=0.5)
    """
    found = vote(answers, config.solver, config.grading.grader, config.grading.symbolic)
    return Known(found.majority, found.count / max(1, found.k))


def count_equal(votes: Sequence[str | None], answer: str | None, config: RewardConfig) -> int:
    """Roll-outs graded equal to `answer`; unanswered ones are not, and nothing equals an answer that is not there."""
    if answered(answer, config.solver.non_answers) is None:
        return 0
    given = [answered(raw, config.solver.non_answers) for raw in votes]
    return sum(grade(one, answer, config.grading.grader, config.grading.symbolic) for one in given)


def share_equal(votes: Sequence[str | None], answer: str | None, config: RewardConfig) -> float:
    """The same as a share of all roll-outs; 0.0 without any."""
    return count_equal(votes, answer, config) / len(votes) if votes else 0.0


def unanswered(answers: Sequence[str | None], config: RewardConfig) -> float:
    """Share of roll-outs without an answer; "unknown" is none (`solver.non_answers`). 0.0 without any roll-out."""
    return fmean(answered(raw, config.solver.non_answers) is None for raw in answers) if answers else 0.0


def lead(answers: Sequence[str | None], label: str, config: RewardConfig) -> float:
    """By how much `label` leads the next answer, as a share of all that were asked for; 0.0 where it does not.

    >>> lead(("3", "3.0", "3", "4", None), "3", RewardConfig())
    0.4
    """
    clusters = vote(answers, config.solver, config.grading.grader, config.grading.symbolic).clusters
    graded = config.grading.grader, config.grading.symbolic
    next_one = max((size for spelling, size in clusters if not grade(spelling, label, *graded)), default=0)
    return max(0, count_equal(answers, label, config) - next_one) / max(1, len(answers))


@dataclass(frozen=True)
class Beside:
    """What evidence beside the pictures says of one proposal.

    text_easy, text_hard: from the caption; programs: the hard answers that Python drawings compute; None where it was
    not asked for. text_unknown: share of the texts that give the hard question no answer, NaN likewise. easy_answer:
    what the easy question is graded against, None where the caption contradicts the Proposer. well_posed: nothing that
    counts speaks against the hard question.
    """

    text_easy: Known | None
    text_hard: Known | None
    programs: Known | None
    easy_answer: str | None
    text_unknown: float
    text_hard_agrees: bool
    well_posed: bool
    counted: bool  # did any of it count?

    def terms(self) -> dict[str, float]:
        """As numbers for a reward's terms, NaN where it was not asked for."""
        asked = self.text_hard is not None
        return {
            "text_consistency": self.text_hard.consistency if self.text_hard else math.nan,
            "text_easy_agrees": float(self.easy_answer is not None) if asked else math.nan,
            "text_hard_agrees": float(self.text_hard_agrees) if asked else math.nan,
            "text_unknown": self.text_unknown,
            "program_consistency": self.programs.consistency if self.programs else math.nan,
            "well_posed": float(self.well_posed) if self.counted else math.nan,
        }


def beside(proposal: Proposal, view: TextView | None, programs: Sequence[str], config: RewardConfig) -> Beside:
    """Read the evidence on one proposal.

    Args:
        view: None where it was not asked for; ignored unless `verify.caption` is set.
        programs: hard answers of its Python drawings, "" where one computes none; they count under `verify.program`.
    """
    graded = config.grading.grader, config.grading.symbolic
    view = view if config.verify.caption else None
    easy, hard = (known(view.easy_votes, config), known(view.hard_votes, config)) if view else (None, None)
    computed = known(programs, config) if programs else None
    counting = [one for one in (hard, computed if config.verify.program else None) if one is not None]
    agrees = easy is None or grade(easy.answer, proposal.easy_answer, *graded)
    return Beside(
        text_easy=easy,
        text_hard=hard,
        programs=computed,
        easy_answer=None if not agrees else proposal.easy_answer if easy is None else easy.answer,
        text_unknown=unanswered(view.hard_votes, config) if view else math.nan,
        text_hard_agrees=hard is not None and grade(hard.answer, proposal.hard_answer, *graded),
        well_posed=all(one.sure(config) for one in counting),
        counted=bool(counting),
    )


def faithfulness(
    easy_votes: Sequence[str | None], hard_votes: Sequence[str | None], view: TextView, config: RewardConfig
) -> tuple[float, float]:
    """(s, trusted): how far the answers to a picture are those to its caption, in [0, 1].

    s is the mean, over the questions whose caption's answer is sure, of the share of roll-outs that give that answer;
    0.0 where neither is. trusted: the share of the two questions that count.
    """
    pairs = ((easy_votes, known(view.easy_votes, config)), (hard_votes, known(view.hard_votes, config)))
    shares = [share_equal(votes, text.answer, config) for votes, text in pairs if text.sure(config)]
    return sum(shares) / len(shares) if shares else 0.0, len(shares) / len(pairs)
