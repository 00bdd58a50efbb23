"""One test per known defect of the reference that belongs to parsing, grading, voting, scoring, diversity or labels.

Named after docs/method.md §8. Defects of serving, rendering, data files and plots are tested where those parts live.
"""

import math

import pytest

from mmzero_rewards import (
    FormatError,
    RewardConfig,
    cluster_shares,
    extract_answer,
    grade,
    label_row,
    parse_proposal,
    vote,
)
from mmzero_rewards.parsing.content_types import content_type
from mmzero_rewards.parsing.responses import Proposal, has_answer_format, render_proposal
from mmzero_rewards.scoring.checks import leak
from mmzero_rewards.scoring.diversity import batch_terms
from mmzero_rewards.scoring.inputs import CoderEvidence, Drawing, ProposerEvidence, SolverEvidence
from mmzero_rewards.scoring.roles import score_coder, score_proposer, score_solver

PROPOSAL = Proposal("map", "A plan of wells", "How many wells?", "12", "How many lie north of the road?", "5")
TEXT = render_proposal(PROPOSAL)
EASY_ONLY = Drawing(True, ("12",) * 5, ("5",) * 5)


def test_leak_by_prompt():
    """The drawn text is checked for the hard answer, and it costs."""
    shown = Drawing(True, ("12",) * 5, ("45",) * 5, drawn_text=("north: 45",))
    terms = score_coder(CoderEvidence("<svg></svg>", Proposal("map", "c", "q", "12", "h", "45"), shown))
    assert (terms["leak"], terms["leak_penalty"]) == (1.0, 0.3)
    assert leak(("north: 450",), Proposal("map", "c", "q", "12", "h", "45")).found is False


def test_no_render_pays():
    """Never rendering must not beat rendering one of four that is too easy."""
    nothing = score_proposer(ProposerEvidence(TEXT, (Drawing(False),) * 4))["score"]
    one = score_proposer(ProposerEvidence(TEXT, (EASY_ONLY, *(Drawing(False),) * 3)))["score"]
    assert nothing == -0.3 < one == pytest.approx(-0.175)


def test_collapse_unpunished():
    """Eight of eight of one type pay more than seven of eight."""
    kinds = [["data_chart"] * 7 + ["map"], ["data_chart"] * 8]
    batches = [[Proposal(kind, f"{i}a", f"{i}b", "1", f"{i}c", "2") for i, kind in enumerate(row)] for row in kinds]
    assert [batch_terms(batch).rows[0]["r_ct"] for batch in batches] == pytest.approx([-0.1125, -0.15])


@pytest.mark.parametrize("text", ["How many bars?", "Why?", "a", "", "..."])
def test_diversity_blind(text):
    """Copies of any length are caught; the reference lets equal questions of three words pass (BLEU .56)."""
    assert cluster_shares([text, text, "something else entirely"])[:2] == pytest.approx([2 / 3, 2 / 3])


def test_diversity_blind_counts_and_distances_are_true():
    batch = [Proposal("map", text, text, "1", text, "2") for text in ("How many?", "How many?", "Which one is red?")]
    metrics = batch_terms(batch).metrics
    assert metrics["diversity/caption/clusters"] == 2.0
    assert metrics["diversity/caption/mean_distance"] == pytest.approx(2 / 3)


def test_easy_not_graded():
    """All agree on a wrong easy answer: the row is dropped."""
    row = label_row(["3"] * 10, ["9"] * 5 + list("vwxyz"), "4")
    assert (row.easy_consistency, row.easy_accuracy, row.kept) == (1.0, 0.0, False)


def test_none_is_an_answer():
    """No box is a null, never the text "None": it wins no vote and nobody agrees by not answering."""
    assert extract_answer("no box here") is None
    assert vote([None, None, None, "4"]).majority == "4"
    assert vote(["None", "None", "4"]).majority == "4"
    assert label_row([None] * 10, ["9"] * 5 + [None] * 5, "4").easy_consistency == 0.0


@pytest.mark.parametrize("preset, consistency", [("default", 0.4), ("paper", 4 / 7)])
def test_two_denominators(preset, consistency):
    """4 agree, 7 of 10 answered: reward and label use one function; by default one number."""
    config = RewardConfig.preset(preset, {"grading": {"grader": "builtin"}})
    votes = ("5",) * 4 + ("a x", "b x", "c x") + (None,) * 3
    terms = score_proposer(ProposerEvidence(TEXT, (Drawing(True, ("12",) * 10, votes),)), config)
    assert terms["mean_hard_consistency"] == pytest.approx(consistency)
    assert label_row(["12"] * 10, votes, "12", config=config).hard_consistency == 0.4


