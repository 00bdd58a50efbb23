"""The loop's bookkeeping: what is skipped, continued, refused or run again. Stages here are a script that writes the
files a stage writes; the real engine is in tests/e2e."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipe.mmzero.machine import doctor
from recipe.mmzero.run import loop, plan
from recipe.mmzero.run.processes import supervise
from recipe.mmzero.run.record import journal
from recipe.mmzero.settings import schema

FAKE_STAGE = """
import hashlib, json, os, re, struct, sys, time
from pathlib import Path

def model(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    body = hashlib.sha256(text.encode()).digest()
    head = json.dumps({"w": {"dtype": "U8", "shape": [32], "data_offsets": [0, 32]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + body)
    (folder / "config.json").write_text("{}")

text = Path(sys.argv[1]).read_text()  # YAML without a YAML library: this script starts a hundred times
step = {name: re.search(f"^{name}: (.*)$", text, re.M)[1] for name in ("id", "attempt", "step_dir")}
seed = re.search("^  seed: (.*)$", text, re.M)[1]
inputs = re.findall("^  [a-z]+: (.*)$", text[text.index("inputs:") : text.index("config:")], re.M)
out = Path(step["step_dir"])
with (out.parent.parent / "ran.txt").open("a") as log:
    log.write(step["id"] + "\\n")
behaviour = os.environ.get("FAKE_" + step["id"].replace("/", "_"), "")
if behaviour == "fail" or (behaviour == "fail_once" and step["attempt"] == "1"):
    print("ValueError: planted failure")
    sys.exit(1)
if behaviour == "unusable":
    print(f"error: {step['id']}: planted bad input")
    sys.exit(2)
if behaviour == "sleep":
    time.sleep(600)
content = [Path(p, "model.safetensors").read_bytes().hex() if Path(p).is_dir() else "" for p in inputs]
if "--collect" in sys.argv:
    (out / "train.parquet").write_bytes(Path(__file__).with_name("rows.parquet").read_bytes())
    (out / "images").mkdir(exist_ok=True)
else:
    model(out / "hf", step["id"] + seed + "".join(content))
    (out / "metrics.jsonl").write_text(json.dumps({"step": 1, "data": {"a": 1.0}}) + "\\n")
(out / "summary.json").write_text(json.dumps({"role": "x"}) + "\\n")
"""


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A base folder, a script in place of the stages, and a function that runs the loop."""
    script = tmp_path / "stage.py"
    script.write_text(FAKE_STAGE)
    pq.write_table(pa.table({"x": [1]}), tmp_path / "rows.parquet")
    base = tmp_path / "base"
    base.mkdir()
    (base / "model.safetensors").write_bytes(b"base")
    (base / "config.json").write_text("{}")
    monkeypatch.setattr(loop, "base_folder", lambda config: base)
    monkeypatch.setattr(doctor, "require", lambda config: None)
    monkeypatch.setattr(supervise, "POLL_S", 0.02)
    monkeypatch.setattr(loop.Evolution, "_held_out", lambda self, solver: None)
    monkeypatch.setattr(loop.Evolution, "_report", lambda self: None)
    monkeypatch.setattr(loop.Evolution, "_environment", lambda self: supervise.stage_environment())

    def command(kind: str, step_file: Path) -> list[str]:
        return [sys.executable, str(script), str(step_file), *(["--collect"] if kind == "collect" else [])]

    monkeypatch.setattr(supervise, "command", command)
    run_dir = tmp_path / "run"

    def run(*overrides: str, **options) -> int:
        words = [f"run_dir={run_dir}", "evolution.iterations=1", "evolution.kill_grace_s=0.5", *overrides]
        return loop.run(schema.load(words), **options)

    run.dir, run.base, run.tmp = run_dir, base, tmp_path
    return run


def ran(world) -> list[str]:
    path = world.dir / "ran.txt"
    lines = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return [line.removeprefix("iter_") for line in lines]


ALL = [f"01/{stage}" for stage in plan.STAGES]


def test_runs_everything_once_then_nothing(world):
    assert world() == 0
    assert ran(world) == ALL
    assert world() == 0
    assert ran(world) == []


def test_more_iterations_continue(world):
    assert world() == 0
    ran(world)
    assert world("evolution.iterations=2") == 0
    assert ran(world) == [f"02/{stage}" for stage in plan.STAGES]


def test_until_and_from(world):
    assert world(until="iter_01/coder") == 0
    assert ran(world) == ALL[:3]
    assert world(from_step="iter_01/coder", until="iter_01/coder") == 0
    assert ran(world) == ["01/coder"], "a finished step that --from names is run again"
    assert world() == 0
    assert ran(world) == ALL[3:]
    assert (world.dir / "replaced" / "iter_01-coder.1" / "hf").is_dir(), "the replaced folder is kept"


def test_from_runs_what_depends_on_a_changed_output(world):
    assert world() == 0
    ran(world)
    (world.dir / "iter_01" / "coder" / "step.yaml").touch()
    assert world(from_step="iter_01/collect_coder") == 0
    # the rerun makes the same rows, so nothing that depends on them has to be made again
    assert ran(world) == ["01/collect_coder"]


def test_from_needs_what_comes_before(world, capsys):
    assert world(from_step="iter_01/coder") == loop.UNUSABLE
    assert "iter_01/proposer is not done" in capsys.readouterr().err


def test_unknown_step_names_the_steps(world):
    with pytest.raises(schema.ConfigError, match=r"no step 'iter_09/x'.*iter_01/proposer"):
        world(from_step="iter_09/x")


@pytest.mark.parametrize(
    "change, message",
    [
        (["seed=1"], "settings changed: seed: 0 -> 1"),
        (["proposer.train.rollouts=8"], "proposer.train.rollouts: 4 -> 8"),
    ],
)
def test_changed_settings_are_refused_with_the_difference_and_the_ways_out(world, capsys, change, message):
    assert world() == 0
    ran(world)
    assert world(*change) == loop.UNUSABLE
    said = capsys.readouterr().err
    assert message in said and "--on-mismatch=redo" in said and "--on-mismatch=new" in said
    assert len(said.strip().splitlines()) == 1
    assert ran(world) == []


def test_settings_of_a_later_stage_do_not_touch_earlier_ones(world):
    assert world(until="iter_01/coder") == 0
    ran(world)
    assert world("solver.train.rollouts=6") == 0
    assert ran(world) == ALL[3:]


def test_layout_watchdog_and_dumps_decide_nothing(world):
    assert world() == 0
    ran(world)
    assert world("watchdog.step_s=77", "dump.samples_per_step=1", "stage.save_every=1") == 0
    assert ran(world) == []


def test_redo_runs_the_step_and_what_depends_on_it(world):
    assert world() == 0
    ran(world)
    assert world("solver.filter.min_rows=9", "evolution.on_mismatch=redo") == 0
    # collect_solver is made again; its rows are the same, so the Solver's input did not change
    assert ran(world) == ["01/collect_solver"]


def test_new_starts_beside_it(world, capsys):
    assert world() == 0
    ran(world)
    assert world("seed=1", "evolution.on_mismatch=new") == 0
    assert (world.tmp / "run-2" / "state.json").exists()
    assert json.loads((world.dir / "state.json").read_text())["steps"]["iter_01/solver"]["status"] == "done"


DAMAGE = [
    ("iter_01/proposer/hf/model.safetensors", "flip", "was changed after it was made"),
    ("iter_01/proposer/hf/model.safetensors", "cut", "is damaged"),
    ("iter_01/proposer/hf/model.safetensors", "remove", "holds no weights"),
    ("iter_01/collect_coder/train.parquet", "cut", "is damaged"),
    ("iter_01/collect_coder/train.parquet", "remove", "is missing"),
    ("iter_01/coder/summary.json", "cut", "is not JSON"),
]


@pytest.mark.parametrize("name, how, message", DAMAGE)
def test_damaged_or_missing_artifacts_are_refused(world, capsys, name, how, message):
    assert world() == 0
    path = world.dir / name
    data = path.read_bytes()
    if how == "remove":
        path.unlink()
    else:
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]) if how == "flip" else data[: len(data) // 2])
    capsys.readouterr()
    assert world() == loop.UNUSABLE
    said = capsys.readouterr().err
    assert message in said and "--on-mismatch=redo" in said, said
    assert world("evolution.on_mismatch=redo") == 0


def test_a_changed_base_is_noticed(world, capsys):
    assert world() == 0
    (world.base / "model.safetensors").write_bytes(b"another")
    assert world() == loop.UNUSABLE
    assert "input policy (base) is not the one" in capsys.readouterr().err


def test_foreign_folder_is_refused(world, capsys):
    world.dir.mkdir()
    (world.dir / "thesis.txt").write_text("mine")
    assert world() == loop.UNUSABLE
    assert "is not a run folder" in capsys.readouterr().err
    assert [path.name for path in world.dir.iterdir()] == ["thesis.txt"]


def test_folder_of_an_unknown_step_is_refused(world, capsys):
    assert world(until="iter_01/proposer") == 0
    stray = world.dir / "iter_01" / "collect_coder"
    stray.mkdir()
    (stray / "train.parquet").write_bytes(b"?")
    assert world() == loop.UNUSABLE
    assert "the journal does not know it" in capsys.readouterr().err


def test_failed_step_is_tried_again_and_counted(world, monkeypatch):
    monkeypatch.setenv("FAKE_iter_01_coder", "fail_once")
    assert world() == 0
    assert ran(world) == [*ALL[:3], "01/coder", *ALL[3:]]
    assert journal.read(world.dir / "state.json")["iter_01/coder"].attempts == 2


def test_attempts_are_limited_and_the_cause_is_shown(world, monkeypatch, capsys):
    monkeypatch.setenv("FAKE_iter_01_coder", "fail")
    assert world("evolution.max_attempts=2") == loop.FAILED
    assert ran(world) == [*ALL[:3], "01/coder"]
    said = capsys.readouterr().err
    assert "iter_01/coder failed: ValueError: planted failure (exit code 1)" in said
    assert "iter_01-coder.attempt02.log" in said
    record = journal.read(world.dir / "state.json")["iter_01/coder"]
    assert record.status == "failed" and "planted failure" in record.exit_cause


def test_unusable_input_is_not_tried_again(world, monkeypatch, capsys):
    monkeypatch.setenv("FAKE_iter_01_collect_coder", "unusable")
    assert world() == loop.FAILED
    assert ran(world) == ALL[:2]
    assert "planted bad input" in capsys.readouterr().err


def test_output_that_is_missing_fails_the_step(world, monkeypatch, capsys):
    monkeypatch.setattr(
        supervise, "command", lambda kind, file: [sys.executable, "-c", "print('done, says the stage')"]
    )
    assert world() == loop.FAILED
    assert "ended without an error, but" in capsys.readouterr().err


def test_two_runs_on_one_folder(world, capsys):
    world.dir.mkdir()
    with journal.Journal(world.dir):
        assert world() == loop.UNUSABLE
    assert f"another run works on {world.dir} (process {os.getpid()})" in capsys.readouterr().err


def test_damaged_journal(world, capsys):
    assert world(until="iter_01/proposer") == 0
    (world.dir / "state.json").write_text('{"format": 1, "steps"')
    assert world() == loop.UNUSABLE
    assert "state.json is damaged" in capsys.readouterr().err


def test_read_only_folder_and_full_disk_are_one_line(world, capsys, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device", str(world.dir / "state.part"))

    monkeypatch.setattr(journal.os, "fsync", full)
    assert world() == loop.FAILED
    said = capsys.readouterr().err
    assert "No space left on device" in said and len(said.strip().splitlines()) == 1


def test_hung_step_is_ended_and_tried_again(world, monkeypatch, capsys):
    monkeypatch.setenv("FAKE_iter_01_proposer", "sleep")
    assert world("watchdog.startup_s=2", "evolution.max_attempts=1") == loop.FAILED
    said = re.search(r"no sign of life for (\d+) s \(watchdog\.startup_s=2\)", capsys.readouterr().err)
    assert 2 <= int(said[1]) <= 5, "the limit, and what a busy machine adds to it"


def test_interrupt_is_recorded_and_continues(world, monkeypatch):
    monkeypatch.setenv("FAKE_iter_01_coder", "sleep")
    code = f"""
import pathlib
from recipe.mmzero import cli
from recipe.mmzero.run import loop
from recipe.mmzero.run.processes import supervise
loop.base_folder = lambda config: pathlib.Path({str(world.base)!r})
def command(kind, file):
    collect = ["--collect"] if kind == "collect" else []
    return [{sys.executable!r}, {str(world.tmp / "stage.py")!r}, str(file), *collect]
supervise.command = command
loop.Evolution._environment = lambda self: supervise.stage_environment()
raise SystemExit(cli.main(["run", "run_dir={world.dir}", "evolution.iterations=1", "evolution.kill_grace_s=0.5"]))
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "iter_01/coder: starting" in line:
            break
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    record = journal.read(world.dir / "state.json")["iter_01/coder"]
    assert (record.status, record.exit_cause) == ("failed", "interrupted by the user")
    monkeypatch.delenv("FAKE_iter_01_coder")
    ran(world)
    assert world() == 0
    assert ran(world) == ALL[2:]


def test_alarm_stops_the_run(world, monkeypatch, capsys):
    from recipe.mmzero.report.alarms import check as alarms

    alarm = alarms.Alarm("leak", "iter_01/proposer", 1, "proposer", 0.5, 0.1, "alarms.leak", "half of it leaks")
    monkeypatch.setattr(alarms, "check_step", lambda step_dir, config: [alarm])
    assert world("alarms.on_alarm=stop") == loop.ALARMED
    assert "stopped by leak" in capsys.readouterr().err
    assert world() == 0, "running again goes on"
