"""It is really training: read from the metrics, weights and journal of a run on the real engine; kills change no row.

One file, as one worker of `pytest -n 2 --dist loadfile` has the run that all its tests read.
"""

import json
import random
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import load_file

from recipe.mmzero.report.data.read import Skips
from recipe.mmzero.report.data.truth import END, truth
from recipe.mmzero.run.record.artifacts import fingerprint
from tests.chaos import chaos

pytestmark = pytest.mark.e2e

ROLES = ("proposer", "coder", "solver")
STEPS = 2
PEARSON = "training/rollout_actor_probs_pearson_corr"


def metrics(run_dir: Path, role: str) -> list[dict[str, float]]:
    lines = (run_dir / "iter_01" / role / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["data"] for line in lines]


def journal(run_dir: Path) -> dict:
    return json.loads((run_dir / "state.json").read_text())["steps"]


def test_rows_survive_kills_of_trainer_loop_and_collector(evolved, tmp_path):
    """The short form of tests/chaos/chaos.py: three kills -9 until the Coder's rows are there, compared with the other
    run's (docs/method.md §4: the collected rows do not depend on timing or kills)."""
    run_dir = tmp_path / "run"
    words = ("evolution.max_attempts=10", "--until", "iter_01/collect_coder")
    before = chaos.loop.traces()
    kinds, dice = ("trainer", "loop", "collector"), random.Random(0)
    killed = chaos.disturb(run_dir, kinds, 3, 2, dice, words, settle_s=5.0)
    assert killed == 3, "the run was over before all three were killed"
    assert chaos.check.problems(run_dir) == []
    assert chaos.check.differences(run_dir, evolved.run_dir, ("collect_coder",)) == []
    assert chaos.loop.leftovers(run_dir) + chaos.loop.new_traces(before) == []


def test_interrupt_ends_everything_within_seconds(evolved):
    assert evolved.interrupted_code == 130
    assert evolved.interrupted_s < 30, f"Ctrl-C took {evolved.interrupted_s:.0f} s"
    assert evolved.left_by_interrupt == []


def test_resumed_at_the_checkpoint(evolved):
    attempts = sorted((evolved.run_dir / "iter_01" / "proposer").glob("metrics.attempt*.jsonl"))
    assert len(attempts) == 2, "the interrupted step was not resumed as a second attempt"
    resumed = [json.loads(line)["step"] for line in attempts[1].read_text().splitlines()]
    assert resumed == [2], f"the second attempt trained steps {resumed}; step 1 had a checkpoint"


def test_nothing_is_left_at_the_end(evolved):
    assert evolved.left_at_end == []


@pytest.mark.parametrize("role", ROLES)
def test_every_step_is_counted_once(evolved, role):
    lines = (evolved.run_dir / "iter_01" / role / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, STEPS + 1))


@pytest.mark.parametrize("role", ROLES)
def test_gradients_are_not_zero(evolved, role):
    norms = [step["actor/grad_norm"] for step in metrics(evolved.run_dir, role)]
    assert sum(norm > 1e-4 for norm in norms) > len(norms) / 2, norms


@pytest.mark.parametrize("role", ROLES)
def test_rollout_and_actor_agree_after_every_weight_sync(evolved, role):
    correlations = [step[PEARSON] for step in metrics(evolved.run_dir, role)]
    assert min(correlations) >= 0.99, correlations


@pytest.mark.parametrize("role", ROLES)
def test_rewards_vary_within_most_groups(evolved, role):
    flat = [step[f"mmzero/{role}/zero_variance_groups"] for step in metrics(evolved.run_dir, role)]
    assert sum(flat) / len(flat) < 0.5, flat


@pytest.mark.parametrize("role", ROLES)
def test_weights_differ_from_the_start(evolved, role):
    base = _weights(_base(evolved.run_dir))
    trained = _weights(evolved.run_dir / "iter_01" / role / "hf")
    assert base.keys() == trained.keys()
    changed = sum(not base[name].equal(trained[name].to(base[name].dtype)) for name in base)
    assert changed > len(base) / 2, f"{changed} of {len(base)} tensors changed"


