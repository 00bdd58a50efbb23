"""Recorded cases replay exactly; the command line says which do not.

reward_vectors.json: 153 cases made by running the reference implementation with stubbed services (docs/method.md §6.3).
cases.json: ours, made by hand.
"""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from mmzero_rewards.__main__ import main
from mmzero_rewards.scoring.cases import SHAPES, ReplayError, load
from mmzero_rewards.scoring.replay import ROLES, replay

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


def one_case(role, inputs, **changes):
    return json.dumps([{"id": "a", "role": role, "inputs": inputs, "expected": {}} | changes])


VOTES = {"easy_votes": [], "hard_votes": []}
FIELDS = {name: "x" for name in ("caption", "easy_question", "easy_answer", "hard_question", "hard_answer")}


@pytest.mark.parametrize(
    "content, words",
    [
        ("{", "cannot read"),  # not JSON
        ("{}", "expected a JSON list"),
        ("[]", "no cases"),
        ("[" * 100_000, "nested too deeply"),
        ('[{"a":' * 100_000, "nested too deeply"),
        ("[5]", "case 0 is not an object"),
        ("[[]]", "case 0 is not an object"),
        (b"\xff\xfe[", "cannot read"),
        ("[" + "1" * 5000 + "]", "cannot read"),  # more digits than Python reads
        ('[{"id": "a", "role": "vote", "inputs": {}}]', "has no 'expected'"),
        (one_case("judge", {}), "unknown role 'judge'"),
        (one_case(["vote"], {}), "role must be a text"),
        (one_case({}, {}), "role must be a text"),
        (one_case("vote", {"votes": []}, preset="x"), "unknown preset"),
        (one_case("vote", {"votes": []}, preset=["paper"]), "preset must be a text"),
        (one_case("vote", {"votes": []}, id=["a"]), "id must be a text"),
        (one_case("vote", {"votes": []}, expected=[]), "expected must be an object"),
        (one_case("vote", [5]), "inputs must be an object"),
        (one_case("vote", {}), "do not fit role 'vote': votes is missing"),
        (one_case("vote", {"votes": [5]}), "votes[0] must be a text or null"),
        (one_case("vote", {"votes": ["a", ["b"]]}), "votes[1] must be a text or null"),
        (one_case("vote", {"votes": "abc"}), "votes must be a list"),
        (one_case("vote", {"votes": None}), "votes must be a list"),
        (one_case("proposer", {"proposals": {}}), "proposals must be a list"),
        (
            one_case("proposer", {"proposals": [{"text": "x", "renders": [5]}]}),
            "proposals[0].renders[0] must be an object",
        ),
        (one_case("proposer", {"proposals": [{"text": 5, "renders": []}]}), "proposals[0].text must be a text"),
        (
            one_case("proposer", {"proposals": [{"text": "x", "renders": [{"easy_votes": [1], "hard_votes": []}]}]}),
            "proposals[0].renders[0].easy_votes[0] must be",
        ),
        (one_case("coder", {"samples": [{"response": "x", "proposal": FIELDS}]}), "samples[0].easy_votes is missing"),
        (
            one_case("coder", {"samples": [{"response": "x", "proposal": "p"} | VOTES]}),
            "samples[0].proposal must be an",
        ),
        (
            one_case("coder", {"samples": [{"response": "x", "proposal": FIELDS | {"caption": 5}} | VOTES]}),
            "samples[0].proposal.caption must be a text",
        ),
        (
            one_case("coder", {"samples": [{"response": "x", "proposal": FIELDS, "rendered": "yes"} | VOTES]}),
            "samples[0].rendered must be true or false",
        ),
        (one_case("solver", {"response": "x", "label": 5}), "label must be a text or null"),
        (one_case("label", VOTES | {"easy_answer": None}), "easy_answer must be a text"),
        (one_case("diversity", {"texts": [None]}), "texts[0] must be a text"),
        (one_case("diversity", {"texts": ["a"], "distance_threshold": "x"}), "distance_threshold must be a number"),
        (one_case("diversity", {"texts": ["a"], "distance_threshold": float("nan")}), "distance_threshold must be a"),
        (one_case("equal", {"a": "1", "b": None}), "b must be a text"),
    ],
)
def test_unusable_file_is_one_line_and_exits_2(tmp_path, capsys, content, words):
    path = tmp_path / "cases.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(["replay", str(path)]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_an_id_stands_for_one_case(tmp_path, capsys):
    cases = json.loads(one_case("vote", {"votes": ["1"]}, expected={"k": 1}))
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(cases + cases))
    assert main(["replay", str(path)]) == 2
    assert "2 cases have the id 'a'" in capsys.readouterr().err


def test_every_role_has_a_shape_and_empty_lists_are_answered():
    assert ROLES.keys() == SHAPES.keys()
    for role, inputs in [
        ("proposer", {"proposals": []}),
        ("proposer", {"proposals": [{"text": "", "renders": []}]}),
        ("coder", {"samples": []}),
        ("vote", {"votes": []}),
        ("label", VOTES | {"easy_answer": ""}),
        ("diversity", {"texts": []}),
        ("diversity", {"texts": [""]}),
        ("equal", {"a": None, "b": ""}),
        ("solver", {"response": "", "label": None}),
        ("content_type", {"tag": "", "caption": ""}),
    ]:
        assert replay({"id": role, "role": role, "inputs": inputs, "expected": {}}) == []


@pytest.mark.parametrize(
    "expected, line",
    [
        ({"count": 10**400}, "count: expected 1000"),  # larger than any float
        ({"k": "two\nlines"}, "k: expected 'two\\nlines', found 1"),
        ({"a\nb": 1}, "a b: missing"),
        ({"majority": ["1"]}, "majority: expected ['1'], found '1'"),
        ({"consistency": float("inf")}, "consistency: expected inf"),
    ],
)
def test_strange_expectations_differ_in_one_line(tmp_path, capsys, expected, line):
    path = tmp_path / "cases.json"
    path.write_text(one_case("vote", {"votes": ["1"]}, id="a\ud800\nb", expected=expected))
    assert main(["replay", str(path)]) == 1
    head, found = capsys.readouterr().out.splitlines()
    assert head == "replayed 1, differing 1" and found.startswith("a? b: " + line)


def test_missing_file():
    with pytest.raises(ReplayError, match="cannot read"):
        load(Path("does-not-exist.json"))
