"""The loop's bookkeeping: what is skipped, continued, refused or run again. Stages here are a script that writes the
files a stage writes; the real engine is in tests/e2e."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipe.mmzero.run import loop, plan
from recipe.mmzero.run.processes import supervise, tree
from recipe.mmzero.run.record import checkpoints, journal, provenance
from recipe.mmzero.settings import schema
from tests.support.scripted import FAKE_STAGE, Scripts


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
    monkeypatch.setattr(supervise, "POLL_S", 0.02)
    run_dir, services = tmp_path / "run", Scripts(script)

    def config(*overrides: str):
        fast = ["evolution.iterations=1", "evolution.kill_grace_s=0.5"]
        return schema.load([f"run_dir={run_dir}", f"model.path={base}", *fast, *overrides])

    def run(*overrides: str, **options) -> int:
        return loop.run(config(*overrides), services=services, **options)

    run.dir, run.base, run.tmp, run.services, run.config = run_dir, base, tmp_path, services, config
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


def test_output_that_is_missing_fails_the_step(world, capsys):
    world.services.command = lambda step, description: [sys.executable, "-c", "print('done, says the stage')"]
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

    monkeypatch.setattr(os, "fsync", full)
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
from pathlib import Path
from recipe.mmzero import cli
from recipe.mmzero.run import loop
from tests.support.scripted import Scripts
loop.Services = lambda: Scripts(Path({str(world.services.script)!r}))
words = ["run_dir={world.dir}", "model.path={world.base}", "evolution.iterations=1", "evolution.kill_grace_s=0.5"]
raise SystemExit(cli.main(["run", *words]))
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "iter_01/coder: starting" in line:
            break
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    record = journal.read(world.dir / "state.json")["iter_01/coder"]
    assert (record.status, record.exit_cause) == ("failed", "interrupted by the user")
    assert 0.4 < record.seconds <= record.ended - record.started + 0.1, "the time of the attempt counts"
    monkeypatch.delenv("FAKE_iter_01_coder")
    ran(world)
    assert world() == 0
    assert ran(world) == ALL[2:]


def test_a_process_that_does_not_end_ends_the_run_and_stops_the_next_one(world, monkeypatch, capsys):
    """No step begins beside it, and its card; when it is gone, the step goes on where it was."""
    end = tree.end_step

    def stuck(*args, **options):
        end(*args, **options)
        raise tree.NotEnded("process 7 (D) does not end after SIGKILL; see dmesg")

    monkeypatch.setattr(tree, "end_step", stuck)
    log = world.dir / "logs" / "iter_01-proposer.attempt01.log"
    assert world(until="iter_01/proposer") == loop.FAILED
    said = capsys.readouterr().err
    assert said == f"error: iter_01/proposer: process 7 (D) does not end after SIGKILL; see dmesg; log: {log}\n"
    record = journal.read(world.dir / "state.json")["iter_01/proposer"]
    assert record.status == "running" and "process 7 (D)" in record.exit_cause and record.seconds > 0
    assert ran(world) == ["01/proposer"]
    os.utime(log, (time.time() + 5000,) * 2)  # what a second look at the time of the attempt would count

    assert world(until="iter_01/proposer") == loop.FAILED
    assert capsys.readouterr().err == "error: process 7 (D) does not end after SIGKILL; see dmesg\n"
    assert ran(world) == []
    assert journal.read(world.dir / "state.json")["iter_01/proposer"] == record

    monkeypatch.setattr(tree, "end_step", end)
    assert world(until="iter_01/proposer") == 0
    assert ran(world) == ["01/proposer"]
    assert journal.read(world.dir / "state.json")["iter_01/proposer"].seconds < 1000, "the first attempt counts once"


def test_alarm_stops_the_run(world, monkeypatch, capsys):
    from recipe.mmzero.report.alarms import check as alarms

    alarm = alarms.Alarm("leak", "iter_01/proposer", 1, "proposer", 0.5, 0.1, "alarms.leak", "half of it leaks")
    monkeypatch.setattr(alarms, "check_step", lambda step_dir, config: [alarm])
    assert world("alarms.on_alarm=stop") == loop.ALARMED
    assert "stopped by leak" in capsys.readouterr().err
    assert world() == 0, "running again goes on"


# -- a refusal changes nothing


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a run folder but the lock, which names whoever works on it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock"
    }


@pytest.mark.parametrize(
    "words, options",
    [
        (["seed=99", "solver.label_votes=20"], {}),
        (["seed=99"], {"from_step": "iter_01/solver"}),  # earlier steps do not match
        (["evolution.iterations=1"], {}),  # nothing to do
        (["solver.train.rollouts=6"], {"until": "iter_01/coder"}),  # what changed is not reached
    ],
)
def test_a_run_that_does_nothing_leaves_the_folder_as_it_was(world, words, options):
    assert world() == 0
    before = files(world.dir)
    assert world(*words, **options) in (0, loop.UNUSABLE)
    assert files(world.dir) == before


def test_settings_are_compared_before_the_first_step_runs(world, capsys):
    """A mismatch of a later step must not be found after the hours of an earlier one."""
    assert world() == 0
    ran(world)
    with journal.Journal(world.dir) as opened:  # the first step is to be made again, the last one does not match
        del opened.records["iter_01/proposer"]
        opened.save()
    shutil.rmtree(world.dir / "iter_01" / "proposer")
    before = files(world.dir)
    assert world("solver.train.rollouts=6") == loop.UNUSABLE
    assert ran(world) == [] and files(world.dir) == before
    assert "iter_01/solver: settings changed: solver.train.rollouts: 8 -> 6" in capsys.readouterr().err


def test_config_is_that_of_the_steps_and_versions_are_each_steps(world, monkeypatch):
    monkeypatch.setattr(provenance, "installed", lambda: {"torch": "1.0", "verl": "9"})
    assert world(until="iter_01/coder") == 0
    monkeypatch.setattr(provenance, "installed", lambda: {"torch": "2.0", "verl": "9"})
    assert world("solver.train.rollouts=6") == 0
    assert "rollouts: 6" in (world.dir / "config.yaml").read_text()
    records = journal.read(world.dir / "state.json")
    assert [record.versions["torch"] for record in records.values()] == ["1.0", "1.0", "1.0", "2.0", "2.0"]


def test_versions_of_an_earlier_journal_are_kept(world):
    assert world(until="iter_01/proposer") == 0
    path = world.dir / "state.json"
    document = json.loads(path.read_text())
    del document["steps"]["iter_01/proposer"]["versions"]
    path.write_text(json.dumps(document | {"versions": {"verl": "0.9.0"}}))
    assert world() == 0
    assert journal.read(path)["iter_01/proposer"].versions == {"verl": "0.9.0"}


# -- what a run says about itself


def test_only_a_whole_run_says_that_all_is_done(world, capsys):
    assert world(until="iter_01/coder") == 0
    said = capsys.readouterr().out
    assert "3 of 5 steps done" in said and "all steps done" not in said
    assert world() == 0
    assert "all steps done" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["from_step", "until"])
def test_an_empty_step_is_an_error(world, option):
    with pytest.raises(schema.ConfigError, match="no step ''"):
        world(**{option: ""})
    assert not world.dir.exists()


def test_until_before_from_is_an_error(world):
    with pytest.raises(schema.ConfigError, match="--until iter_01/proposer comes before --from iter_01/coder"):
        world(from_step="iter_01/coder", until="iter_01/proposer")


def test_time_of_an_attempt_whose_loop_was_killed_counts(world, capsys):
    assert world(until="iter_01/proposer") == 0
    with journal.Journal(world.dir) as opened:
        record = opened.records["iter_01/proposer"]
        record.status, record.seconds, record.began = "running", 10.0, time.time() - 50
        opened.save()
    log = world.dir / "logs" / "iter_01-proposer.attempt01.log"
    os.utime(log, (time.time() - 20,) * 2)  # its last line came 30 s after the attempt began
    assert world(until="iter_01/proposer") == 0
    assert journal.read(world.dir / "state.json")["iter_01/proposer"].seconds == pytest.approx(40, abs=3)


# -- checkpoints of a finished stage


CHECKPOINTS = """
import os, pathlib, runpy, sys
text = pathlib.Path(sys.argv[1]).read_text()
folder = pathlib.Path(sys.argv[1]).parent / "checkpoints" / "global_step_4" / "actor"
if "--collect" not in sys.argv:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "optim_world_size_1_rank_0.pt").write_bytes(b"x" * 1000)
runpy.run_path(os.environ["FAKE_STAGE"], run_name="__main__")
"""


@pytest.mark.parametrize("keep, there", [("hf", False), ("all", True)])
def test_a_finished_stage_keeps_what_the_key_says(world, monkeypatch, keep, there):
    monkeypatch.setenv("FAKE_STAGE", str(world.services.script))
    world.services.script = world.tmp / "with_checkpoints.py"
    world.services.script.write_text(CHECKPOINTS)
    assert world(f"stage.keep={keep}") == 0
    for role in ("proposer", "coder", "solver"):
        step = world.dir / "iter_01" / role
        assert (step / "checkpoints").exists() == there and (step / "hf" / "model.safetensors").exists()
    assert world(f"stage.keep={keep}") == 0, "what was removed is not missed"


def test_checkpoints_stay_until_the_journal_has_the_step(world, monkeypatch):
    """A stage whose outputs are refused continues from its checkpoint."""
    monkeypatch.setenv("FAKE_STAGE", str(world.services.script))
    world.services.script = world.tmp / "with_checkpoints.py"
    world.services.script.write_text(CHECKPOINTS + "\nos.truncate(folder.parents[2] / 'hf' / 'model.safetensors', 9)\n")
    assert world(until="iter_01/proposer") == loop.FAILED
    assert (world.dir / "iter_01" / "proposer" / "checkpoints" / "global_step_4").is_dir()


# -- a starved collection goes on


COLLECT = """
import os, sys
from pathlib import Path
from omegaconf import OmegaConf
from recipe.mmzero.engine.collect import CollectError
from recipe.mmzero.engine.collect.settings import from_config
from tests.support.collect_sim import SimRender, peers, run
step = OmegaConf.load(sys.argv[1])
stage = "collect_" + step.role
clients = peers()
try:
    run(stage, Path(step.step_dir), from_config(step.config, stage), clients, SimRender(), seed=step.config.seed)
