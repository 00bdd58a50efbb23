"""What of tests/gpu can be known without a GPU: it skips in one line, all its settings compose, its parts work."""

import importlib.util
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCRIPTS = ("run.sh", "pack.sh", "unpack.sh")


def load(name):
    """A script of this folder as a module."""
    spec = importlib.util.spec_from_file_location(f"gpu_{name}", HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(HERE))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(HERE))
    return module


def run(tmp_path, *words, card="exit 9"):
    """`run.sh` with an nvidia-smi that finds nothing, or says what `card` prints."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "nvidia-smi").write_text(f"#!/bin/sh\n{card}\n")
    (programs / "nvidia-smi").chmod(0o755)
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHON": sys.executable}
    environment |= {"MMZERO_GPU_WORK": str(tmp_path / "w")}
    return subprocess.run(
        ["bash", str(HERE / "run.sh"), *words],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=False,
    )


def test_skips_in_one_line(tmp_path):
    done = run(tmp_path)
    assert (done.returncode, done.stdout) == (0, "skipped: no GPU (nvidia-smi lists none)\n")
    assert not (tmp_path / "w").exists()


def test_every_run_composes_and_verl_accepts_it(tmp_path):
    done = run(tmp_path, "plan")
    assert done.returncode == 0, done.stdout + done.stderr
    composed = [line for line in done.stdout.splitlines() if ": composes in " in line]
    assert len(composed) == 8, done.stdout
    assert "| plan  | passed |" in done.stdout


def test_a_setting_that_verl_refuses_fails_the_plan(tmp_path):
    """A type that verl's dataclass of the actor does not know; Hydra alone composes it."""
    done = run(tmp_path, "plan", "verl.all.actor_rollout_ref.actor.loss_agg_mode=per-picture")
    assert done.returncode == 1 and "per-picture" in done.stdout and "| plan  | FAILED |" in done.stdout


def test_unknown_stage_is_one_line(tmp_path):
    done = run(tmp_path, "trian")
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("error: unknown stage 'trian'; one of ") and done.stderr.count("\n") == 1


def test_what_cannot_run_here_is_left_out_and_said(tmp_path):
    """A card of 24 GiB, as nvidia-smi would list it, and no minute left."""
    tiny = tmp_path / "w" / "models" / "tiny"
    tiny.mkdir(parents=True)
    (tiny / "config.json").write_text("{}")
    done = run(tmp_path, "0", "train", "two", "3b", card="echo 24564")
    assert done.returncode == 0, done.stderr
    notes = done.stdout.split("\n\n")[-1].splitlines()
    assert [note.split(":")[0] for note in notes[:3]] == ["train", "two", "3b"]
    assert "left, needs 150" in notes[0] and notes[1:3] == ["two: one GPU", notes[2]] and "80 GB" in notes[2]
    assert done.stdout.count("| left out |") == 3


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_bash(script):
    assert subprocess.run(["bash", "-n", str(HERE / script)], check=False).returncode == 0


def test_probe_without_a_gpu_reports_every_check(tmp_path):
    """A failed check is one line and does not keep the others from running."""
    command = [sys.executable, str(HERE / "probe.py"), "torch_attention", "renders"]
    environment = os.environ | {"MMZERO_SANDBOX": "best_effort", "PYTHONPATH": str(HERE.parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("FAIL  torch_attention: ") and lines[1].startswith("OK    renders: 20 of 20")
    assert done.returncode == 1


def test_random_model_has_the_published_size():
    import torch
    from transformers import Qwen2_5_VLForConditionalGeneration

    random_model = load("random_model")
    ids = {name: number for number, name in enumerate(random_model.NAMES)}
    with torch.device("meta"):
        model = Qwen2_5_VLForConditionalGeneration(random_model.configuration("3b", ids))
    model.tie_weights()
    assert sum(weight.numel() for weight in model.parameters()) == random_model.parameters("3b") == 3_754_622_976


def test_table(tmp_path):
    table = load("table")
    runs = tmp_path / "runs"
    (runs / "train").mkdir(parents=True)
    for role, correlation in (("solver", 0.99), ("coder", 0.97)):
        steps = [{table.PEARSON: 0.999, "timing_s/step": 1.0}, {table.PEARSON: correlation, "timing_s/step": 2.5}]
        result = {"stage": role, "ok": True, "seconds": 9, "steps": steps, "computed": {"update": 30.2, "peer": 99.0}}
        (runs / "train" / f"result-{role}.json").write_text(json.dumps(result))
    file = tmp_path / "results.jsonl"
    table.add(file, "train", "passed", "130", "20480", "")
    table.add(file, "3b", "left out", "0", "0", "needs a GPU of 80 GB, this one has 24 GiB")
    lines = table.show(file, runs).splitlines()
    cells = [cell.strip() for cell in lines[4].strip("|").split("|")]
    assert cells == ["train", "passed", "130 s", "20.0 GiB", "30.2 GiB", "0.9700", "2.5 s", "-", "-"]
    assert lines[-1] == "3b: needs a GPU of 80 GB, this one has 24 GiB"
    assert len({len(line) for line in lines[2:6]}) == 1, "columns are aligned"


def entry(kind, sm, payload, flags=0):
    """One entry of a CUDA library's container (slim_wheel.py)."""
    head = bytearray(80)
    struct.pack_into("<HHIQIIHHI", head, 0, kind, 0x101, 80, len(payload), 0, 64, 0, 9, sm)
    struct.pack_into("<Q", head, 40, flags)
    return bytes(head) + payload


def container(*entries):
    inside = b"".join(entries)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(inside)) + inside


def test_slim_library_keeps_what_the_gpu_needs():
    slim = load("slim_wheel")
    ptx, sm80, sm90 = entry(1, 80, b"P" * 64), entry(2, 80, b"A" * 96), entry(2, 90, b"B" * 128)
    data = bytearray(b"ELF" + container(ptx, sm80, sm90) + b"between" + container(ptx, sm80) + b"end")
    before = bytes(data)
    kept, removed = slim.slim(data, 90)
    assert kept == {"sm_90": 128, "ptx_80": 64} and removed == {"ptx_80": 64, "sm_80": 192}
    slim.verify(before, data, 90)
    first, second = slim.containers(data)
    assert [e.name for e in first.entries] == ["sm_90"] and [e.name for e in second.entries] == ["ptx_80"]
    assert len(data) == len(before) and b"between" in data and data.endswith(b"end")
    damaged = bytearray(data)
    damaged[damaged.index(b"B" * 128)] ^= 1
    with pytest.raises(slim.UnknownLayout, match="an entry"):
        slim.verify(before, damaged, 90)


def test_slim_library_refuses_an_unknown_entry():
    slim = load("slim_wheel")
    with pytest.raises(slim.UnknownLayout, match="kind 7"):
        list(slim.containers(container(entry(7, 90, b"x" * 8))))
