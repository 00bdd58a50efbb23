"""Adapter folders: a new one, one out of a checkpoint, and one merged into its base."""

import json
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, Shard
from transformers import AutoModelForImageTextToText

from recipe.mmzero.engine.train import adapter, exported
from recipe.mmzero.run.record.artifacts import problem_with
from recipe.mmzero.run.record.journal import Journal, Record
from recipe.mmzero.settings.folder import RunFolder
from tests.support import small_model

RANK = 4
SETTINGS = {"rank": RANK, "alpha": 8, "targets": ["all-linear"], "exclude": ".*visual.*"}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return small_model.write(tmp_path_factory.mktemp("models") / "base")


def new(base, target, seed=1, **changes):
    adapter.make(base, target, OmegaConf.create(SETTINGS | changes), seed)
    return target


def trained(base, target, seed=1, scale=0.1):
    """A new adapter whose B is not zero."""
    weights = load_file(new(base, target, seed) / adapter.WEIGHTS)
    torch.manual_seed(seed)
    changed = {
        name: torch.randn_like(value) * scale if ".lora_B." in name else value for name, value in weights.items()
    }
    save_file(changed, target / adapter.WEIGHTS)
    return target


def model_of(base, folder=None):
    model = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32)
    return PeftModel.from_pretrained(model, folder) if folder else model


def test_a_new_adapter_is_on_the_language_model_only_and_changes_nothing(base, tmp_path):
    weights = load_file(new(base, tmp_path / "a") / adapter.WEIGHTS)
    assert len(weights) == 2 * 2 * 7, "A and B, two layers, seven projections"
    assert not [name for name in weights if "visual" in name]
    assert {value.dtype for value in weights.values()} == {torch.float32}
    assert all(not value.any() for name, value in weights.items() if ".lora_B." in name)
    assert all(value.any() for name, value in weights.items() if ".lora_A." in name)
    wrapped = model_of(base, tmp_path / "a")
    assert sum("lora_" in name for name, _ in wrapped.named_parameters()) == len(weights), "PEFT finds the same layers"
    assert torch.equal(small_model.logits(wrapped), small_model.logits(model_of(base)))
    described = json.loads((tmp_path / "a" / adapter.CONFIG).read_text())
    assert (described["r"], described["lora_alpha"], described["exclude_modules"]) == (RANK, 8, ".*visual.*")
    assert problem_with(tmp_path / "a") is None


def test_the_seed_alone_decides_a_new_adapter(base, tmp_path):
    files = [new(base, tmp_path / name, seed) / adapter.WEIGHTS for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    one, same, other = (file.read_bytes() for file in files)
    assert one == same != other
    texts = [(file.parent / adapter.CONFIG).read_text() for file in files]
    assert texts[0] == texts[1] == texts[2]


def test_targets_are_ends_of_names(base, tmp_path):
    weights = load_file(new(base, tmp_path / "a", targets=["q_proj", "v_proj"]) / adapter.WEIGHTS)
    assert {name.split(".lora_")[0].rpartition(".")[2] for name in weights} == {"q_proj", "v_proj"}
    with pytest.raises(ValueError, match=r"adapter\.targets=\['nothing'\].*\S"):
        new(base, tmp_path / "b", targets=["nothing"])
    assert not (tmp_path / "b").exists()


def test_the_merged_folder_equals_base_and_adapter_in_logits(base, tmp_path):
    before = {file.name: file.read_bytes() for file in base.iterdir()}
    folder = trained(base, tmp_path / "adapter")
    adapter.merge(base, folder, tmp_path / "hf")
    expected, found = small_model.logits(model_of(base, folder)), small_model.logits(model_of(tmp_path / "hf"))
    assert (expected - small_model.logits(model_of(base))).abs().max() > 0.01, "the adapter changes something"
    assert (found - expected).abs().max() < 1e-5
    weights, original = load_file(tmp_path / "hf" / "model.safetensors"), load_file(base / "model.safetensors")
    assert weights.keys() == original.keys()
    changed = {name for name in weights if not weights[name].equal(original[name])}
    assert len(changed) == 14 and not [name for name in changed if "visual" in name]
    assert (tmp_path / "hf" / "chat_template.jinja").exists() and problem_with(tmp_path / "hf") is None
    assert before == {file.name: file.read_bytes() for file in base.iterdir()}, "the base was written to"


@pytest.fixture
def mesh():
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,), mesh_dim_names=("fsdp",))
    torch.distributed.destroy_process_group()