except CollectError as error:
    print(f"error: {error}")
    sys.exit(2)
finally:
    with open(os.environ["ASKED"], "a") as out:
        out.write(f"{clients['proposer'].requests}\\n")
"""
SMALL_UPDATE = ("coder.train.prompts_per_step=4", "coder.train.prompts_per_update=4", "coder.filter.mode=window")


@pytest.mark.parametrize(
    "remedy",
    [
        ["coder.filter.min_rows=4"],
        ["coder.filter.attempt_budget=90", "coder.filter.target_rows=25"],
        ["coder.filter.window=[0.0,1.0]"],
    ],
)
def test_the_remedy_of_a_starved_collection_uses_its_shards(world, monkeypatch, capsys, remedy):
    asked = world.tmp / "asked.txt"
    monkeypatch.setenv("ASKED", str(asked))
    assert world(*SMALL_UPDATE, until="iter_01/proposer") == 0
    world.services.script = world.tmp / "collect.py"
    world.services.script.write_text(COLLECT)
    starved = [*SMALL_UPDATE, "coder.filter.attempt_budget=60", "coder.filter.min_rows=23"]
    collect = world.dir / "iter_01" / "collect_coder"
    assert world(*starved, until="iter_01/collect_coder") == loop.FAILED
    assert "fewer than min_rows=23" in capsys.readouterr().err
    shards = {path: path.read_bytes() for path in (collect / "shards").glob("rows_*.jsonl")}
    assert shards and asked.read_text().split() == ["60"]

    assert world(*starved, *remedy, until="iter_01/collect_coder") == 0
    assert {path: path.read_bytes() for path in shards} == shards, "the shards stay where they are"
    assert not (world.dir / "replaced").exists()
    budget = 90 if "coder.filter.attempt_budget=90" in remedy else 60
    assert int(asked.read_text().split()[1]) <= budget - 60, "proposals that were collected are not asked again"
    assert world(*starved, *remedy, "coder.filter.min_rows=5", until="iter_01/collect_coder") == loop.UNUSABLE, (
        "of a finished collection the selection is what it was made with"
    )


def test_an_unfinished_collection_refuses_other_rows(world, monkeypatch, capsys):
    monkeypatch.setenv("FAKE_iter_01_collect_coder", "fail")
    assert world("evolution.max_attempts=1") == loop.FAILED
    capsys.readouterr()
    assert world("render.max_elements=7", "coder.filter.min_rows=9") == loop.UNUSABLE
    said = capsys.readouterr().err
    assert "settings changed: render.max_elements: 5000 -> 7;" in said and "min_rows" not in said


def test_a_stage_is_predicted_before_and_compared_after(world, monkeypatch, capsys):
    """Its forecast stands in the folder before it starts, and a long stage is followed by a report of its own."""
    reported = []
    monkeypatch.setattr(type(world.services), "report", lambda self, run_dir: reported.append(len(ran(world))))
    monkeypatch.setattr(loop, "REPORT_AFTER_S", 0.0)
    assert world(until="iter_01/coder") == 0
    assert reported == [1, 1, 1]
    noted = json.loads((world.dir / "forecast.json").read_text())
    assert list(noted) == [f"iter_{name}" for name in ALL[:3]] and all(one["seconds"] > 0 for one in noted.values())
    said = capsys.readouterr().out
    assert f"s (predicted {noted['iter_01/proposer']['seconds']:.0f} s)" in said


def test_what_a_stage_made_is_on_the_disk_before_its_checkpoints_go(world, monkeypatch):
    """After a power cut there is a journal that says done only beside whole weights."""
    monkeypatch.setenv("FAKE_STAGE", str(world.services.script))
    world.services.script = world.tmp / "with_checkpoints.py"
    world.services.script.write_text(CHECKPOINTS)
    happened, sync, remove = [], os.fsync, checkpoints.remove_all

    def synced(descriptor):
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        happened.append(str(path.relative_to(world.dir)))
        if path.name == "state.json.part":
            steps = json.loads(path.read_text(encoding="utf-8"))["steps"]
            happened[-1] = f"journal: {[name for name, record in steps.items() if record['status'] == 'done']}"
        sync(descriptor)

    def removed(folder):
        happened.append("checkpoints go")
        assert folder.is_dir(), "there are none, so this tests nothing"
        remove(folder)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(checkpoints, "remove_all", removed)
    assert world(until="iter_01/proposer") == 0
    end = happened.index("journal: ['iter_01/proposer']")
    made = {"hf/model.safetensors", "hf/config.json", "hf", "metrics.jsonl", "summary.json", ""}
    wanted = {"iter_01", *(f"iter_01/proposer/{name}".rstrip("/") for name in made)}
    assert wanted <= set(happened[:end])
    assert happened.index("iter_01/proposer/hf/model.safetensors") < happened.index("iter_01/proposer/hf")
    assert happened.index("checkpoints go") > end
