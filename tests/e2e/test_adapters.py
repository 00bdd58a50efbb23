"""Adapters on the real engine. Slow: two small evolutions and two servers, a quarter of an hour on two cores.

bash tests/run_tests.sh -m slow tests/e2e/test_adapters.py
"""

import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

from recipe.mmzero.engine.train import adapter, exported
from recipe.mmzero.run.processes import launch
from recipe.mmzero.settings import schema
from recipe.mmzero.tiny.cache import base_folder
from tests.support import loop

pytestmark = pytest.mark.slow

ROLES = ("proposer", "coder", "solver")
PEARSON = "training/rollout_actor_probs_pearson_corr"
LR = 5e-4  # ten times the tiny world's


def metrics(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line)["data"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=torch.arange(1, 40)[None]).logits


def model_of(base: Path, folder: Path | None = None) -> torch.nn.Module:
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText

    model = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32)
    return PeftModel.from_pretrained(model, folder) if folder else model


@pytest.fixture(scope="session")
def merged_run(tmp_path_factory) -> Path:
    """A whole iteration with tuning=lora. The Proposer's last checkpoint stays and holds the base as well."""
    run_dir = tmp_path_factory.mktemp("lora") / "run"
    checkpoint = "verl.proposer.actor_rollout_ref.actor.checkpoint.save_lora_only=false"
    loop.finish(loop.start(run_dir, "tuning=lora", "adapter.rank=16", "stage.keep=all", checkpoint), run_dir)
    return run_dir


@pytest.mark.parametrize("role", ROLES)
def test_server_and_trainer_agree_after_every_hand_over(merged_run, role):
    steps = metrics(merged_run / "iter_01" / role)
    assert len(steps) == 2 and min(step[PEARSON] for step in steps) >= 0.99
    assert all(step["actor/grad_norm"] > 1e-4 for step in steps)


@pytest.mark.parametrize("role", ROLES)
def test_the_merged_model_equals_base_and_adapter(merged_run, role):
    step = merged_run / "iter_01" / role
    expected, found = logits(model_of(base_folder(), step / "adapter")), logits(model_of(step / "hf"))
    assert (expected - logits(model_of(base_folder()))).abs().max() > 1e-3, "the adapter changes something"
    assert (found - expected).abs().max() < 1e-4


def test_only_adapters_have_gradients_and_the_base_is_what_it_was(merged_run):
    actor = merged_run / "iter_01" / "proposer" / "checkpoints" / "global_step_2" / "actor"
    state = torch.load(actor / "model_world_size_1_rank_0.pt", weights_only=False)
    whole = {name: getattr(value, "_local_tensor", value) for name, value in state.items()}
    base = load_file(base_folder() / "model.safetensors")
    original = dict(model_of(base_folder()).state_dict())
    frozen = {name: value for name, value in whole.items() if ".lora_" not in name}
    assert len(frozen) >= len(base)
    for name, value in frozen.items():
        plain = name.removeprefix("base_model.model.").replace(".base_layer.", ".")
        assert value.equal(original[plain].to(value.dtype)), plain
    moments = torch.load(actor / "optim_world_size_1_rank_0.pt", weights_only=False)["state"]
    adapters = [name for name in whole if ".lora_" in name]
    assert len(moments) == len(adapters) > 0
    shapes = sorted(tuple(whole[name].shape) for name in adapters)
    assert sorted(tuple(each["exp_avg"].shape) for each in moments.values()) == shapes


@pytest.fixture(scope="session")
def one_base_run(tmp_path_factory) -> SimpleNamespace:
    """Two Proposer stages on one base; the second is killed after its first checkpoint. Frozen roles are asked on the
    trained role's server; the Coder's and the Solver's adapters come from elsewhere in the second iteration."""
    run_dir = tmp_path_factory.mktemp("one_base") / "run"
    words = ("tuning=lora_base", "adapter.rank=16", "hardware.peers=shared", "evolution.iterations=2")
    words += ("--until", "iter_02/proposer")
    process = loop.start(run_dir, *words)
    second = run_dir / "iter_02" / "proposer"
    loop.wait_until(process, run_dir, (second / "checkpoints" / "latest_checkpointed_iteration.txt").exists)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=60)
    loop.finish(loop.start(run_dir, *words), run_dir)
    return SimpleNamespace(run_dir=run_dir, second=second)


