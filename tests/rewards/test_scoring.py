"""Scores of the three roles: the terms one by one. Recorded whole cases are in test_replay.py."""

import math

import pytest

from mmzero_rewards.config import RewardConfig
from mmzero_rewards.parsing.responses import Proposal, render_proposal
from mmzero_rewards.scoring.inputs import CoderEvidence, Drawing, ProposerEvidence, SolverEvidence
from mmzero_rewards.scoring.roles import score_coder, score_proposer, score_solver

PROPOSAL = Proposal("map", "A map of wells", "How many wells?", "12", "How many lie north?", "5")
TEXT = render_proposal(PROPOSAL)
GOOD = Drawing(True, ("12",) * 5, ("5", "5", "a", "b", "c"))  # s = 1, c = .4
EASY = Drawing(True, ("12",) * 5, ("5",) * 5)  # d = 0
FAILED = Drawing(False)


def proposer(*drawings, config=None, **more):
    return score_proposer(ProposerEvidence(TEXT, drawings, **more), config)


@pytest.mark.parametrize(
    "drawings, score",
    [
        ((GOOD,), 0.9),
        ((GOOD, FAILED), 0.45),  # the mean is over all codes
        ((EASY,), 0.5 - 0.3),
        ((EASY, FAILED, FAILED, FAILED), 0.125 - 0.3),
        ((FAILED, FAILED), -0.3),  # no_render: r_eh
        ((), -0.3),
    ],
)
def test_proposer(drawings, score):
    assert proposer(*drawings)["score"] == pytest.approx(score, abs=1e-12)


@pytest.mark.parametrize(
    "overrides, score",
    [
        ({"solvability_cap": 1.0}, 1.4),
        ({"min_consistency": 0.5}, 0.5 - 0.3),  # c = .4 is below the floor: d = 0
        ({"min_consistency": 0.4}, 0.9),  # equal to the floor is not below it
        ({"easy_hard": {"threshold": 0.45}}, 0.6),
        ({"easy_hard": {"threshold": 0.4}}, 0.9),
        ({"blind_penalty": 0.5}, 0.9 - 0.5 * 0.75),
    ],
)
def test_proposer_keys(overrides, score):
    config = RewardConfig.from_dict({"proposer": overrides})
    assert proposer(GOOD, config=config, blind_votes=("5", "5.0", "5", None))["score"] == pytest.approx(score)


def test_blind_rate_is_nan_unless_asked():
    assert math.isnan(proposer(GOOD)["blind_rate"])
    assert proposer(GOOD, blind_votes=("5", "6", None, "5"))["blind_rate"] == 0.5
    assert math.isnan(proposer(FAILED, blind_votes=("5",))["blind_rate"])  # no picture, no majority


def test_proposer_measures_leaks_without_paying():
    shown = Drawing(True, GOOD.easy_votes, GOOD.hard_votes, drawn_text=("total 12",))
    terms = proposer(shown, GOOD)
    assert (terms["leak"], terms["score"]) == (0.5, pytest.approx(0.9))


SVG = "```svg\n<svg viewBox='0 0 1 1'></svg>\n```"


@pytest.mark.parametrize(
    "response, drawing, score",
    [
        (SVG, GOOD, 2.4),
        (SVG, EASY, 2.0),
        (SVG, FAILED, -0.1),
        ("```svg\nplt.plot()\n```", FAILED, -0.5),  # -.1 -.5, floor
        ("nothing", FAILED, -0.5),
    ],
)
def test_coder(response, drawing, score):
    assert score_coder(CoderEvidence(response, PROPOSAL, drawing))["score"] == pytest.approx(score, abs=1e-12)


def test_coder_keys():
    config = RewardConfig.from_dict(
        {"coder": {"floor": -2, "penalty": {"no_render": 0.2, "no_code": 0.3, "wrong_type": 0.4}}}
    )
    assert score_coder(CoderEvidence("nothing", PROPOSAL, FAILED), config)["score"] == pytest.approx(-0.9)


def test_python_is_the_right_type_where_it_is_allowed():
    config = RewardConfig.from_dict({"coder": {"languages": ["svg", "python"]}})
    terms = score_coder(CoderEvidence("```python\nplt.plot()\n```", PROPOSAL, FAILED), config)
    assert (terms["score"], terms["has_code"], terms["looks_like_svg"]) == (pytest.approx(-0.1), 1.0, 0.0)


def test_coder_pays_for_a_leak():
    shown = Drawing(True, GOOD.easy_votes, GOOD.hard_votes, drawn_text=("12 wells",))
    terms = score_coder(CoderEvidence(SVG, PROPOSAL, shown))
    assert (terms["leak"], terms["leak_penalty"], terms["score"]) == (1.0, 0.3, pytest.approx(2.1))


def test_a_tick_or_a_single_character_is_counted_and_free():
    shown = Drawing(True, GOOD.easy_votes, GOOD.hard_votes, drawn_text=("8", "10", "12", "14", "20"))
    terms = score_coder(CoderEvidence(SVG, PROPOSAL, shown))
    assert (terms["leak"], terms["leak_excused"], terms["score"]) == (0.0, 1.0, pytest.approx(2.4))
    assert score_proposer(ProposerEvidence(TEXT, (shown, FAILED)))["leak_excused"] == 1.0


@pytest.mark.parametrize("weight, score", [(0.1, 0.9), (0.5, 0.5), (0.0, 1.0)])
def test_solver_format_weight(weight, score):
    config = RewardConfig.from_dict({"solver": {"format_weight": weight}})
    assert score_solver(SolverEvidence("\\boxed{5}", "5"), config)["score"] == pytest.approx(score)


def test_without_a_label_nothing_is_right():
    assert score_solver(SolverEvidence("<think></think>\\boxed{5}", None))["score"] == pytest.approx(0.1)
