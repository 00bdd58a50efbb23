"""Evidence beside the picture (docs/method.md §10): what it pays, what it keeps, and what can be done to game it."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmzero_rewards.config import RewardConfig
from mmzero_rewards.parsing.responses import Proposal, render_proposal
from mmzero_rewards.scoring.inputs import CoderEvidence, Drawing, ProposerEvidence
from mmzero_rewards.scoring.labels import label_from_caption, label_from_programs, label_row
from mmzero_rewards.scoring.roles import difficulty, score_coder, score_proposer
from mmzero_rewards.scoring.verified import Known, TextView, known

PROPOSAL = Proposal("map", "A map of 12 wells, 5 of them north", "How many wells?", "12", "How many lie north?", "5")
AGREEMENT = RewardConfig.from_dict({"proposer": {"difficulty": "agreement"}})
CAPTION = RewardConfig.from_dict({"verify": {"caption": True}, "coder": {"difficulty_weight": 0.0}})
BOTH = RewardConfig.preset("verified")
PROGRAM = RewardConfig.from_dict({"verify": {"program": True}})
SURE = TextView(("12",) * 5, ("5",) * 5)
SMALL = settings(max_examples=200, deadline=None)
ANSWER = st.sampled_from([None, "5", "5.0", "7", "12", "red", "unknown"])
VOTES = st.lists(ANSWER, min_size=5, max_size=5).map(tuple)


def proposer(config, *drawings, view=None, proposal=PROPOSAL):
    return score_proposer(ProposerEvidence(render_proposal(proposal), drawings, None, view), config)


def drawn(easy=5, hard=2, k=5, **more):
    """A picture of which `easy` and `hard` of k roll-outs say what the Proposer says."""
    return Drawing(True, ("12",) * easy + ("9",) * (k - easy), ("5",) * hard + ("8",) * (k - hard), **more)


# --- agreement -------------------------------------------------------------------------------------------------------


def test_agreement_pays_for_the_proposers_answer_and_not_for_confusion():
    confused = ("1", "1", "3", "4", None)
    assert difficulty(confused, RewardConfig()) == (0.4, 0.4)
    assert difficulty(confused, AGREEMENT, "5") == (0.0, 0.4)
    assert difficulty(("5", "5.0", "3", "4", None), AGREEMENT, "5") == (0.4, 0.4)
    assert difficulty(("8", "8", "8", "5", "5"), AGREEMENT, "5") == (0.4, 0.6), "the majority need not be right"
    assert difficulty(("5",) * 5, AGREEMENT, "5")[0] == 0.0, "too easy"
    assert difficulty(confused, AGREEMENT) == (0.0, 0.4), "no answer of the Proposer's"


def test_the_coders_difficulty_is_the_same_measure_and_has_a_weight():
    picture = Drawing(True, ("12",) * 5, ("8", "8", "1", "2", "3"))

    def score(config):
        return score_coder(CoderEvidence("```svg\n<svg/>\n```", PROPOSAL, picture), config)

    assert score(RewardConfig())["score"] == pytest.approx(2.4)
    assert score(AGREEMENT)["score"] == pytest.approx(2.0)
    half = RewardConfig.from_dict({"coder": {"difficulty_weight": 0.5}})
    assert score(half)["score"] == pytest.approx(2.2) and score(half)["difficulty"] == 0.4
    assert score(CAPTION)["score"] == pytest.approx(2.0), "nothing for uncertainty, even where no caption was asked"


# --- the caption, for the Proposer -----------------------------------------------------------------------------------


def test_text_view_decides_what_is_solvable_and_well_posed():
    plain = proposer(RewardConfig(), drawn(), view=SURE)
    assert plain["score"] == pytest.approx(0.9) and math.isnan(plain["well_posed"]), "published: it is not read"
    assert proposer(CAPTION, drawn(), view=SURE)["score"] == pytest.approx(0.9)
    unsure = proposer(CAPTION, drawn(), view=replace(SURE, hard_votes=("5", "5", "7", "8", None)))
    assert (unsure["mean_difficulty"], unsure["well_posed"], unsure["text_consistency"]) == (0.0, 0.0, 0.4)
    assert unsure["score"] == pytest.approx(0.5 - 0.3), "no difficulty, and r_eh applies"
    denied = proposer(CAPTION, drawn(), view=replace(SURE, easy_votes=("9",) * 5))
    assert (denied["mean_solvability"], denied["text_easy_agrees"]) == (0.0, 0.0)
    spelled = proposer(CAPTION, drawn(), view=replace(SURE, easy_votes=("12.0",) * 4 + ("9",)))
    assert spelled["mean_solvability"] == 1.0, "graded, not compared as text"
    assert proposer(CAPTION, drawn())["score"] == pytest.approx(0.9), "not asked: nothing speaks against it"


@pytest.mark.parametrize(
    ("hard_votes", "share"),
    [
        (("5",) * 5, 0.0),
        (("5", "5", "5", "unknown", None), 0.4),
        (("Unknown.",) * 5, 1.0),
        (("5", "7", "8", "9", "1"), 0.0),
    ],
)
def test_what_readers_call_unknown_costs_its_share(hard_votes, share):
    paying = RewardConfig.from_dict({"verify": {"caption": True}, "proposer": {"unknown_penalty": 0.5}})
    view = replace(SURE, hard_votes=hard_votes)
    free, paid = proposer(CAPTION, drawn(), view=view), proposer(paying, drawn(), view=view)
    assert free["text_unknown"] == paid["text_unknown"] == share and free["unknown_penalty"] == 0.0
    assert paid["unknown_penalty"] == pytest.approx(0.5 * share)
    assert free["score"] - paid["score"] == pytest.approx(0.5 * share)
    assert proposer(paying, drawn())["score"] == pytest.approx(0.9), "nobody was asked"
    published = RewardConfig.from_dict({"proposer": {"unknown_penalty": 0.5}})
    assert proposer(published, drawn(), view=view)["unknown_penalty"] == 0.0, "and without verify.caption nobody is"


def test_the_threshold_is_reached_in_spite_of_binary_rounding():
    view = replace(SURE, hard_votes=("5", "5", "5", "7", None))  # .6 of 5
    assert known(view.hard_votes, CAPTION) == Known("5", 0.6)
    assert proposer(CAPTION, drawn(), view=view)["well_posed"] == 1.0
    assert not Known(None, 1.0).sure(CAPTION)
    summed = RewardConfig.from_dict({"verify": {"min_consistency": 0.1 + 0.2}})
    assert known(("5",) * 3 + (None,) * 7, summed).sure(summed)


def test_unanswered_ones_count_whatever_the_published_denominator_is():
    valid = RewardConfig.from_dict({"solver": {"consistency_denominator": "valid"}})
    assert known(("5", "5", None, None, "unknown"), valid) == Known("5", 0.4)


@SMALL
@given(st.integers(0, 5), st.integers(0, 5), st.sampled_from([AGREEMENT, CAPTION, BOTH]), st.booleans())
def test_more_agreement_never_lowers_a_score_below_the_cap(first, second, config, of_easy):
    """More easy answers that are right, or more hard ones that are the Proposer's up to one half."""
    low, high = sorted((first, second))
    if not of_easy:
        low, high = min(low, 2), min(high, 2)  # of K = 5: below one half
    pictures = [drawn(easy=n, hard=2) if of_easy else drawn(easy=3, hard=n) for n in (low, high)]
    if not of_easy and config.proposer.difficulty == "consistency":
        return  # self-consistency is about no answer in particular
    before, after = (proposer(config, one, view=SURE)["score"] for one in pictures)
    assert before <= after + 1e-12


