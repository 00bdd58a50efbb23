"""The memory arithmetic: sizes of the models, terms of the account, and the setting that makes a stage fit."""

from dataclasses import replace

import pytest

from recipe.mmzero.machine import capacity
from recipe.mmzero.settings import schema

MODELS = ["qwen2_5_vl_3b", "qwen2_5_vl_7b", "qwen3_vl_4b", "qwen3_vl_8b", "mimo_vl_7b"]
PROFILES = ["gpu1x80", "gpu8x40", "gpu8x80", "multinode"]


def load(model, hardware, *overrides):
    address = ["hardware.ray_address=h:1"] if hardware == "multinode" else []
    return schema.load([f"model={model}", f"hardware={hardware}", *address, *overrides])


def sizes(model):
    return capacity.model_of(load(model, "gpu8x80"))


@pytest.mark.parametrize("name", MODELS)
def test_parameters_are_those_of_the_architecture(name):
    """Counted by transformers from the numbers in the profile, without weights."""
    import torch
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
    )

    config = load(name, "gpu8x80")
    size, tied = config.model.architecture, config.model.architecture.tied_embeddings
    text = dict(hidden_size=size.hidden, num_hidden_layers=size.layers, intermediate_size=size.intermediate)
    text |= dict(num_attention_heads=size.heads, num_key_value_heads=size.kv_heads, vocab_size=size.vocabulary)
    vision = dict(depth=size.vision_layers, hidden_size=size.vision_hidden, intermediate_size=size.vision_intermediate)
    vision |= dict(num_heads=16, out_hidden_size=size.hidden, patch_size=config.model.image_patch_size)
    if config.model.family == "qwen3_vl":
        text |= dict(head_dim=size.head_dim)
        whole = Qwen3VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=tied)
        kind = Qwen3VLForConditionalGeneration
    else:
        assert size.head_dim * size.heads == size.hidden
        text |= dict(rope_scaling={"type": "mrope", "mrope_section": [16, 24, 24]})
        whole = Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=tied)
        kind = Qwen2_5_VLForConditionalGeneration
    with torch.device("meta"):
        model = kind(whole)
    if tied:
        model.tie_weights()
    assert sum(parameter.numel() for parameter in model.parameters()) == size.parameters


@pytest.mark.parametrize(
    ("name", "kib"),
    [
        ("qwen2_5_vl_7b", 56),  # 28 layers x 4 heads x 128 x 2 (keys, values) x 2 bytes
        ("qwen2_5_vl_3b", 36),
        ("qwen3_vl_8b", 144),
        ("mimo_vl_7b", 144),
    ],
)
def test_kv_cache_per_token(name, kib):
    assert sizes(name).kv_bytes_per_token == kib * 1024


def test_training_state_is_sixteen_bytes_per_parameter():
    config = load("qwen2_5_vl_7b", "gpu8x80")
    layout = capacity.layout_of(config, "proposer")
    update = capacity.account(sizes("qwen2_5_vl_7b"), layout)[0]
    state = sum(update.parts[name] for name in ("weights", "optimiser", "gradients"))
    assert state == pytest.approx(16 * 8_292_166_656 / 3 / 2**30)
    assert update.parts["logits"] == pytest.approx(8 * 8192 * 152_064 / 2**30)


def test_offload_moves_state_from_the_gpu_to_the_host():
    model = sizes("qwen2_5_vl_7b")
    layout = capacity.layout_of(load("qwen2_5_vl_7b", "gpu8x80"), "coder")
    inside = {part.phase: part for part in capacity.account(model, layout)}
    outside = {
        part.phase: part
        for part in capacity.account(model, replace(layout, param_offload=True, optimizer_offload=True))
    }
    moved = 12 * model.parameters / 4 / 2**30
    assert inside["roll-out"].total - outside["roll-out"].total == pytest.approx(moved)
    assert inside["update"].total == outside["update"].total, "during the update it is all back"
    kept = capacity.account(model, replace(layout, cpu_offload=True))[0]
    assert inside["update"].total - kept.total == pytest.approx(16 * model.parameters / 4 / 2**30)
    assert capacity.host_gb(model, replace(layout, cpu_offload=True)) > capacity.host_gb(model, layout)


@pytest.mark.parametrize("hardware", PROFILES)
@pytest.mark.parametrize("model", MODELS)
def test_every_profile_fits(model, hardware):
    verdicts = capacity.judge_all(load(model, hardware))
    assert [verdict.stage for verdict in verdicts] == list(capacity.STAGES)
    for verdict in verdicts:
        assert verdict.fits and verdict.remedy is None, verdict.tightest.line()


UNFIT = [
    ("hardware.stages.proposer.gpu_memory_utilization=0.7", "proposer"),  # server beside training state
    ("hardware.gpu_memory_gb=40", "coder"),  # a smaller card
    ("hardware.stages.solver.tensor_parallel=1 hardware.gpu_memory_gb=40", "solver"),  # one card for a whole model
]


@pytest.mark.parametrize(("overrides", "stage"), UNFIT)
def test_remedy_makes_it_fit(overrides, stage):
    words = overrides.split()
    verdict = capacity.judge(load("qwen2_5_vl_7b", "gpu8x80", *words), stage)
    assert not verdict.fits
    assert verdict.remedy, f"no setting makes it fit: {verdict.tightest.line()}"
    mended = load("qwen2_5_vl_7b", "gpu8x80", *words, *verdict.remedy.split())
    assert capacity.judge(mended, stage).fits


def test_hopeless_says_so():
    verdict = capacity.judge(load("qwen2_5_vl_7b", "gpu8x80", "hardware.gpu_memory_gb=12"), "solver")
    assert not verdict.fits and verdict.remedy is None


def test_no_verdict_without_gpus_or_sizes():
    assert capacity.judge_all(schema.load([])) == []
    assert capacity.judge_all(schema.load(["hardware=gpu8x80"])) == []  # the tiny model lists no sizes
