"""Run by test_flash_attn_verl.py in a process of its own: verl replaces methods of the model's classes for good.

A small random Qwen2.5-VL in float64 (verl casts float32 to bfloat16 before attention): log-probabilities and gradients
of three prompts, one with a picture, first each alone with transformers' eager attention, then packed into one row
through verl's remove-padding path and the `flash_attn` on the path. Prints one JSON line with the largest differences.
"""

import json
import sys

import transformers.utils.import_utils as availability

# The only pretence: with a GPU there, transformers and verl take the flash-attention path by themselves.
availability.is_torch_cuda_available = lambda: True

import torch  # noqa: E402
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration  # noqa: E402

IMAGE, VIDEO, START, END = 90, 91, 92, 93
GRID = torch.tensor([[1, 4, 8]])  # 32 patches, 8 image tokens


def config():
    return Qwen2_5_VLConfig(
        text_config=dict(
            vocab_size=96,
            hidden_size=64,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            rope_parameters={"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e4},
        ),
        vision_config=dict(
            depth=2,
            hidden_size=32,
            intermediate_size=48,
            num_heads=2,
            out_hidden_size=64,
            patch_size=4,
            window_size=16,
            fullatt_block_indexes=[1],
        ),
        image_token_id=IMAGE,
        video_token_id=VIDEO,
        vision_start_token_id=START,
        vision_end_token_id=END,
    )


def main() -> None:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    model = Qwen2_5_VLForConditionalGeneration._from_config(config(), attn_implementation="eager")
    picture = torch.randn(32, 3 * 2 * 4 * 4)
    prompts = [
        torch.randint(0, 90, (7,)),
        torch.cat([torch.tensor([3, START]), torch.full((8,), IMAGE), torch.tensor([END, 5, 6, 7])]),
        torch.randint(0, 90, (4,)),
    ]
    images = [{}, {"pixel_values": picture, "image_grid_thw": GRID}, {}]

    def places(ids, image):
        if not image:
            return torch.arange(len(ids)).expand(3, -1)
        kinds = (ids == IMAGE).int()[None]  # transformers 5: 1 for a token of a picture
        return model.model.get_rope_index(ids[None], mm_token_type_ids=kinds, image_grid_thw=GRID)[0][:, 0]

    def log_probs(logits, ids):
        return logits[:-1].log_softmax(-1).gather(1, ids[1:, None]).squeeze(1)

    def finish(values):
        model.zero_grad()
        weights = torch.linspace(0.5, 2, len(values))
        (values * weights).sum().backward()
        return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}

    positions = [places(ids, image) for ids, image in zip(prompts, images, strict=True)]
    apart = []
    for ids, image, place in zip(prompts, images, positions, strict=True):
        apart.append(log_probs(model(input_ids=ids[None], position_ids=place[:, None], **image).logits[0], ids))
    wanted = torch.cat(apart)
    wanted_grads = finish(wanted)

    import flash_attn
    from verl.models.transformers.monkey_patch import apply_monkey_patch

    calls = []
    from verl.models.transformers import qwen2_vl

    inner = qwen2_vl.flash_attn_varlen_func  # verl imported it by itself
    qwen2_vl.flash_attn_varlen_func = lambda *args, **kwargs: calls.append(1) or inner(*args, **kwargs)
    apply_monkey_patch(
        model, use_remove_padding=True, use_fused_kernels="--fused" in sys.argv, fused_kernels_backend="torch"
    )
    for part in (model.config, model.config.text_config, model.config.vision_config):
        part._attn_implementation = "flash_attention_2"  # the setter refuses without a GPU

    text = [torch.arange(len(ids)) for ids in prompts]
    place = torch.cat([torch.cat([own[None], three]) for own, three in zip(text, positions, strict=True)], dim=1)
    packed = torch.cat(prompts)
    fused = "--fused" in sys.argv  # log-probabilities from hidden states, as on GPUs
    broken = "--without-boundaries" in sys.argv  # one long sequence: what the comparison must notice
    if broken:
        place[0] = torch.arange(len(packed))
    output = model(input_ids=packed[None], attention_mask=None, position_ids=place[:, None], **images[1])
    parts, at = [], 0
    for ids in prompts:
        here = slice(at, at + len(ids))
        parts.append(output.log_probs[0, here][:-1] if fused else log_probs(output.logits[0, here], ids))
        at += len(ids)
    got = torch.cat(parts)
    grads = finish(got)
    assert grads.keys() == wanted_grads.keys()
    worst = max(
        (grads[name] - want).abs().max().item() / (want.abs().max().item() + 1e-9)
        for name, want in wanted_grads.items()
    )
    print(
        json.dumps(
            {
                "flash_attn": flash_attn.__version__,
                "calls": len(calls),
                "logits": getattr(output, "logits", None) is not None,
                "vision": model.model.visual.config._attn_implementation,
                "log_probs": (got - wanted).abs().max().item(),
                "gradients": worst,
            }
        )
    )


if __name__ == "__main__":
    main()
