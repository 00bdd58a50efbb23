"""The corpus of answers and responses (tests/corpus): each has one fair reading, and ours is that one.

grading.json: pairs by kind of answer, written before the grader read them. parsing.json: what models write around an
answer, a drawing or a proposal. tests/bench/grading.py prints the pairs by kind for three graders.
"""

import json
from pathlib import Path

import pytest

from mmzero_rewards.answers.grading import canonical, grade
from mmzero_rewards.parsing.responses import FormatError, extract_answer, extract_code, parse_proposal

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
PAIRS = json.loads((CORPUS / "grading.json").read_text("utf-8"))
RESPONSES = json.loads((CORPUS / "parsing.json").read_text("utf-8"))


@pytest.mark.parametrize("kind", PAIRS)
def test_pairs_of(kind):
    wrong = [(a, b, equal) for a, b, equal in PAIRS[kind] if grade(a, b) is not equal or grade(b, a) is not equal]
    assert wrong == []


def test_equal_keys_are_equal_answers():
    spelled = {}
    for pairs in PAIRS.values():
        for a, b, equal in pairs:
            assert equal or canonical(a) != canonical(b), (a, b)
            for text in (a, b):
                spelled.setdefault(canonical(text), set()).add(text)
    for key, texts in spelled.items():
        assert all(grade(one, other) for one in texts for other in texts), key


def test_there_is_enough_of_each_kind():
    assert sum(map(len, PAIRS.values())) >= 400
    for kind, pairs in PAIRS.items():
        equal = sum(equal for *_, equal in pairs)
        assert 0.5 < equal / len(pairs) < 0.9 and len({(a, b) for a, b, _ in pairs}) == len(pairs) >= 30, kind


def parsed(case):
    if case["kind"] == "answer":
        return extract_answer(case["text"])
    try:
        if case["kind"] == "code":
            return extract_code(case["text"], case["languages"]).code
        proposal = parse_proposal(case["text"])
    except FormatError:
        return None
    return all(getattr(proposal, name) == body for name, body in case.get("fields", {}).items())


@pytest.mark.parametrize("case", RESPONSES, ids=lambda case: f"{case['kind']}-{case['text'][:30]!r}")
def test_response(case):
    expected = case["answer"] if case["kind"] == "answer" else case.get("code", case.get("valid") or None)
    assert parsed(case) == expected, case.get("note")
