"""`mmzero status` on finished, running, interrupted and damaged run folders; it never needs the run's lock."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time

import psutil
import pytest

from recipe.mmzero.cli import main as mmzero
from recipe.mmzero.run.record.journal import Journal, JournalError, Record
from recipe.mmzero.run.record.lock import owner
from recipe.mmzero.run.status import view as status
from recipe.mmzero.run.status.snapshot import look
from tests.support.synthetic import Shape, make_run

SMALL = Shape(iterations=2, steps=6, samples=4, rows=8, pictures=2)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("status") / "run", shape=SMALL)


@pytest.fixture
def running(finished, tmp_path):
    """iter_02/coder in its second attempt, three of six steps done."""
    run = shutil.copytree(finished, tmp_path / "run")
    with Journal(run) as journal:
        for name in ("iter_02/collect_solver", "iter_02/solver"):
            del journal.records[name]
            shutil.rmtree(run / name)
        journal.records["iter_02/coder"] = Record("running", attempts=2, started=time.time() - 100)
        journal.save()
    metrics = run / "iter_02/coder/metrics.jsonl"
    half = metrics.read_text().splitlines(keepends=True)[:3]
    (run / "iter_02/coder/metrics.attempt01.jsonl").write_text("".join(half))
    metrics.unlink()
    (run / "lock").write_text(f"{os.getpid()}\n")
    return run


def test_finished(finished):
    shown = look(finished)
    assert shown.finished and shown.done == 10 and shown.current is None and shown.following == ""
    assert shown.notes == [] and shown.error is None and shown.alarm is None
    assert set(shown.rewards) == {"proposer", "coder", "solver"}
    assert status.lines(shown)[0] == f"{finished}: 10 of 10 steps done"


def test_running(running):
    with Journal(running):  # a run holds the lock
        shown = look(running)
    assert [s for _, s in shown.steps] == ["done"] * 7 + ["running"] + ["waiting"] * 2
    now = shown.current
    assert (now.id, now.done, now.total, now.unit) == ("iter_02/coder", 3, 6, "steps")
    assert now.rate == pytest.approx(60 / 90) and now.eta_s == pytest.approx(3 * 90)
    assert 99 < now.seconds < 160 and now.sign_age_s < 60
    assert shown.following == "iter_02/collect_solver"
    assert shown.remaining_s == pytest.approx(3 * 90 + 2 * 500)  # finished stages took 500 s each
    assert shown.gone == ""
    text = "\n".join(status.lines(shown))
    assert "running iter_02/coder  2 attempts  step 3/6  reward" in text
    assert "next: iter_02/collect_solver" in text


def test_running_collection(running):
    step = running / "iter_02" / "collect_solver"
    step.mkdir()
    line = {"time": time.time(), "phase": "collect_solver", "done": 30, "total": 96, "unit": "rows", "accepted": 12}
    line |= {"target": None, "dropped": 0, "rows_per_min": 44.0, "eta_s": 90.0, "requests": {"drawn": 30}}
    (step / "progress.jsonl").write_text(json.dumps(line) + "\n" + json.dumps(line)[:40])  # half a line
    with Journal(running) as journal:
        journal.records["iter_02/coder"].status = "done"
        journal.records["iter_02/collect_solver"] = Record("running", attempts=1, started=time.time())
        journal.save()
    now = look(running).current
    assert (now.id, now.done, now.total, now.rate, now.eta_s) == ("iter_02/collect_solver", 30, 96, 44.0, 90.0)
    assert now.line == "30/96 rows  12 accepted  44.0 rows/min  ETA 0:01:30"


def test_step_that_has_written_nothing(running):
    shutil.rmtree(running / "iter_02" / "coder")
    now = look(running).current
    assert (now.done, now.rate, now.eta_s, now.sign_age_s, now.line) == (0, None, None, None, "starting")


def test_last_error_and_dead_loop(running):
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    with Journal(running) as journal:
        journal.records["iter_01/coder"].exit_cause = "overcome later"  # done: no error any more
        journal.records["iter_02/solver"] = Record("failed", attempts=3, ended=9.0, exit_cause="out of memory")
        journal.save()
    (running / "lock").write_text(child.stdout)
    (running / "alarms.jsonl").write_text('{"step_id": "a", "rule": "kl"}\n{"step_id": "b", "rule": "leak"}\n{"step')
    shown = look(running)
    assert shown.error == ("iter_02/solver", "out of memory", running / "logs" / "iter_02-solver.attempt03.log")
    assert child.stdout.strip() in shown.gone and "iter_02/coder" in shown.gone
    assert shown.alarm["rule"] == "leak"


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("state.json", None, "has no state.json"),
        ("state.json", b"", "is damaged"),
        ("state.json", b'{"format": 1, "steps": {"iter', "is damaged"),  # half a file
        ("state.json", b"[]", "is damaged"),
        ("state.json", b"\xff\xfe", "state.json"),  # not text
        ("state.json", b'{"format": 1, "steps": {"a": {"colour": 1}}}', "is damaged"),  # unknown field
        ("state.json", b'{"format": 99, "steps": {}}', "has format 99"),
        ("state.json", b'{"format": 1, "steps": {"a": {"seconds": "7"}}}', "a: seconds is '7'"),  # of another type
        ("state.json", b'{"format": 1, "steps": {"a": {"ended": NaN}}}', "a: ended is nan"),
        ("state.json", b'{"format": 1, "steps": {"a": {"outputs": null}}}', "a: outputs is None"),
        ("state.json", b'{"format": 1, "steps": {"a": {"status": "paused"}}}', "a: status is 'paused'"),
        ("state.json", b"[" * 100_000, "is damaged"),
    ],
)
def test_unusable_state_is_one_line(running, capsys, name, content, message):
    if content is None:
        (running / name).unlink()
    else:
        (running / name).write_bytes(content)
    assert mmzero(["status", str(running)]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and message in err
    with pytest.raises(JournalError):
        look(running)


def test_no_folder(tmp_path, capsys):
    assert mmzero(["status", str(tmp_path / "x")]) == 1
    assert "is not a folder" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, "", "- 1", "seed: [", "evolution: {iterations: many}", "colour: red"])
def test_without_a_plan_begun_steps_are_shown(running, content):
    (running / "config.yaml").unlink()
    if content is not None:
        (running / "config.yaml").write_text(content)
    shown = look(running)
    assert len(shown.steps) == 8
    assert "the plan is unknown" in shown.notes[0] and "\n" not in shown.notes[0]
    assert status.lines(shown)[0] == f"{running}: 7 steps done"


def test_a_run_whose_plan_is_unknown_is_not_called_finished(finished, tmp_path):
    """Between two steps every step that has begun is done."""
    run = shutil.copytree(finished, tmp_path / "run")
    (run / "config.yaml").unlink()
    assert not look(run).finished


def test_a_run_of_another_version_has_its_plan(finished, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    newer = "\nlater: {key: 1}\n1: 2\n"
    (run / "config.yaml").write_text((run / "config.yaml").read_text() + newer)
    assert look(run).finished and look(run).notes == []


def test_what_a_finished_step_made_and_is_gone_is_said(running):
    with Journal(running) as journal:
        journal.records["iter_01/coder"].outputs = {"metrics.jsonl": "h", "hf": "h"}
        journal.save()
    (running / "iter_01/coder/metrics.jsonl").touch()
    assert look(running).notes == [f"{running / 'iter_01/coder/hf'} is missing although its step is done"]


def test_what_a_stage_wrote_does_not_reach_the_terminal(running):
    with Journal(running) as journal:
        journal.records["iter_02/solver"] = Record("failed", attempts=1, exit_cause="one\n\x1b[2Jtwo")
        journal.save()
    (line,) = (line for line in status.lines(look(running)) if line.startswith("last error"))
    assert line.startswith("last error: iter_02/solver: one [2Jtwo; log: ")


def test_a_copy_of_a_file_beside_the_metrics_is_no_attempt(running):
    for name in ("metrics.attemptxx.jsonl", "metrics.attempt01.old.jsonl"):
        (running / "iter_02/coder" / name).write_text('{"step": 5, "data": {}}\n')
    assert look(running).current.done == 3


@pytest.mark.parametrize("text", ["²", "-1", "9" * 30, "0"])
def test_a_lock_that_no_process_has_signed(tmp_path, text):
    (tmp_path / "lock").write_text(f"{text} {socket.gethostname()} 1.0\n")
    assert owner(tmp_path / "lock") is None


def test_watch_prints_lines_without_a_terminal(running):
    """It follows the run to its end, in plain lines."""
    watch = subprocess.Popen(
        [sys.executable, "-m", "recipe.mmzero.cli", "status", str(running), "--watch"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for line in watch.stdout:
            if line.startswith("reward"):
                break
        with Journal(running) as journal:
            for name in ("coder", "collect_solver", "solver"):
                journal.records[f"iter_02/{name}"] = Record("done", attempts=1, seconds=5.0)
            journal.save()
        rest, _ = watch.communicate(timeout=60)
    finally:
        watch.kill()
    assert watch.returncode == 0
    assert "\x1b" not in rest
    assert "iter_02/solver: done" in rest.splitlines()
    assert rest.splitlines()[-1] == f"{running}: 10 of 10 steps done"


def dead_process() -> str:
    """The number of a process that has just ended."""
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    return child.stdout.strip()


STALE = {
    "killed": lambda: f"{dead_process()} {socket.gethostname()} 12.5\n",
    "killed, written by an earlier version": lambda: f"{dead_process()}\n",
    "ended by itself": lambda: "",
    "its number is in use by another process": lambda: f"{os.getpid()} {socket.gethostname()} 12.5\n",
}


@pytest.mark.parametrize("signed", STALE.values(), ids=STALE.keys())
def test_watch_of_a_run_whose_loop_is_gone_ends_and_says_so(running, signed):
    (running / "lock").write_text(signed())
    words = [sys.executable, "-m", "recipe.mmzero.cli", "status", str(running), "--watch"]
    watch = subprocess.run(words, capture_output=True, text=True, timeout=120)  # one that never ends fails
    assert watch.returncode == 0
    last = watch.stdout.splitlines()[-1]
    assert "the watch ends" in last and "`mmzero run` with the same run_dir continues it" in last


def test_watch_ends_when_the_loop_dies_under_it(running):
    loop = subprocess.Popen(["sleep", "60"])
    started = psutil.Process(loop.pid).create_time()
    (running / "lock").write_text(f"{loop.pid} {socket.gethostname()} {started!r}\n")
    words = [sys.executable, "-m", "recipe.mmzero.cli", "status", str(running), "--watch"]
    watch = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        for line in watch.stdout:
            if line.startswith("reward"):
                break
        loop.kill()
        loop.wait()
        rest, _ = watch.communicate(timeout=60)
    finally:
        watch.kill()
        loop.kill()
    assert watch.returncode == 0 and "the watch ends" in rest


def test_a_loop_on_another_machine_is_not_called_dead(running):
    (running / "lock").write_text(f"{dead_process()} another-machine 12.5\n")
    assert look(running).gone == ""


def test_live_view_fits_a_small_screen(running):
    from rich.console import Console

    console = Console(width=100, height=24, record=True, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    console.print(status.view(look(running)))
    text = console.export_text()
    assert len(text.splitlines()) <= 24
    assert "▶  iter_02/coder" in text and "iter_01, 5 steps" in text and "step 3/6" in text
