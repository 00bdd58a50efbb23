"""A random Qwen2.5-VL of two layers in a folder: what adapters are made of, merged into and compared on."""

from pathlib import Path

import torch
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration


def write(folder: Path, seed: int = 0) -> Path:
    """Write config.json and fp32 weights, and two small files as a real folder has them; returns the folder."""
    text = dict(vocab_size=96, hidden_size=64, intermediate_size=96, num_hidden_layers=2)
    text |= dict(num_attention_heads=4, num_key_value_heads=2)
    text |= dict(rope_parameters={"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e4})
    vision = dict(depth=2, hidden_size=32, intermediate_size=48, num_heads=2, out_hidden_size=64, patch_size=4)
    torch.manual_seed(seed)
    model = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text, vision_config=vision))
    model.save_pretrained(folder)
    (folder / "tokenizer_config.json").write_text("{}")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    return folder


def logits(model: torch.nn.Module) -> torch.Tensor:
    """Of twelve tokens of text."""
    with torch.no_grad():
        return model.eval()(input_ids=torch.arange(1, 13)[None]).logits
