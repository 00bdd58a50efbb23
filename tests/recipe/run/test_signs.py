"""Signs of life: what counts, and that neither log lines nor the clock do."""

import json
import os
import time

from recipe.mmzero.run.processes.signs import Signs, Tail, collection_line, training_line
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.verl import config as verl_config


def test_a_training_step_is_a_sign(tmp_path):
    signs = Signs(tmp_path, "solver", 1, 4)
    assert signs.look() == (False, [])
    with (tmp_path / "metrics.attempt01.jsonl").open("a") as out:
        out.write(json.dumps({"step": 1, "data": {"mmzero/solver/reward/mean": 0.25}}) + "\n")
    assert signs.look() == (True, ["step 1/4  reward 0.250"])
    assert signs.look() == (False, [])


def test_the_watched_metrics_are_written_whatever_trackers_are_wanted():
    step = {"id": "iter_01/solver", "role": "solver", "iteration": 1, "step_dir": "/x", "inputs": {"policy": "/m"}}
    for wanted, trackers in (("[console,wandb]", ["console", "wandb", "file"]), ("[file]", ["file"])):
        config = verl_config.stage_config(schema.load([f"loggers={wanted}"]), step)
        assert list(config.trainer.logger) == trackers


def test_what_an_earlier_attempt_wrote_is_no_sign(tmp_path):
    (tmp_path / "progress.jsonl").write_text(json.dumps({"unit": "rows", "requests": {"drawn": 3}}) + "\n")
    assert Signs(tmp_path, "coder", 2, 0).look() == (False, [])


def test_waiting_lines_are_no_sign(tmp_path):
    signs = Signs(tmp_path, "coder", 1, 0)
    with (tmp_path / "progress.jsonl").open("a") as out:
        out.write(json.dumps({"unit": "rows", "requests": {}, "done": 0, "total": 5, "accepted": 0}) + "\n")
    assert signs.look()[0] is False


def test_a_new_picture_is_a_sign_whatever_the_clock_says(tmp_path):
    images = tmp_path / "samples" / "images"
    images.mkdir(parents=True)
    signs = Signs(tmp_path, "proposer", 1, 4)
    assert signs.look()[0] is False
    (images / "a.png").write_bytes(b"1")
    os.utime(images, (time.time() - 10**8,) * 2)  # the clock was set back by years
    assert signs.look()[0] is True


def test_half_a_line_waits_for_its_end(tmp_path):
    path = tmp_path / "file"
    tail = Tail(path)
    path.write_text('{"a": 1}\n{"b"')
    assert list(tail.records()) == [{"a": 1}]
    with path.open("a") as out:
        out.write(': 2}\nnot json\n[1]\n{"c": 3}\n')
    assert list(tail.records()) == [{"b": 2}, {"c": 3}]


def test_lines():
    assert training_line("coder", 1, 2, {"actor/grad_norm": 0.5}) == "step 1/2  grad 0.500"
    record = {"phase": "x", "done": 3, "total": 9, "accepted": 1, "target": 4, "rows_per_min": 2.0, "eta_s": 61.0}
    assert collection_line(record) == "3/9 rows  1/4 accepted  2.0 rows/min  ETA 0:01:01"