def test_a_killed_stage_goes_on_with_its_adapter(one_base_run):
    """Adam's first two steps change a weight by up to the learning rate each; with one of them lost, none by more."""
    before, after = one_base_run.run_dir / "iter_01" / "proposer" / "adapter", one_base_run.second / "adapter"
    attempts = sorted(one_base_run.second.glob("metrics.attempt*.jsonl"))
    assert [json.loads(line)["step"] for line in attempts[-1].read_text().splitlines()] == [2]
    start, end = (load_file(folder / adapter.WEIGHTS) for folder in (before, after))
    moved = max((end[name] - start[name]).abs().max().item() for name in start)
    assert 1.3 * LR < moved < 2.3 * LR, moved
    assert metrics(one_base_run.second)[0]["actor/kl_loss"] > 1e-5, "the reference is the untrained base"


def test_frozen_roles_answer_from_the_trained_roles_server(one_base_run):
    log = sorted((one_base_run.run_dir / "logs").glob("iter_02-proposer.attempt*.log"))[-1].read_text()
    lines = [line for line in log.splitlines() if "peer " in line and " at " in line]
    (server,) = {line.split(" at ")[1].split()[0] for line in lines}
    assert any("LLMServerManager: [" in line and server in line for line in log.splitlines())
    for role in ("coder", "solver"):
        assert any(f"peer {role}: {one_base_run.run_dir}/iter_01/{role}/adapter at" in line for line in lines)
    assert min(step[PEARSON] for step in metrics(one_base_run.second)) >= 0.99
    assert all(step["mmzero/proposer/dropped_fraction"] == 0 for step in metrics(one_base_run.second))


def test_only_adapters_are_kept_and_one_is_merged_on_demand(one_base_run, tmp_path):
    """The stage hands on its adapter; the `hf/` beside it is of who measures the tiny world's truth."""
    first = one_base_run.run_dir / "iter_01" / "coder"
    outputs = json.loads((one_base_run.run_dir / "state.json").read_text())["steps"]["iter_01/coder"]["outputs"]
    assert "adapter" in outputs and "hf" not in outputs and (first / "adapter" / adapter.WEIGHTS).exists()
    exported.export(one_base_run.run_dir, "iter_01/coder", merged=True, target=tmp_path / "out")
    expected = logits(model_of(base_folder(), first / "adapter"))
    assert (logits(model_of(tmp_path / "out")) - expected).abs().max() < 1e-4
    assert loop.leftovers(one_base_run.run_dir) == []


def test_a_request_is_answered_by_the_adapter_that_it_names(tmp_path):
    """Two adapters on one server: each answers as PEFT says it must, and swapped they swap their answers."""
    from transformers import AutoProcessor

    from tests.support.served_adapters import PROMPT

    config = schema.load(["tuning=lora_base", "adapter.rank=16"])
    folders = [tmp_path / name for name in ("one", "two")]
    for seed, folder in enumerate(folders):
        adapter.make(base_folder(), folder, config.adapter, seed)
        torch.manual_seed(seed)
        weights = load_file(folder / adapter.WEIGHTS)
        changed = {k: torch.randn_like(v) * 0.02 if ".lora_B." in k else v for k, v in weights.items()}
        save_file(changed, folder / adapter.WEIGHTS)

    def served(out: Path, *words: Path) -> dict[str, list[float]]:
        out.mkdir()
        module = ["-m", "tests.support.served_adapters", str(out), *map(str, words)]
        assert launch.run_python(config, module) == 0
        return json.loads((out / "answers.json").read_text())

    def expected(folder: Path | None) -> list[float]:
        processor = AutoProcessor.from_pretrained(base_folder())
        text = processor.apply_chat_template([{"role": "user", "content": PROMPT}], add_generation_prompt=True)
        ids = processor.tokenizer(text, return_tensors="pt").input_ids
        with torch.no_grad():
            last = model_of(base_folder(), folder).eval()(input_ids=ids).logits[0, -1]
        return last.log_softmax(-1).topk(5).values.tolist()

    straight, swapped = served(tmp_path / "a", *folders), served(tmp_path / "b", *folders[::-1])
    right = [expected(folder) for folder in (*folders, None)]
    for answers, order in ((straight, (0, 1, 2)), (swapped, (1, 0, 2))):
        for role, number in zip(("coder", "solver", "proposer"), order, strict=True):
            assert answers[role] == pytest.approx(right[number], abs=1e-3), role
    assert straight["coder"] != pytest.approx(straight["solver"], abs=1e-2)
