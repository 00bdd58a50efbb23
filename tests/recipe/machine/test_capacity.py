"""The memory arithmetic: sizes of the models, terms of the account, and the setting that makes a stage fit."""

from dataclasses import replace
from functools import cache

import pytest
from omegaconf import OmegaConf

from recipe.mmzero.machine import capacity
from recipe.mmzero.settings import schema

MODELS = ["qwen2_5_vl_3b", "qwen2_5_vl_7b", "qwen3_vl_4b", "qwen3_vl_8b", "mimo_vl_7b"]
PROFILES = ["gpu1x80", "gpu8x40", "gpu8x80", "multinode"]


@cache  # read-only; composing takes a quarter of a second
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
    # 24 bytes x 512 tokens x vocabulary, and the head's gradient in bf16, twice: 1.74 + 2.03 GiB
    assert update.parts["logits"] == pytest.approx((24 * 512 * 152_064 + 4 * 152_064 * 3584) / 2**30)
    assert update.parts["logits"] == pytest.approx(3.77, abs=0.01)


# Computed by hand for qwen2_5_vl_7b (P 8.292e9, H 3,584, L 28, I 18,944, V 152,064, 28 + 2 x 4 heads of 128, Hv 1,280,
# Iv 3,420), in GiB: what each term of gpu_memory.py's table is at the profile's numbers.
BY_HAND = [
    # update of gpu8x80's Solver: 8 GPUs, 24,576 tokens in a micro-batch, 17 pictures of 5,476 patches
    ("solver", "update", "weights", 4 * 8.292167e9 / 8 / 2**30),  # 3.86
    ("solver", "update", "optimiser", 7.72),
    ("solver", "update", "gathered", 8.26),  # 6 x 1.090e9 root = 6.09, 10 x 0.2330e9 layer = 2.17 (8 without prefetch)
    ("solver", "update", "activations", 11.53),  # 2 T H L = 4.59, 4 T (4 H + A + 3 I) = 6.94
    ("solver", "update", "vision", 13.77),  # 93,092 patches: 2 x 1,280 x 32 each = 7.10, 4 (7 Hv + 3 Iv) = 6.67
    ("solver", "update", "processes", 2.5),
    # forward only: 49,152 tokens, 35 pictures
    ("solver", "log-prob", "activations", 7.27),  # 2 T (4 H + A + 3 I) = 6.94, 2 T H = 0.33
    ("solver", "log-prob", "vision", 6.86),  # 191,660 patches x 2 (7 Hv + 3 Iv)
    ("solver", "log-prob", "gathered", 3.33),  # 2 root = 2.03, 6 layer = 1.30
    # on the way to the server: verl's buffer of 2 GiB, embeddings in fp32
    ("solver", "hand-over", "bucket", 2.0),
    ("solver", "hand-over", "largest tensor", 2.03),
    ("solver", "hand-over", "server's weights", 15.45),  # one GPU holds the whole model: tensor_parallel 1
    # a server: 16,384 tokens at once
    ("solver", "server", "KV cache of one request", 0.4375),  # 8,192 tokens x 56 KiB
    ("solver", "server", "engine", 4.10),  # graphs 1.5 + decoder 2.31 + logits 0.29; the encoder's 2.35 is less
]


@pytest.mark.parametrize(("stage", "phase", "name", "gib"), BY_HAND, ids=lambda value: str(value))
def test_terms_computed_by_hand(stage, phase, name, gib):
    layout = capacity.layout_of(load("qwen2_5_vl_7b", "gpu8x80"), stage)
    parts = {part.phase: part.parts for part in capacity.account(sizes("qwen2_5_vl_7b"), layout)}
    assert parts[phase][name] == pytest.approx(gib, abs=0.01)


def test_unfused_logits_are_those_of_the_whole_micro_batch():
    """13.9 GiB at 12,288 tokens, which is what use_fused_kernels saves."""
    words = ["verl.all.actor_rollout_ref.model.use_fused_kernels=false", "hardware.stages.solver.tokens_per_gpu=12288"]
    config = load("qwen2_5_vl_7b", "gpu8x80", *words)
    update = capacity.account(sizes("qwen2_5_vl_7b"), capacity.layout_of(config, "solver"))[0]
    assert update.parts["logits"] == pytest.approx(8 * 12288 * 152_064 / 2**30)
    assert update.parts["logits"] == pytest.approx(13.92, abs=0.01)


