"""`mmzero plan` in hours and money, and what a run measured instead of the constants."""

import json

import pytest
from omegaconf import OmegaConf

from recipe.mmzero import cli
from recipe.mmzero.machine.forecast import measured
from recipe.mmzero.machine.forecast.constants import cpu
from recipe.mmzero.report.data import forecasts
from recipe.mmzero.report.data.read import read_run
from recipe.mmzero.report.page import card
from recipe.mmzero.run import hours
from recipe.mmzero.run.plan import plan
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.types.run import ConfigError

SEVEN = ("model=qwen2_5_vl_7b", "hardware=gpu8x80")


def test_plan_for_a_program(capsys):
    assert cli.main(["plan", *SEVEN, "evolution.iterations=2", "forecast.price_per_gpu_hour=2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    steps = found["forecast"]["steps"]
    assert [one["step"] for one in steps] == [one["step"] for one in found["plan"]] and len(steps) == 10
    for one in steps:
        assert one["gpu_hours"] == pytest.approx(8 * one["seconds"] / 3600, rel=1e-3)
        assert one["money"] == pytest.approx(2 * one["gpu_hours"], rel=1e-3)
    run = found["forecast"]["run"]
    assert run["seconds"] == pytest.approx(sum(one["seconds"] for one in steps), rel=1e-6)
    assert run["money"] == pytest.approx(2 * run["gpu_hours"])
    assert found["plan"][0]["work"]["generations"] == 64_800
    faster = found["forecast"]["faster_layouts"]
    for one in faster:
        assert one["gain"] > 1.02 and sum(one["layout"].values()) == (0 if "overlap" in one["settings"] else 8)
    ahead = next(one for one in faster if one["settings"] == "proposer.overlap=1")
    assert cli.main(["plan", *SEVEN, "evolution.iterations=2", "proposer.overlap=1", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)["forecast"]
    proposer = next(one for one in again["steps"] if one["step"] == "iter_02/proposer")
    assert proposer["seconds"] == pytest.approx(ahead["seconds"], rel=1e-6) and ahead["gain"] > 1.5
    assert not [one for one in again["faster_layouts"] if not one["layout"]]


def test_slow_steps_are_waited_for(tmp_path):
    """A Solver's step of a 7B on one 40 GB card is forecast at 58 minutes, and nothing is drawn meanwhile."""
    config = schema.load(["model=qwen2_5_vl_7b", "hardware=gpu1x40"])
    solver = next(step for step in plan(config) if step.stage == "solver")
    assert hours.patience(config, solver, tmp_path) == (config.watchdog.startup_s, config.watchdog.step_s)
    found = hours.note(config, solver, tmp_path)
    startup_s, step_s = hours.patience(config, solver, tmp_path)
    assert startup_s == pytest.approx(3 * (found.startup_s + found.step_s), abs=0.1) and startup_s > 10_000
    assert step_s == pytest.approx(3 * found.step_s, abs=0.1)
    (tmp_path / "forecast.json").write_text("[]")
    assert hours.patience(config, solver, tmp_path) == (config.watchdog.startup_s, config.watchdog.step_s)


@pytest.mark.parametrize("words, stage", [((), "solver"), (SEVEN, "collect_solver")])
def test_the_watchdogs_own_limits_hold_elsewhere(tmp_path, words, stage):
    """A laptop's steps are short, and a collection shows every finished request."""
    config = schema.load([*words, "watchdog.startup_s=1", "watchdog.step_s=2"])
    step = next(step for step in plan(config) if step.stage == stage)
    assert hours.note(config, step, tmp_path) is not None
    assert hours.patience(config, step, tmp_path) == (1, 2)


def test_plan_for_a_person(capsys):
    assert cli.main(["plan", *SEVEN, "evolution.iterations=2"]) == 0
    text = capsys.readouterr().out
    for said in ("s per GRPO step", "GPU hours", "idle", "most of it", "iteration 1", "Faster in the last iteration:"):
        assert said in text
    assert "money" not in text  # no price, no money


@pytest.mark.parametrize(("words", "card"), [((), "h100"), (("forecast.gpu=a100_80",), "a100_80")])
def test_plan_names_the_card_that_it_reckons_with(words, card, capsys):
    assert cli.main(["plan", *SEVEN, "evolution.iterations=1", *words]) == 0
    assert f"\nCard: {card}; another one: forecast.gpu=NAME (" in capsys.readouterr().out
    assert cli.main(["plan", *SEVEN, "evolution.iterations=1", *words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["forecast"]["card"] == card


def test_plan_without_gpus_counts_no_gpu_hours(capsys):
    assert cli.main(["plan", "evolution.iterations=1"]) == 0
    text = capsys.readouterr().out
    assert "iter_01/solver" in text and "Faster" not in text and "Card:" not in text
    found = hours.hours(schema.load([]), plan(schema.load([])))
    assert found.gpu_hours == 0 and found.seconds > 0


def test_a_model_without_sizes_has_no_forecast():
    config = schema.load([*SEVEN, "model.architecture=null"])
    assert hours.hours(config, plan(config)) is None
    assert "model.architecture" in hours.table(None, plan(config)) and hours.plain(None, []) is None


def finished(folder, config, solver_s=10.0, wall_s=300.0):
    """A run folder with one finished Solver stage of two steps, `solver_s` each, half of it in gen."""
    step = folder / "iter_01" / "solver"
    step.mkdir(parents=True)
    timing = {"timing_s/step": solver_s, "timing_s/gen": solver_s / 2, "timing_s/update_actor": solver_s / 4}
    lines = [{"step": number, "data": timing | {"response_length/mean": 500.0}} for number in (1, 2)]
    (step / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    collected = folder / "iter_01" / "collect_solver"
    collected.mkdir()
    (collected / "progress.jsonl").write_text('{"time": 100.0}\n{"time": 160.0}\n')
    coder = folder / "iter_01" / "collect_coder"
    coder.mkdir()
    passes = (
        ("collect_coder", 0.0),
        ("collect_coder", 30.0),
        ("collect_coder captions", 30.0),
        ("collect_coder captions", 30.5),
        ("collect_coder variance", 31.0),
        ("collect_coder variance", 51.0),
        ("collect_coder captions", 51.0),  # of the accepted rows
        ("collect_coder captions", 52.5),
    )
    (coder / "progress.jsonl").write_text("".join(json.dumps({"phase": p, "time": t}) + "\n" for p, t in passes))
    (coder / "step.yaml").write_text(
        "inputs: {proposer: p, coder: base, solver: base}"
    )  # two roles share their servers
    (coder / "summary.json").write_text('{"kept_by": {"window": 264, "variance": 936}, "attempts": 13200}')
    records = {
        "iter_01/solver": {"status": "done", "seconds": wall_s},
        "iter_01/collect_solver": {"status": "done", "seconds": 90.0},
        "iter_01/collect_coder": {"status": "done", "seconds": 60.0},
        "iter_01/coder": {"status": "failed", "seconds": 5.0},
    }
    (folder / "state.json").write_text(json.dumps({"steps": records}))
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(config, resolve=True))
    return folder


def test_measurements_replace_the_constants(tmp_path):
    config = schema.load([*SEVEN, "stage.steps=2", "verify.caption=true"])
    folder = finished(tmp_path / "run", config)
    again = schema.load(
        [*SEVEN, "stage.steps=2", "verify.caption=true", "evolution.iterations=1", f"forecast.run={folder}"]
    )
    found = hours.hours(again, plan(again)).forecasts
    solver = found["iter_01/solver"]
    assert solver.step_s == pytest.approx(10.0) and solver.phases["gen"] == pytest.approx(5.0)
    assert solver.phases["update_actor"] == pytest.approx(2.5) and solver.startup_s == pytest.approx(280.0)
    assert found["iter_01/collect_solver"].step_s == pytest.approx(60.0)
    assert found["iter_01/collect_solver"].seconds == pytest.approx(90.0)
    coder = found["iter_01/collect_coder"]  # 2% pass the window, so the pass by variance runs
    assert coder.phases == pytest.approx({"rows": 30.0, "variance": 20.0, "captions": 2.0})
    assert coder.startup_s == pytest.approx(8.0)
    assert measured.of_config(again).acceptance == pytest.approx(0.02)
    # A training stage that was not measured takes the factors of the one that was.
    plain = hours.hours(config, plan(config)).forecasts["iter_01/coder"]
    assert found["iter_01/coder"].startup_s == pytest.approx(plain.startup_s * 280 / 240)
    assert measured.of_config(again).response == {"solver": 500.0}


def test_a_run_of_before_a_key_was_there_can_be_read(tmp_path):
    config = schema.load([*SEVEN, "stage.steps=2"])
    folder = finished(tmp_path / "run", config)
    whole = measured.of_run(folder, config)
    plain = OmegaConf.to_container(config, resolve=True)
    del plain["forecast"], plain["proposer"]["overlap"], plain["verify"]
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(plain))
    later = schema.load([*SEVEN, "stage.steps=2", "proposer.overlap=1"])  # that run had none
    assert measured.of_run(folder, later) == whole


def test_a_run_on_another_card_says_so(tmp_path):
    folder = finished(tmp_path / "run", schema.load([*SEVEN]))
    with pytest.raises(ConfigError, match="measured on h100, this plan is for a100_80"):
        measured.of_config(schema.load([*SEVEN, "forecast.gpu=a100_80", f"forecast.run={folder}"]))
    with pytest.raises(ConfigError, match="no run folder"):
        measured.of_config(schema.load([*SEVEN, f"forecast.run={tmp_path}"]))
    (folder / "state.json").write_text('{"steps": {}}')
    with pytest.raises(ConfigError, match="no finished step"):
        measured.of_config(schema.load([*SEVEN, f"forecast.run={folder}"]))


def test_only_the_first_stage_of_a_run_waits_for_the_warm_server(tmp_path):
    config = schema.load(["stage.steps=2"])
    steps = plan(config)
    planned = hours.hours(config, steps).forecasts
    usual, warm = cpu().train_startup_s, cpu().warm_s
    later = [one.startup_s for one in list(planned.values())[1:] if one.steps]
    assert planned[steps[0].id].startup_s == usual + warm and set(later) == {usual}
    assert hours.note(config, steps[0], tmp_path).startup_s == usual + warm
    folder = finished(tmp_path / "run", config, solver_s=8.0, wall_s=16.0 + usual + warm)  # as predicted
    assert hours.note(config, steps[2], folder).startup_s == pytest.approx(usual)


def test_prediction_is_written_before_a_step_and_shown_after_it(tmp_path):
    config = schema.load(["stage.steps=2"])
    folder = finished(tmp_path / "run", config, solver_s=8.0, wall_s=50.0)
    (folder / "iter_01" / "solver" / "summary.json").write_text("{}")
    steps = {step.id: step for step in plan(config)}
    first = hours.note(config, steps["iter_01/solver"], folder)  # of this run's own measurements
    usual, warm = cpu().train_startup_s, cpu().warm_s  # the finished one has started the warm server
    assert first.seconds == pytest.approx(16.0 + 34.0 * usual / (usual + warm))
    hours.note(config, steps["iter_02/solver"], folder)
    noted = json.loads((folder / "forecast.json").read_text())
    assert list(noted) == ["iter_01/solver", "iter_02/solver"]
    noted["iter_01/solver"]["seconds"] = 40.0
    (folder / "forecast.json").write_text(json.dumps(noted))
    (pair,) = forecasts.pairs(read_run(folder))
    assert (pair.predicted_s, pair.measured_s, pair.ratio) == (40.0, 50.0, 0.8)
    assert (pair.predicted_step_s, pair.measured_step_s) == (8.0, 8.0)
    shown = card.card(read_run(folder), {}, [], [], [], [], [])
    assert "| 1 Solver | 40.0 s | 50.0 s | 0.80 | 8.0 s | 8.0 s |" in shown
    (folder / "forecast.json").unlink()
    assert "Nothing was predicted" in card.card(read_run(folder), {}, [], [], [], [], [])
