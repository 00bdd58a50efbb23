"""The examples in the docstrings of the report and of `mmzero status` are true."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "report.page.card",
        "report.page.page",
        "report.data.read",
        "report.data.stats",
        "run.processes.signs",
        "settings.text",
    ],
)
def test_examples(name):
    outcome = doctest.testmod(importlib.import_module(f"recipe.mmzero.{name}"))
    assert outcome.attempted and not outcome.failed