def test_servers_on_one_gpu_compute_fewer_tokens_at_once():
    """gpu1x80 lowers vLLM's batch, and with it the encoder's: 1.5 + 1.15 + 0.29 instead of 4.10 GiB."""
    layout = capacity.layout_of(load("qwen2_5_vl_7b", "gpu1x80"), "solver")
    server = capacity.account(sizes("qwen2_5_vl_7b"), layout)[-1]
    assert server.phase == "server" and server.parts["engine"] == pytest.approx(2.95, abs=0.01)


SETTINGS = [
    ("", "model.use_fused_kernels", True),  # config/verl/gpu.yaml
    ("verl.all.actor_rollout_ref.model.use_fused_kernels=false", "model.use_fused_kernels", False),
    ("verl.coder.actor_rollout_ref.model.use_fused_kernels=false", "model.use_fused_kernels", True),  # another stage
    ("", "rollout.max_num_batched_tokens", 16384),
    ("hardware=gpu1x80", "rollout.max_num_batched_tokens", 8192),  # the profile's own
    ("", "rollout.checkpoint_engine.update_weights_bucket_megabytes", 2048),  # verl's default
]


@pytest.mark.parametrize(("override", "key", "expected"), SETTINGS)
def test_settings_of_verl_are_those_of_the_stage(override, key, expected):
    """The short way through the layers against verl's composed configuration."""
    from recipe.mmzero.settings.verl import config as verl_config

    words = [override] if override else []
    config = load("qwen2_5_vl_7b", "gpu8x80", *words)
    key = f"actor_rollout_ref.{key}"
    assert capacity.verl_setting(config, "solver", key, 2048) == expected
    step = {"id": "i", "role": "solver", "iteration": 1, "step_dir": "/run", "inputs": {"policy": "/m"}}
    full = verl_config.composed(verl_config.stage_config(config, step))
    assert OmegaConf.select(full, key) == expected


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
    ("hardware.gpu_memory_gb=40", "solver"),  # one card for a whole model and long micro-batches
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


# -- adapters --------------------------------------------------------------------------------------------------------

ADAPTER_7B = 64 * 28 * (2 * (3584 + 3584) + 2 * (3584 + 512) + 3 * (3584 + 18944))


def test_parameters_of_adapters_are_those_that_peft_makes():
    """Rank 64 on the seven projections of 28 layers of the 7B: 161,480,704, 0.30 GiB in bf16."""
    assert sizes("qwen2_5_vl_7b").adapter_parameters(64) == ADAPTER_7B == 161_480_704
    assert sizes("qwen2_5_vl_3b").adapter_parameters(64) == 119_734_272
    assert sizes("qwen2_5_vl_7b").adapter_parameters(0) == 0


def test_parameters_of_adapters_are_those_of_a_made_one(tmp_path):
    from omegaconf import OmegaConf
    from safetensors.torch import load_file

    from recipe.mmzero.engine.train import adapter
    from tests.support import small_model

    settings = OmegaConf.create({"rank": 4, "alpha": 8, "targets": ["all-linear"], "exclude": ".*visual.*"})
    adapter.make(small_model.write(tmp_path / "base"), tmp_path / "adapter", settings, seed=0)
    weights = load_file(tmp_path / "adapter" / adapter.WEIGHTS)
    small = replace(sizes("qwen2_5_vl_7b"), layers=2, hidden=64, intermediate=96, heads=4, kv_heads=2, head_dim=16)
    assert sum(value.numel() for value in weights.values()) == small.adapter_parameters(4)


