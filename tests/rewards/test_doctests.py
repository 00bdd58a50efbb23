"""The examples in the docstrings of the pure modules are true."""

import doctest
import importlib

import pytest

MODULES = (
    "answers checks config content_types distances diversity grading labels numerals parsing scoring textform units"
)


@pytest.mark.parametrize("name", [*MODULES.split(), "voting"])
def test_examples(name):
    assert doctest.testmod(importlib.import_module(f"mmzero_rewards.{name}")).failed == 0
