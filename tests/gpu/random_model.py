#!/usr/bin/env python3
"""A Qwen2.5-VL of published size with random weights: python random_model.py 3b|7b TINY OUT

Sizes are those of this project's model profile; tokenizer, processor and chat template are the tiny base's (TINY),
whose special tokens have Qwen2.5-VL's names. verl lets the server sample only ids that the tokenizer knows, so replies
can be decoded; the trainer computes with the whole vocabulary, so times and memory are real and rollout/actor agreement
is not.
"""

import json
import shutil
import sys
import time
from pathlib import Path

import torch
from transformers import AutoTokenizer, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from recipe.mmzero.settings import schema

SECTIONS = [16, 24, 24]  # rotary channels of time, height and width, of every Qwen2.5-VL
NAMES = ("image_pad", "video_pad", "vision_start", "vision_end", "im_end", "endoftext")


def configuration(size: str, ids: dict[str, int]) -> Qwen2_5_VLConfig:
    """transformers' configuration of `model=qwen2_5_vl_SIZE`; `ids`: the tokenizer's special tokens by short name."""
    sizes = schema.load([f"model=qwen2_5_vl_{size}", "hardware=gpu1x80"]).model.architecture
    config = Qwen2_5_VLConfig(
        text_config=dict(
            vocab_size=sizes.vocabulary,
            hidden_size=sizes.hidden,
            intermediate_size=sizes.intermediate,
            num_hidden_layers=sizes.layers,
            num_attention_heads=sizes.heads,
            num_key_value_heads=sizes.kv_heads,
            max_position_embeddings=32768,
            rms_norm_eps=1e-6,
            tie_word_embeddings=sizes.tied_embeddings,
            rope_parameters={"rope_type": "default", "mrope_section": SECTIONS, "rope_theta": 1e6},
            bos_token_id=ids["endoftext"],
            eos_token_id=ids["im_end"],
            pad_token_id=ids["endoftext"],
        ),
        vision_config=dict(
            depth=sizes.vision_layers,
            hidden_size=sizes.vision_hidden,
            intermediate_size=sizes.vision_intermediate,
            num_heads=16,
            out_hidden_size=sizes.hidden,
            patch_size=14,
            spatial_merge_size=2,
            temporal_patch_size=2,
            window_size=112,
            fullatt_block_indexes=[7, 15, 23, 31],
            tokens_per_second=2,
        ),
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
        tie_word_embeddings=sizes.tied_embeddings,
        dtype="bfloat16",
    )
    config.architectures = ["Qwen2_5_VLForConditionalGeneration"]
    return config


def parameters(size: str) -> int:
    """What the profile says; `main` and the tests compare it with what transformers builds."""
    return schema.load([f"model=qwen2_5_vl_{size}", "hardware=gpu1x80"]).model.architecture.parameters


def main(size: str, tiny: Path, out: Path) -> None:
    started = time.time()
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in NAMES}
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = Qwen2_5_VLForConditionalGeneration(configuration(size, ids))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.normal_(0, 0.02) if weight.ndim > 1 else weight.fill_(0.0 if name.endswith("bias") else 1.0)
    counted = sum(weight.numel() for weight in model.parameters())
    if counted != parameters(size):
        raise ValueError(f"{counted:,} parameters, the profile qwen2_5_vl_{size} says {parameters(size):,}")
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = [ids["im_end"]], ids["endoftext"]
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out, max_shard_size="4GB")
    for file in tiny.iterdir():
        if file.name in ("chat_template.jinja", "processor_config.json", "tokenizer.json", "tokenizer_config.json"):
            shutil.copy2(file, out / file.name)
    processor = json.loads((out / "processor_config.json").read_text())
    processor["image_processor"]["size"] = {"shortest_edge": 3136, "longest_edge": 12845056}  # Qwen2.5-VL's own
    (out / "processor_config.json").write_text(json.dumps(processor, indent=1))
    print(f"{out}: {counted:,} parameters in {time.time() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