@SMALL
@given(st.integers(0, 5), st.integers(0, 5))
def test_more_agreement_about_the_caption_never_lowers_a_score(first, second):
    low, high = sorted((first, second))
    views = [replace(SURE, hard_votes=("5",) * n + (None,) * (5 - n)) for n in (low, high)]
    before, after = (proposer(CAPTION, drawn(), view=view)["score"] for view in views)
    assert before <= after + 1e-12


@SMALL
@given(st.lists(VOTES, min_size=1, max_size=4), st.sampled_from([AGREEMENT, CAPTION, BOTH]))
def test_a_question_that_nobody_can_answer_earns_no_difficulty(votes, config):
    """From the picture nobody says what the Proposer says, from the caption nobody answers anything."""
    asked = replace(PROPOSAL, hard_answer="99")
    pictures = [Drawing(True, ("12",) * 5, one) for one in votes]
    view = replace(SURE, hard_votes=(None,) * 5)
    terms = proposer(config, *pictures, view=view, proposal=asked)
    assert terms["mean_difficulty"] == 0.0 and terms["score"] <= 0.5 - 0.3 + 1e-12
    coder = [score_coder(CoderEvidence("<svg></svg>", asked, one, view), config) for one in pictures]
    assert all(one["score"] <= 2.0 for one in coder)
    if config.proposer.difficulty == "agreement":
        assert all(one["difficulty"] == 0.0 for one in coder)