def test_no_merge():
    assert len(vote(["piano solo", "casino royale", "no entry", "no"]).clusters) == 4


def test_prefix_120():
    long = "a very long answer " * 8
    assert len(long) > 120 and not grade(long + "one", long + "two")
    longer = "a very long answer " * 700
    assert not grade(longer + "one", longer + "two")


def test_order_dependent_vote():
    ties = ["4 cm", "9", "4", "9 cm", "4 m", "9 m"]
    results = {vote(ties[i:] + ties[:i]) for i in range(len(ties))} | {vote(ties[::-1])}
    assert len(results) == 1


def test_float_threshold():
    """d = .2, .2, .2, 0 has mean .15, which is not below .15."""
    drawings = [Drawing(True, ("12",) * 5, ("5",) * count + tuple("wxyz"[: 5 - count])) for count in (4, 4, 4, 5)]
    terms = score_proposer(ProposerEvidence(TEXT, tuple(drawings)))
    assert terms["mean_difficulty"] == pytest.approx(0.15) and terms["r_eh"] == 0.0


@pytest.mark.parametrize("a, b", [("Monday", "Mon"), ("day", "month"), ("second", "year"), ("centimeter", "")])
def test_grader_units(a, b):
    assert not grade(a, b)


@pytest.mark.parametrize("a, b", [("on", "no"), ("AB", "BA"), ("ab", "ba"), ("xy", "yx"), ("as", "sa")])
def test_grader_anagrams(a, b):
    assert not grade(a, b) and not grade(b, a)


@pytest.mark.parametrize("text", ["9**9**9**9", "9^9^9^9", "10^(10^10)", "(" * 200 + "1" + ")" * 200, "1e999999999"])
def test_grader_hang(text):
    assert grade(text, text) and not grade(text, "2.5") and not grade("2.5", text)


@pytest.mark.parametrize(
    "a, b, equal",
    [
        ("25%", "25", True),
        ("25%", "0.25", False),
        ("25%", "1/4", False),
        ("2:1", "2/1", False),
        ("5 cm", "5", True),
        ("5 units", "5", True),
        ("5 cm", "5 units", False),
    ],
)
def test_grader_percent(a, b, equal):
    """Stated rules: a unit may be missing but not differ; percent is a unit; a ratio is not a quotient."""
    assert grade(a, b) is equal and grade(b, a) is equal


def test_asks_na():
    with pytest.raises(FormatError, match="<hard_question> is missing"):
        parse_proposal(TEXT.replace("hard_question>", "harder_question>"))


def test_fields_from_prompt():
    """A heading inside a caption does not take over, and lines after the first survive."""
    caption = "A plan.\nEasy Question: what is this?\nEasy Answer: 7"
    proposal = parse_proposal(render_proposal(Proposal("map", caption, "Really?\nYes?", "12", "h", "5")))
    assert (proposal.caption, proposal.easy_question, proposal.easy_answer) == (caption, "Really?\nYes?", "12")


@pytest.mark.parametrize("body", ["a / b < c > d", "line one\n<x\nline two", "1/2 <b>bold</b> & more"])
def test_two_parsers(body):
    assert parse_proposal(render_proposal(Proposal("map", body, body, "1", body, "2"))).hard_question == body


def test_empty_bodies():
    empty = "".join(f"<{tag}></{tag}>" for tag in vars(PROPOSAL))
    assert score_proposer(ProposerEvidence(empty, (EASY_ONLY,)))["score"] == -1.0


def test_duplicate_tags():
    assert score_proposer(ProposerEvidence(TEXT + "<easy_answer>13</easy_answer>", (EASY_ONLY,)))["score"] == -1.0


def test_keyword_substring():
    assert content_type("other", "A roadmap for vegetables") == "other"
    assert content_type("other", "A map of roads") == "map"


def test_format_spans():
    spanning = "<think>a</think>\\boxed{4} or rather \\boxed{5}"
    assert not has_answer_format(spanning)
    assert score_solver(SolverEvidence(spanning, "5"))["score"] == pytest.approx(0.9)


def test_nested_box():
    assert extract_answer("\\boxed{\\frac{1}{2}}") == "\\frac{1}{2}"


def test_sentinel_score():
    """A failure value never becomes part of a score: the lowest score of a valid proposal is -0.3."""
    worst = score_proposer(ProposerEvidence(TEXT, (Drawing(True, (None,) * 5, (None,) * 5),) * 4))
    assert worst["score"] == -0.3 and not math.isnan(worst["mean_difficulty"])
