"""The examples in the docstrings of the report and of `mmzero status` are true."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["report.card", "report.page", "report.read", "report.stats", "signs", "status"])
def test_examples(name):
    outcome = doctest.testmod(importlib.import_module(f"recipe.mmzero.{name}"))
    assert outcome.attempted and not outcome.failed