# --- the caption, for the Coder --------------------------------------------------------------------------------------


def test_the_coder_is_paid_for_answers_that_are_the_captions():
    def terms(easy, hard, view=SURE):
        return score_coder(CoderEvidence("<svg></svg>", PROPOSAL, drawn(easy, hard), view), CAPTION)

    assert (terms(5, 5)["score"], terms(5, 0)["score"], terms(0, 5)["score"]) == (2.0, 1.5, 1.5)
    assert terms(5, 0)["score"] < terms(5, 3)["score"] < terms(5, 5)["score"], "no reward for uncertainty"
    split = replace(SURE, hard_votes=("5", "5", "7", "8", "9"))
    assert (terms(5, 0, split)["score"], terms(5, 0, split)["text_trusted"]) == (2.0, 0.5), "unsure ones do not count"
    nothing = TextView((None,) * 5, (None,) * 5)
    assert (terms(5, 5, nothing)["score"], terms(5, 5, nothing)["text_trusted"]) == (1.0, 0.0)
    asked = score_coder(CoderEvidence("<svg></svg>", PROPOSAL, drawn(), SURE), RewardConfig())
    assert asked["score"] == pytest.approx(2.4), "published: the text view is not read"


# --- programs --------------------------------------------------------------------------------------------------------


def test_programs_that_disagree_make_no_difficulty():
    same = [drawn(program=("12", "5")), drawn(program=("12", "5.0"))]
    apart = [drawn(program=("12", "5")), drawn(program=("12", "6"))]
    silent = [drawn(program=("12", "5")), drawn(program=("", ""))]
    assert proposer(PROGRAM, *same)["well_posed"] == 1.0 and proposer(PROGRAM, *same)["program_consistency"] == 1.0
    assert proposer(PROGRAM, *apart)["mean_difficulty"] == proposer(PROGRAM, *silent)["mean_difficulty"] == 0.0
    assert proposer(RewardConfig(), *apart)["mean_difficulty"] == 0.4, "measured, and without the key not used"
    svg = proposer(PROGRAM, drawn(), drawn())
    assert math.isnan(svg["well_posed"]) and svg["mean_difficulty"] == 0.4, "SVG has no program: nothing is said"


# --- labels ----------------------------------------------------------------------------------------------------------

EASY = ("12",) * 10
SPLIT = ("8",) * 6 + ("5",) * 3 + (None,)


def from_caption(text, hard=SPLIT, easy=EASY, config=CAPTION):
    base = label_row(easy, hard, "12", "5", config)
    return label_from_caption(base, hard, text, "5", config)


