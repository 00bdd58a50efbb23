"""Votes: groups, ties, spelling, denominators."""

import pytest

from mmzero_rewards.answers.voting import Vote, vote
from mmzero_rewards.config import SolverConfig


@pytest.mark.parametrize(
    "answers, majority, count, clusters",
    [
        (["7", "7", "3"], "7", 2, 2),
        (["12", "12.0", None, "13"], "12", 2, 2),
        (["4", "4", "9", "9"], "4", 2, 2),  # tie: smallest canonical key
        (["b", "a", "B", "A"], "A", 2, 2),  # spelling tie: code-point order
        (["Blue.", "blue", "Blue."], "Blue.", 3, 1),  # most frequent spelling
        (["1/2", "0.5", "0.50"], "0.5", 3, 1),  # equally frequent: the shortest, then code-point order
        (["12 cm", "12", "12 m"], "12", 3, 1),  # non-transitive match: one group in any order
        (["12 cm", "12 m"], "12 cm", 1, 2),
        ([None, "N/A", " ", "none"], None, 0, 0),
        ([], None, 0, 0),
    ],
)
def test_majority(answers, majority, count, clusters):
    result = vote(answers)
    assert (result.majority, result.count, len(result.clusters)) == (majority, count, clusters)
    assert vote(answers[::-1]) == result


@pytest.mark.parametrize("denominator, consistency", [("all", 0.4), ("valid", 2 / 3)])
def test_denominator(denominator, consistency):
    result = vote(["7", "7", "8", None, "n/a"], SolverConfig(consistency_denominator=denominator))
    assert result == Vote("7", 2, 5, consistency, (("7", 2), ("8", 1)), 3)
    assert result.margin == 1


def test_vote_by_canonical_key_alone():
    answers = ["12", "12.0", "12 cm", "12 cm", "12 m"]
    assert vote(answers).count == 5
    assert vote(answers, SolverConfig(vote="canonical")).clusters == (("12", 2), ("12 cm", 2), ("12 m", 1))


def test_non_answers_are_configurable():
    config = SolverConfig(non_answers=("skip",))
    assert vote(["None", "none", "skip"], config).majority == "None"