def checkpoint(folder: Path, weights, mesh, pieces: int) -> Path:
    """As verl's FSDP2 writes it: one file for each process with its rows of every tensor, and more than adapters."""
    folder.mkdir(parents=True)
    for rank in range(pieces):
        held = {}
        for name, value in weights.items():
            rows = value.tensor_split(pieces)[rank].clone()
            key = name.replace(".weight", ".default.weight")
            held[key] = DTensor.from_local(rows, mesh, [Shard(0) if pieces > 1 else Replicate()], run_check=False)
        held["base_model.model.lm_head.weight"] = torch.ones(2)
        torch.save(held, folder / f"model_world_size_{pieces}_rank_{rank}.pt")
    return folder


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_checkpoint_gives_the_adapter_that_was_trained(base, tmp_path, mesh, pieces):
    before, after = new(base, tmp_path / "before"), trained(base, tmp_path / "after", seed=5)
    weights = load_file(after / adapter.WEIGHTS)
    saved = checkpoint(tmp_path / "actor", weights, mesh, pieces)
    adapter.from_checkpoint(saved, before, tmp_path / "adapter")
    found = load_file(tmp_path / "adapter" / adapter.WEIGHTS)
    assert found.keys() == weights.keys() and all(found[name].equal(weights[name]) for name in found)
    assert (tmp_path / "adapter" / adapter.CONFIG).read_text() == (before / adapter.CONFIG).read_text()


def test_a_checkpoint_of_other_layers_is_refused(base, tmp_path, mesh):
    before = new(base, tmp_path / "before", targets=["q_proj"])
    weights = load_file(trained(base, tmp_path / "after") / adapter.WEIGHTS)
    with pytest.raises(ValueError, match=r"holds 28 weights of adapters, not the 4 of"):
        adapter.from_checkpoint(checkpoint(tmp_path / "actor", weights, mesh, 1), before, tmp_path / "adapter")


# -- mmzero export ---------------------------------------------------------------------------------------------------


@pytest.fixture
def run(base, tmp_path):
    """A run folder with one finished stage that has handed on an adapter, and one that has not finished."""
    folder = RunFolder(tmp_path / "run")
    with Journal(folder.path) as journal:
        journal.records["iter_01/coder"] = Record(status="done", outputs={"adapter": "h", "metrics.jsonl": "h"})
        journal.records["iter_01/solver"] = Record(status="running")
        journal.save()
    step = folder.step("iter_01/coder")
    step.path.mkdir(parents=True)
    trained(base, step.adapter)
    inputs = {"policy": str(base), "base": str(base), "data": "x"}
    step.description.write_text(OmegaConf.to_yaml(OmegaConf.create({"inputs": inputs, "config": {}})))
    return folder


def test_export_gives_the_adapter_or_the_merged_model(run, base, tmp_path):
    step = run.step("iter_01/coder")
    assert exported.export(run.path, "iter_01/coder", merged=False) == step.adapter
    assert exported.export(run.path, "iter_01/coder", merged=True, target=tmp_path / "out") == tmp_path / "out"
    expected = small_model.logits(model_of(base, step.adapter))
    assert (small_model.logits(model_of(tmp_path / "out")) - expected).abs().max() < 1e-5
    with pytest.raises(ValueError, match="exists"):
        exported.export(run.path, "iter_01/coder", merged=True, target=tmp_path / "out")


@pytest.mark.parametrize("name", ["iter_01/solver", "iter_01/collect_coder", "coder"])
def test_export_of_what_is_not_there_is_one_line(run, name):
    with pytest.raises(ValueError, match=rf"no finished training stage '{name}'; it has: iter_01/coder$"):
        exported.export(run.path, name, merged=True)


def test_an_adapter_stays_in_fp32_on_a_bf16_base_under_fsdp2(base, tmp_path, mesh):
    """As on GPUs (model_dtype=bf16): FSDP2 takes frozen bf16 beside fp32, and computes in bf16; adapters move.
    In bf16 a step of 1e-5 on a weight of 0.02 would be rounded away."""
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    plain = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.bfloat16)
    model = PeftModel.from_pretrained(plain, new(base, tmp_path / "a"), is_trainable=True)
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    for layer in model.get_base_model().model.language_model.layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    parts = dict(model.named_parameters())
    assert {value.dtype for name, value in parts.items() if ".lora_" in name} == {torch.float32}
    assert {value.dtype for name, value in parts.items() if ".lora_" not in name} == {torch.bfloat16}
    before = {name: value.full_tensor().clone() for name, value in parts.items()}
    optimiser = torch.optim.AdamW([value for value in parts.values() if value.requires_grad], lr=1e-5)
    for _ in range(2):  # B is zero at first, and A has no gradient before it moves
        model(input_ids=torch.arange(1, 13)[None]).logits.float().logsumexp(-1).sum().backward()
        optimiser.step()
        optimiser.zero_grad()
    moved = {name for name, value in parts.items() if not value.full_tensor().equal(before[name])}
    assert moved == {name for name in parts if ".lora_" in name}
