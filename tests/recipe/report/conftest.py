"""A small run folder that a test may damage."""

import shutil

import pytest

from recipe.mmzero.report import single
from tests.support.synthetic import Shape, make_run

SMALL = Shape(iterations=1, steps=2, samples=6, rows=6, pictures=3)


@pytest.fixture(scope="session")
def healthy(tmp_path_factory):
    """Made once; tests that change something take `run`."""
    return make_run(tmp_path_factory.mktemp("report") / "run", shape=SMALL)


@pytest.fixture
def run(healthy, tmp_path):
    return shutil.copytree(healthy, tmp_path / "run")


@pytest.fixture
def one_figure(monkeypatch):
    """For tests that look at tables: drawing the figures takes most of a report's time. test_report.py has them all."""
    monkeypatch.setattr(single, "FIGURES", single.FIGURES[:1])
