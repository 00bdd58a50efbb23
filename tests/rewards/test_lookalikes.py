"""Answers that look alike and are not the same, each kind with the spellings that are: a row stands for its kind.

lookalikes.json: by kind, pairs that are one answer and pairs that are two.
"""

import json
from pathlib import Path

import pytest

from mmzero_rewards.answers.grading import canonical, grade

ALIKE = json.loads((Path(__file__).parent / "lookalikes.json").read_text("utf-8"))


@pytest.mark.parametrize("kind", ALIKE)
def test_alike(kind):
    missed = [(a, b) for a, b in ALIKE[kind]["equal"] if not (grade(a, b) and grade(b, a))]
    mixed = [(a, b) for a, b in ALIKE[kind]["different"] if grade(a, b) or grade(b, a)]
    assert not missed and not mixed


@pytest.mark.parametrize("kind", ALIKE)
def test_their_keys_read_as_themselves(kind):
    for text in {text for pairs in ALIKE[kind].values() for pair in pairs for text in pair}:
        key = canonical(text)
        assert canonical(key) == key and grade(text, key), (text, key)
