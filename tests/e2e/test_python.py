"""A Coder that writes Python: one step of each role on the real engine. One that chooses between SVG and Python: up to
its own step."""

import json

import pandas as pd
import pytest

from tests.support import loop

pytestmark = pytest.mark.e2e

WORDS = (
    "stage.steps=1",
    "coder.filter.target_rows=8",
    "coder.filter.attempt_budget=40",
    "solver.filter.proposals=96",
)
STARTS = {"python": "from PIL import", "svg": "<svg"}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("python") / "run"
    loop.finish(loop.start(folder, "coder.languages=[python]", *WORDS), folder)
    return folder


@pytest.fixture(scope="module")
def choosing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("both") / "run"
    loop.finish(loop.start(folder, "coder.languages=[svg,python]", *WORDS, "--until", "iter_01/coder"), folder)
    return folder


def drawings(run_dir, *stages):
    return pd.concat([pd.read_parquet(run_dir / "iter_01" / stage / "drawings.parquet") for stage in stages])


def assert_trained(run_dir, role):
    lines = (run_dir / "iter_01" / role / "metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line) for line in lines]
    assert [step["step"] for step in steps] == [1]
    assert steps[0]["data"]["actor/grad_norm"] > 1e-4


def assert_drawn(rows, languages):
    drawn = rows[rows.status == "ok"]
    assert set(drawn.language) == languages and 0.4 < len(drawn) / len(rows) < 1
    assert all(code.startswith(STARTS[language]) for code, language in zip(drawn.code, drawn.language, strict=True))


@pytest.mark.parametrize("role", ["proposer", "coder", "solver"])
def test_a_step_was_trained(run_dir, role):
    assert_trained(run_dir, role)


@pytest.mark.parametrize("stage", ["collect_coder", "collect_solver"])
def test_pictures_come_from_programs(run_dir, stage):
    assert_drawn(drawings(run_dir, stage), {"python"})


def test_programs_fail_in_several_ways(run_dir):
    rows = drawings(run_dir, "collect_coder", "collect_solver")
    assert rows[rows.status != "ok"].status.nunique() > 1


def test_the_solver_learned_from_them(run_dir):
    rows = pd.read_parquet(run_dir / "iter_01" / "collect_solver" / "train.parquet")
    of = drawings(run_dir, "collect_solver").set_index("code_id").language
    assert len(rows) >= 8
    assert {of[info["code_id"]] for info in rows["extra_info"]} == {"python"}


@pytest.mark.parametrize("role", ["proposer", "coder"])
def test_a_coder_that_chooses_is_trained(choosing, role):
    assert_trained(choosing, role)


def test_a_coder_that_chooses_writes_both(choosing):
    assert_drawn(drawings(choosing, "collect_coder"), {"svg", "python"})
    samples = (choosing / "iter_01" / "coder" / "samples").glob("*.jsonl")
    texts = [json.loads(line)["response"] for path in samples for line in path.read_text().splitlines()]
    assert {start for start in STARTS.values() for text in texts if start in text} == set(STARTS.values())
