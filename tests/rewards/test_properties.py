"""Properties that hold for any input: symmetry, permutation invariance, bounds, monotonicity, round trip."""

import math
import random
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from mmzero_rewards.answers.grading import canonical, grade
from mmzero_rewards.answers.reading import _read, read_answer
from mmzero_rewards.answers.voting import vote
from mmzero_rewards.config import CONTENT_TYPES, RewardConfig
from mmzero_rewards.parsing.responses import (
    FormatError,
    Proposal,
    boxed,
    extract_answer,
    extract_code,
    has_answer_format,
    parse_proposal,
    render_proposal,
)
from mmzero_rewards.scoring.checks import leak
from mmzero_rewards.scoring.diversity import batch_terms, cluster_shares
from mmzero_rewards.scoring.inputs import CoderEvidence, Drawing, ProposerEvidence, SolverEvidence
from mmzero_rewards.scoring.roles import score_coder, score_proposer, score_solver
from tests.support.answer_texts import ANSWERS, RESPONSES

VOTES = st.lists(st.one_of(st.none(), st.sampled_from(["1", "2", "1.0", "b", "N/A", "2 cm"]), ANSWERS), max_size=8)
FIELD = st.text(min_size=1, max_size=30).map(str.strip).filter(lambda s: s and "<" not in s)
SMALL = settings(max_examples=60, deadline=None)


@settings(max_examples=600, deadline=None)
@given(ANSWERS, ANSWERS)
def test_grade_is_symmetric(a, b):
    assert grade(a, b) == grade(b, a)


DISGUISES = st.sampled_from(
    [
        "{}",
        " {} ",
        "{}.",
        "the {}",
        "({})",
        '"{}"',
        "${}$",
        "\\text{{{}}}",
        "\\boxed{{{}}}",
        "about {}",
        "answer: {}",
        "A. {}",
    ]
)


@settings(max_examples=1000, deadline=None)
@given(ANSWERS, DISGUISES, DISGUISES, st.booleans(), st.one_of(st.none(), ANSWERS))
def test_equal_keys_are_equal_answers(text, one, other, shout, third):
    """Whatever gives the same key reads as the same answer, so one spelling of a key may stand for all in a vote."""
    a, b = one.format(text), other.format(text.upper() if shout else text)
    if a.strip() and b.strip() and canonical(a) == canonical(b):
        assert read_answer(a) == read_answer(b)
        assert grade(a, b) and (third is None or grade(a, third) == grade(b, third))


@settings(max_examples=400, deadline=None)
@given(ANSWERS)
def test_grade_is_reflexive_on_answers(a):
    assert grade(a, a) is bool(a.strip())


@settings(max_examples=200, deadline=None)
@given(st.from_regex(r"[a-zA-Z]{2,14}", fullmatch=True))
def test_one_word_shortcut_equals_the_long_way(word):
    assert read_answer(word) == _read(word, nested=False)


@settings(max_examples=300, deadline=None)
@given(VOTES, st.randoms(use_true_random=False))
def test_vote_does_not_depend_on_order(answers, shuffler: random.Random):
    shuffled = list(answers)
    shuffler.shuffle(shuffled)
    result = vote(answers)
    assert vote(shuffled) == result
    assert 0.0 <= result.consistency <= 1.0 and result.count <= result.answered <= result.k == len(answers)
    assert sum(size for _, size in result.clusters) == result.answered


@SMALL
@given(st.builds(Proposal, st.sampled_from(CONTENT_TYPES[:-1]), FIELD, FIELD, FIELD, FIELD, FIELD))
def test_parse_of_render_is_the_proposal(proposal):
    assert parse_proposal(render_proposal(proposal)) == proposal


@settings(max_examples=300, deadline=None)
@given(st.one_of(RESPONSES, st.text(alphabet="<>/`svgcaption_boxed{}\\ \n", max_size=200)))
def test_parsers_only_raise_format_errors(text):
    for parser in (parse_proposal, extract_code, partial(extract_code, languages=("python",))):
        try:
            parser(text)
        except FormatError as error:
            assert "\n" not in str(error)
    answer = extract_answer(text)
    assert answer is None or (answer.strip() == answer != "" and answer in text)
    has_answer_format(text)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["\\boxed{", "{", "}", "\\", "\\{", "\\}", "a", " "]), max_size=14).map("".join))
def test_the_quick_way_to_the_last_box_equals_the_long_way(text):
    padded = text + " " * 2000  # beyond the plain scan
    assert boxed(text) == boxed(padded)


@settings(max_examples=400, deadline=None)
@given(st.one_of(ANSWERS, st.text(alphabet="0123456789.,:/ -'$kMBsth^½²ñéNo", max_size=20)))
def test_an_answer_that_is_drawn_as_it_is_leaks(text):
    assert leak([text], Proposal("map", "c", "q", "a", "h", text)).hard is bool(text.strip())