# By hand for qwen2_5_vl_7b on gpu1x40, in GiB: P 8.292e9, a 1.615e8, one GPU, 8,192 tokens, 5 pictures.
ADAPTERS_BY_HAND = [
    ("solver", "update", "weights", 16.05),  # 2 P = 15.45, 4 a = 0.60
    ("solver", "update", "optimiser", 1.20),  # 8 a
    ("solver", "update", "gradients", 0.60),  # 4 a
    ("solver", "update", "gathered", 3.33),  # as in log-prob: 2 x 1.090e9 root = 2.03, 6 x 0.2330e9 layer = 1.30
    ("solver", "update", "activations", 4.71),  # 2 T H L = 1.53, 4 T (4 H + A + 3 I) = 2.31, 6 T I = 0.87
    ("solver", "update", "logits", 2.76),  # 24 x 512 V = 1.74, 2 V H = 1.02: the head is frozen
    ("proposer", "roll-out", "weights", 0.0),  # param_offload
    ("proposer", "roll-out", "optimiser", 0.0),  # optimizer_offload
    ("proposer", "roll-out", "peers", 0.0),  # they answer from the trained role's server
    ("proposer", "hand-over", "weights", 16.05),  # brought back to collect the adapter
    ("proposer", "hand-over", "server's weights", 15.45),
    ("proposer", "server", "adapters", 0.90),  # its own and two of the frozen roles, 2 a each
    ("coder", "server", "adapters", 0.60),
    ("collect_coder", "peer", "adapters", 0.90),
]


@pytest.mark.parametrize(("stage", "phase", "name", "gib"), ADAPTERS_BY_HAND, ids=lambda value: str(value))
def test_terms_of_adapters_computed_by_hand(stage, phase, name, gib):
    layout = capacity.layout_of(load("qwen2_5_vl_7b", "gpu1x40"), stage)
    parts = {part.phase: part.parts for part in capacity.account(sizes("qwen2_5_vl_7b"), layout)}
    assert parts[phase].get(name, 0.0) == pytest.approx(gib, abs=0.01)


def test_a_shared_server_leaves_no_peers_in_training():
    layout = capacity.layout_of(load("qwen2_5_vl_7b", "gpu1x40"), "proposer")
    assert "peer" not in [part.phase for part in capacity.account(sizes("qwen2_5_vl_7b"), layout)]
    colocated = load("qwen2_5_vl_7b", "gpu1x80", "tuning=lora_base")
    one, two = (
        next(part for part in capacity.account(sizes("qwen2_5_vl_7b"), layout) if part.phase == "roll-out").parts[
            "peers"
        ]
        for layout in (
            capacity.layout_of(colocated, "proposer"),
            capacity.layout_of(load("qwen2_5_vl_7b", "gpu1x80"), "proposer"),
        )
    )
    assert one == pytest.approx(0.28 * 80) and two == 2 * one, "frozen roles on one base share a server"


def test_host_memory_of_adapters():
    """gpu1x40: 2 P + 4 a of weights and 8 a of moments away from the card, and 2 P of the sleeping server."""
    layout = capacity.layout_of(load("qwen2_5_vl_7b", "gpu1x40"), "solver")
    assert capacity.host_gb(sizes("qwen2_5_vl_7b"), layout) == pytest.approx(15.45 + 0.60 + 1.20 + 15.45, abs=0.02)
    merged = replace(layout, one_base=False)  # merging needs the model in fp32, when training is over
    assert capacity.host_gb(sizes("qwen2_5_vl_7b"), merged) == pytest.approx(32.70, abs=0.02)
    small = replace(merged, param_offload=False, optimizer_offload=False)
    assert capacity.host_gb(sizes("qwen2_5_vl_7b"), small) == pytest.approx(4 * 8_292_166_656 / 2**30)


@pytest.mark.parametrize(
    ("model", "hardware", "fits"),
    [
        ("qwen2_5_vl_3b", "gpu1x24", True),
        ("qwen3_vl_4b", "gpu1x24", True),
        ("qwen2_5_vl_7b", "gpu1x24", False),
        ("qwen2_5_vl_7b", "gpu1x40", True),
        ("qwen3_vl_8b", "gpu1x40", True),
        ("mimo_vl_7b", "gpu1x40", True),
        ("qwen2_5_vl_7b", "gpu1x80_lora", True),
        ("qwen3_vl_8b", "gpu1x80_lora", True),
    ],
)
def test_what_fits_on_one_gpu(model, hardware, fits):
    """The table of README's "One GPU"."""
    assert all(verdict.fits for verdict in capacity.judge_all(load(model, hardware))) == fits
