"""A Coder that writes Python, and one that chooses between SVG and Python: one step of each role on the real engine."""

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


@pytest.fixture(scope="module", params=["python", "svg,python"])
def languages(request):
    return set(request.param.split(","))


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory, languages):
    folder = tmp_path_factory.mktemp("languages") / "run"
    loop.finish(loop.start(folder, f"coder.languages=[{','.join(sorted(languages))}]", *WORDS), folder)
    return folder


def drawings(run_dir, *stages):
    return pd.concat([pd.read_parquet(run_dir / "iter_01" / stage / "drawings.parquet") for stage in stages])


@pytest.mark.parametrize("role", ["proposer", "coder", "solver"])
def test_a_step_was_trained(run_dir, role):
    lines = (run_dir / "iter_01" / role / "metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line) for line in lines]
    assert [step["step"] for step in steps] == [1]
    assert steps[0]["data"]["actor/grad_norm"] > 1e-4


@pytest.mark.parametrize("stage", ["collect_coder", "collect_solver"])
def test_pictures_come_from_what_the_coder_may_write(run_dir, stage, languages):
    rows = drawings(run_dir, stage)
    drawn = rows[rows.status == "ok"]
    assert set(drawn.language) == languages and 0.4 < len(drawn) / len(rows) < 1
    python = drawn.language == "python"
    assert (
        drawn.code[python].str.startswith("from PIL import").all() and drawn.code[~python].str.startswith("<svg").all()
    )


def test_programs_fail_in_several_ways(run_dir):
    rows = drawings(run_dir, "collect_coder", "collect_solver")
    assert rows[rows.status != "ok"].status.nunique() > 1


def test_the_solver_learned_from_them(run_dir, languages):
    rows = pd.read_parquet(run_dir / "iter_01" / "collect_solver" / "train.parquet")
    of = drawings(run_dir, "collect_solver").set_index("code_id").language
    assert len(rows) >= 8
    assert {of[info["code_id"]] for info in rows["extra_info"]} == languages