DRAWINGS = st.lists(
    st.builds(
        Drawing, st.booleans(), VOTES.map(tuple), VOTES.map(tuple), drawn_text=st.lists(ANSWERS, max_size=4).map(tuple)
    ),
    max_size=5,
).map(tuple)
PROPOSAL = Proposal("map", "A map of 12 wells", "How many wells?", "12", "How many lie north?", "5")
CONFIGS = st.sampled_from([RewardConfig(), RewardConfig.preset("paper", {"grading": {"grader": "builtin"}})])


@SMALL
@given(DRAWINGS, VOTES, CONFIGS)
def test_proposer_score_bounds_and_keys(drawings, blind, config):
    evidence = ProposerEvidence(render_proposal(PROPOSAL), drawings, tuple(blind))
    terms = score_proposer(evidence, config)
    assert -0.3 <= terms["score"] <= 1.0
    assert all(isinstance(value, float) for value in terms.values())
    assert terms.keys() == score_proposer(ProposerEvidence("no blocks"), config).keys()


@SMALL
@given(DRAWINGS, st.sampled_from(["```svg\n<svg></svg>\n```", "```svg\nplt\n```", "none"]), CONFIGS)
def test_coder_score_bounds_and_keys(drawings, response, config):
    terms = [score_coder(CoderEvidence(response, PROPOSAL, drawing), config) for drawing in drawings]
    for drawing, term in zip(drawings, terms, strict=True):
        low, high = (0.7, 2.5) if drawing.rendered else (-0.5, -0.1)
        assert low - 1e-12 <= term["score"] <= high
        assert term.keys() == terms[0].keys()


@SMALL
@given(ANSWERS, ANSWERS, st.booleans())
def test_solver_score_takes_four_values(answer, label, thinks):
    response = f"<think></think>\\boxed{{{answer}}}" if thinks else f"\\boxed{{{answer}}}"
    terms = score_solver(SolverEvidence(response, label))
    assert min(abs(terms["score"] - value) for value in (0.0, 0.1, 0.9, 1.0)) < 1e-12


@SMALL
@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 4))
def test_more_solvable_never_scores_lower_up_to_the_cap(right, also_right, rendered):
    def score(count):
        votes = ("12",) * count + ("0",) * (5 - count)
        drawings = [Drawing(i < rendered, votes, ("5", "5", "a", "b", "c")) for i in range(4)]
        return score_proposer(ProposerEvidence(render_proposal(PROPOSAL), tuple(drawings)))["score"]

    low, high = sorted((right, also_right))
    assert score(low) <= score(high) + 1e-12
    if low >= 3:  # above the cap nothing is gained
        assert math.isclose(score(low), score(high))


@SMALL
@given(st.integers(1, 10), st.integers(1, 10), st.sampled_from(["proposer", "coder"]))
def test_nearer_to_one_half_never_scores_lower(first, second, role):
    def score(majority):
        votes = ("5",) * majority + tuple(f"other {'abcdefghij'[i]}" for i in range(10 - majority))
        drawing = Drawing(True, ("12",) * 10, votes)
        if role == "coder":
            return score_coder(CoderEvidence("<svg></svg>", PROPOSAL, drawing))["score"]
        return score_proposer(ProposerEvidence(render_proposal(PROPOSAL), (drawing,)))["score"]

    near, far = sorted((first, second), key=lambda count: abs(count / 10 - 0.5))
    assert score(near) >= score(far) - 1e-12


WORDS = st.lists(st.sampled_from(["red", "bar", "chart", "map", "of", "wells", "north"]), min_size=1, max_size=6).map(
    " ".join
)


@SMALL
@given(st.lists(WORDS, min_size=1, max_size=8), st.sampled_from(["ngram_cosine", "bleu"]))
def test_cluster_shares_are_at_least_one_of_n(texts, measure):
    shares = cluster_shares(texts, measure)
    assert all(1 / len(texts) - 1e-12 <= share <= 1.0 for share in shares)
    if measure == "ngram_cosine":
        for text, share in zip(texts, shares, strict=True):
            assert share * len(texts) >= texts.count(text) - 1e-9  # copies are always in one cluster


@SMALL
@given(st.lists(st.one_of(st.none(), st.tuples(st.sampled_from(CONTENT_TYPES), WORDS, WORDS)), max_size=8), CONFIGS)
def test_batch_terms_bounds(entries, config):
    batch = [e and Proposal(e[0], e[1], e[2], "1", e[2], "2") for e in entries]
    terms = batch_terms(batch, config)
    assert len(terms.rows) == len(batch)
    for proposal, row in zip(batch, terms.rows, strict=True):
        assert -0.15 - 1e-12 <= row["r_ct"] <= 0.0 and -0.5 <= row["r_div"] <= 0.0
        assert proposal is not None or (row["r_ct"], row["r_div"]) == (0.0, 0.0)
