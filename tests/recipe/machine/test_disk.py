"""One number for the disk: what verl writes, what the doctor asks for, what the README promises."""

import re
from pathlib import Path

import pytest
import torch

from recipe.mmzero.machine import disk, doctor
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.verl import config as verl_config

GIB = 2**30
README = Path(__file__).parents[3] / "README.md"
PUBLISHED = ("model=qwen2_5_vl_7b", "hardware=gpu8x80")


def test_bytes_per_parameter_are_those_of_a_written_checkpoint(tmp_path):
    """torch.save and safetensors on a model of known size, as verl's FSDP checkpoint does: fp32 and AdamW."""
    from safetensors.torch import save_file

    model = torch.nn.Sequential(torch.nn.Linear(512, 1024), torch.nn.Linear(1024, 512))
    optimiser = torch.optim.AdamW(model.parameters())
    sum(parameter.sum() for parameter in model.parameters()).backward()
    optimiser.step()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    torch.save(model.state_dict(), tmp_path / "model")
    torch.save(optimiser.state_dict(), tmp_path / "optim")
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, tmp_path / "hf")
    for name, each in {"model": disk.WEIGHTS, "optim": disk.MOMENTS, "hf": disk.EXPORT}.items():
        assert (tmp_path / name).stat().st_size / parameters == pytest.approx(each, rel=0.02), name


def test_a_stage_keeps_what_verl_is_told_to_keep(tmp_path):
    config = schema.load(PUBLISHED)
    inputs = {"policy": "p", "coder": "c", "solver": "s", "data": "d"}
    step = {"id": "iter_01/solver", "role": "solver", "iteration": 1, "step_dir": str(tmp_path), "inputs": inputs}
    assert verl_config.stage_config(config, step).trainer.max_actor_ckpt_to_keep == verl_config.KEPT_CHECKPOINTS == 2
    parameters = int(config.model.architecture.parameters)
    assert disk.of_run(config).stage == pytest.approx((2 * 12 + 4 + 4) * parameters / GIB)


def test_a_run_is_its_finished_stages_and_the_one_that_runs():
    one, three = (disk.of_run(schema.load([*PUBLISHED, f"evolution.iterations={n}"])) for n in (1, 3))
    assert one.run == pytest.approx(2 * one.kept + one.stage + disk.FILES)
    assert three.run - one.run == pytest.approx(6 * one.kept)
    assert three.left == pytest.approx(9 * one.kept + disk.FILES)
    everything = disk.of_run(schema.load([*PUBLISHED, "evolution.iterations=1", "stage.keep=all"]))
    assert everything.kept == one.stage and everything.run == pytest.approx(3 * one.stage + disk.FILES)


def test_the_doctor_asks_for_the_same(monkeypatch):
    config = schema.load([*PUBLISHED, "evolution.iterations=1"])
    needed = disk.of_run(config)
    for free, level in ((needed.run + 1, "OK"), (needed.run - 1, "WARN"), (needed.stage - 1, "FAIL")):
        monkeypatch.setattr(doctor.machine, "free_gb", lambda path, free=free: free)
        assert doctor.run_disk(config).level == level
    assert f"one stage needs {needed.stage:.1f}, the run {needed.run:.1f}" in doctor.run_disk(config).text


def test_the_readme_says_the_same():
    needed = disk.of_run(schema.load([*PUBLISHED, "evolution.iterations=3"]))
    row = next(line for line in README.read_text().splitlines() if line.startswith("| three iterations of Qwen2.5-VL"))
    largest, left = (
        int(number) for number in re.search(r"(\d+) GiB at its largest, (\d+) GiB when done", row).groups()
    )
    assert largest == pytest.approx(needed.run, abs=1) and left == pytest.approx(needed.left, abs=1)


def test_adapters_take_what_adapters_are():
    """Rank 64 of the 7B, 0.60 GiB in fp32: two checkpoints of three times that, the adapter before and that after."""
    adapter = 161_480_704 / GIB
    one_base = disk.of_run(schema.load([*PUBLISHED, "tuning=lora_base"]))
    assert one_base.stage == pytest.approx((2 * 12 + 4 + 4) * adapter) and one_base.kept == pytest.approx(8 * adapter)
    merged = disk.of_run(schema.load([*PUBLISHED, "tuning=lora"]))
    model = 4 * int(schema.load(PUBLISHED).model.architecture.parameters) / GIB
    assert merged.kept == pytest.approx(8 * adapter + model) and merged.stage == pytest.approx(32 * adapter + model)