def test_label_is_the_captions_where_the_picture_has_seen_it():
    row = from_caption(("5",) * 4 + ("7",))
    assert (row.label, row.kept, row.reason, row.source) == ("5", True, "", "caption")
    assert (row.label_share, row.evidence, row.hard_consistency) == (0.3, 0.8, 0.6)
    assert row.label_agrees is True
    assert from_caption(("5", "5", "7", "8", "9")).reason == "text_unsure"
    assert from_caption((None,) * 5).reason == "text_unsure" and from_caption((None,) * 5).label is None
    assert from_caption(("4",) * 5).reason == "label_not_seen"
    for share, reason in ((0.3, ""), (0.31, "label_not_seen")):  # three of ten
        seen = RewardConfig.from_dict({"verify": {"min_seen": share}})
        assert from_caption(("5",) * 5, config=seen).reason == reason
    assert from_caption(("5",) * 5, hard=("5",) * 10).reason == "too_easy", "the picture's filter stays"
    assert from_caption(("5",) * 5, easy=("9",) * 10).reason == "easy_accuracy"
    assert from_caption(("5",) * 5, hard=(None,) * 10).reason == "no_label"
    strict = RewardConfig.from_dict({"solver": {"filter": {"require_hard_answer": True}}})
    assert from_caption(("8",) * 5, config=strict).reason == "label_disagrees"
    assert from_caption(("5",) * 5, config=strict).kept, "it is the label that must agree, not the picture's majority"


def from_programs(programs, hard=SPLIT):
    base = label_row(EASY, hard, "12", "5")
    return label_from_programs(base, hard, programs, "5")


def test_label_is_the_programs_where_something_else_agrees():
    row = from_programs(["5", "5.0", "6"])
    assert (row.label, row.kept, row.source, row.label_share) == ("5", True, "program", 0.3)
    assert row.evidence == pytest.approx(2 / 3)
    assert from_programs(["8", "5"]).kept, "agrees with the vote"
    assert from_programs(["5", "6"]).reason == from_programs(["5"]).reason == "program_alone"
    assert from_programs(["5", None]).reason == "program_alone", "a drawing in SVG is no witness"
    assert from_programs(["", "5"]).reason == "no_program"
    assert from_programs(["unknown", "unknown"]).reason == "no_program"
    svg = from_programs([None, "5"])
    assert (svg.label, svg.source, svg.kept) == ("8", "vote", True), "falls back to the vote"
    assert from_programs(["5", "5"], hard=("5",) * 10).reason == "too_easy"


# --- gaming ----------------------------------------------------------------------------------------------------------


def test_an_answer_in_the_caption_earns_nothing_that_the_picture_does_not_show():
    """A caption that is only the answer makes the text view sure of everything. What pays still is seen in pictures."""
    cheat = replace(PROPOSAL, caption="5")
    unseen = Drawing(True, ("9",) * 5, ("8",) * 5)
    terms = proposer(BOTH, unseen, view=SURE, proposal=cheat)
    assert terms["score"] == pytest.approx(-0.3) and terms["caption_tells"] == 1.0
    assert proposer(BOTH, unseen, proposal=replace(cheat, caption="A map of 15 wells"))["caption_tells"] == 0.0
    blind = score_proposer(
        ProposerEvidence(render_proposal(cheat), (drawn(hard=2),), ("5",) * 5, SURE),
        RewardConfig.preset("verified", {"proposer": {"blind_penalty": 0.3}}),
    )
    assert blind["blind_rate"] == 0.0, "the question alone does not give it away; a question that does is found blind"
    leaked = score_coder(
        CoderEvidence("<svg></svg>", replace(cheat, hard_answer="55"), drawn(5, 5, drawn_text=("55",)), SURE), BOTH
    )
    assert leaked["leak"] == 1.0 and leaked["leak_penalty"] == 0.3, "written into the picture it costs as ever"