@pytest.mark.parametrize("role", ROLES)
def test_export_loads_with_plain_transformers(evolved, role):
    from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration

    folder = evolved.run_dir / "iter_01" / role / "hf"
    model, info = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"] and not info["mismatched_keys"]
    assert model.num_parameters() > 1_000_000
    processor = AutoProcessor.from_pretrained(folder)
    assert processor.image_processor is not None and processor.tokenizer.chat_template


def test_each_step_starts_from_what_the_journal_says(evolved):
    steps, run_dir = journal(evolved.run_dir), evolved.run_dir
    assert all(record["status"] == "done" for record in steps.values())
    made = {
        name: fingerprint(run_dir / "iter_01" / name / ("hf" if name in ROLES else "train.parquet"))
        for name in (*ROLES, "collect_coder", "collect_solver")
    }
    for role in ROLES:
        assert steps[f"iter_01/{role}"]["outputs"]["hf"] == made[role]
    base = steps["iter_01/proposer"]["inputs"]["policy"]
    assert steps["iter_01/collect_coder"]["inputs"] == {"proposer": made["proposer"], "coder": base, "solver": base}
    assert steps["iter_01/coder"]["inputs"] == {"policy": base, "solver": base, "data": made["collect_coder"]}
    solver_data = {"proposer": made["proposer"], "coder": made["coder"], "solver": base}
    assert steps["iter_01/collect_solver"]["inputs"] == solver_data
    assert steps["iter_01/solver"]["inputs"] == {"policy": base, "data": made["collect_solver"]}


def test_the_coder_is_judged_by_the_solver_not_by_itself(evolved):
    """docs/method.md §8 `judge_is_coder`: the served path, as the trainer logged it."""
    log = (evolved.run_dir / "logs" / "iter_01-coder.attempt01.log").read_text()
    served = [line for line in log.splitlines() if "peer solver:" in line]
    assert served and str(_base(evolved.run_dir)) in served[0]


def test_servers_listen_on_loopback_only(evolved):
    for role in ROLES:
        log = sorted((evolved.run_dir / "logs").glob(f"iter_01-{role}.attempt*.log"))[-1].read_text()
        servers = [line for line in log.splitlines() if "LLMServerManager: [" in line or "peer solver:" in line]
        assert servers and all("127.0.0.1:" in line for line in servers), servers


def test_collected_rows_have_pictures(evolved):
    rows = pd.read_parquet(evolved.run_dir / "iter_01" / "collect_solver" / "train.parquet")
    assert len(rows) >= 8
    assert all(Path(paths[0]).is_file() for paths in rows["images"])
    assert rows["extra_info"].map(lambda info: info["proposal_id"]).is_unique


def test_console_ends_with_the_table_and_held_out_accuracy(evolved):
    points = truth(evolved.run_dir, Skips())
    assert [point.iteration for point in points] == [0, 1] and 0.2 < points[0].mean("solver", "easy_right") <= 1.0
    rows = pd.read_parquet(evolved.run_dir / "iter_01" / "collect_solver" / "train.parquet")
    assert len(points[1].of("rows", "label_true")) == len(rows)
    end = evolved.console[-6000:]
    for words in ("reward", "solvable", "held-out items", *(label for _, _, label in END)):
        assert words in end, f"{words!r} is not in the final table"


def test_report_is_made(evolved):
    page = evolved.run_dir / "report.html"
    assert page.stat().st_size < 15e6
    assert "<img" in page.read_text() or "data:image" in page.read_text()


def _base(run_dir: Path) -> Path:
    from omegaconf import OmegaConf

    return Path(OmegaConf.load(run_dir / "iter_01" / "proposer" / "step.yaml").inputs.policy)


def _weights(folder: Path) -> dict:
    return {name: value for file in sorted(folder.glob("*.safetensors")) for name, value in load_file(file).items()}
