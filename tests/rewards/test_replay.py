"""Recorded cases replay exactly; the command line says which do not.

reward_vectors.json: 153 cases made by running the reference implementation with stubbed services (METHOD §6.3).
cases.json: ours, made by hand.
"""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from mmzero_rewards.__main__ import main
from mmzero_rewards.scoring.replay import ReplayError, load, replay

HERE = Path(__file__).parent
OWN_CASES = load(HERE / "cases.json")
REFERENCE_CASES = HERE / "reward_vectors.json"


def needs_grader(case):
    if case["preset"] == "reference" and not (find_spec("mathruler") and find_spec("pylatexenc")):
        pytest.skip("preset paper needs mathruler and pylatexenc: pip install mmzero[eval]")


@pytest.mark.parametrize("case", OWN_CASES, ids=lambda case: case["id"])
def test_own_case(case):
    needs_grader(case)
    assert replay(case) == [], case["note"]


def test_reference_cases(capsys):
    needs_grader({"preset": "reference"})
    code = main(["replay", str(REFERENCE_CASES)])
    assert (code, capsys.readouterr().out) == (0, "replayed 153, differing 0\n")


def test_differing_case_is_named_and_exits_1(tmp_path, capsys):
    wrong = {**next(case for case in OWN_CASES if case["id"] == "v2"), "expected": {"consistency": 0.5}}
    right = next(case for case in OWN_CASES if case["id"] == "x1")
    path = tmp_path / "cases.json"
    path.write_text(json.dumps([wrong, right]))
    assert main(["replay", str(path)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "replayed 2, differing 1",
        "v2: consistency: expected 0.5, found 0.4",
    ]


@pytest.mark.parametrize("off, differs", [(0.9e-9, False), (1.1e-9, True)])
def test_tolerance_is_1e_9(off, differs):
    case = next(case for case in OWN_CASES if case["id"] == "c1")
    sample = {**case["expected"]["samples"][0], "score": 2.2 + off}
    needs_grader(case)
    assert bool(replay({**case, "expected": {"samples": [sample]}})) is differs


@pytest.mark.parametrize(
    "content, words",
    [
        ("{", "cannot read"),  # not JSON
        ("{}", "expected a JSON list"),
        ('[{"id": "a", "role": "vote", "inputs": {}}]', "has no 'expected'"),
        ('[{"id": "a", "role": "judge", "inputs": {}, "expected": {}}]', "unknown role"),
        ('[{"id": "a", "role": "vote", "preset": "x", "inputs": {}, "expected": {}}]', "unknown preset"),
        ('[{"id": "a", "role": "vote", "inputs": {}, "expected": {}}]', "do not fit role 'vote'"),
    ],
)
def test_unusable_file_is_one_line_and_exits_2(tmp_path, capsys, content, words):
    path = tmp_path / "cases.json"
    path.write_text(content)
    assert main(["replay", str(path)]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_missing_file():
    with pytest.raises(ReplayError, match="cannot read"):
        load(Path("does-not-exist.json"))
