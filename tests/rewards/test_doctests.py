"""The examples in the docstrings of the pure modules are true."""

import doctest
import importlib
import pkgutil

import pytest

import mmzero_rewards

PURE = [
    module.name
    for module in pkgutil.walk_packages(mmzero_rewards.__path__, "mmzero_rewards.")
    if ".managers" not in module.name and not module.name.endswith(("__main__", "grader_child"))
]


def examples(name: str) -> list[doctest.DocTest]:
    return [test for test in doctest.DocTestFinder().find(importlib.import_module(name)) if test.examples]


@pytest.mark.parametrize("name", [name for name in PURE if examples(name)])
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_examples_are_found():
    assert {"mmzero_rewards.answers.grading", "mmzero_rewards.scoring.diversity"} <= {n for n in PURE if examples(n)}
