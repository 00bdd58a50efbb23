"""Tokenizer, processor and random weights of the tiny Qwen2.5-VL: 1.2 M parameters, 0.26 M of them in the vision tower.

Special tokens and chat template follow Qwen2.5-VL, because verl and vLLM look them up by name. Nothing is downloaded:
the tokenizer is trained on the corpus itself. Pictures are 112 x 112, patch 14, merge 2: 64 patches, 16 image tokens.
"""

import random
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2TokenizerFast,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

from recipe.mmzero.tiny.corpus import CLEAN, TAGS, coder_sample, proposer_sample, reader_sample, solver_sample
from recipe.mmzero.tiny.programs import PIECES
from recipe.mmzero.tiny.world import NOTE_MARK, SIDE, SVG_OPEN, TEXT_OPEN

PATCH, MERGE, TEMPORAL = 14, 2, 2
HIDDEN, LAYERS, HEADS, INTERMEDIATE = 128, 4, 4, 384
VISION_HIDDEN, VISION_LAYERS, VISION_HEADS, VISION_INTERMEDIATE = 64, 2, 2, 128
NAMES = (
    "endoftext im_start im_end object_ref_start object_ref_end box_start box_end quad_start quad_end "
    "vision_start vision_end vision_pad image_pad video_pad"
)
SPECIALS = [f"<|{name}|>" for name in NAMES.split()]
# Frequent strings as single tokens: short sequences are what makes a slow machine fast enough.
WHOLE = [SVG_OPEN, "</svg>", "```svg\n", "\n```", '<rect fill="', '<circle fill="', '<polygon fill="']
WHOLE += ['" x="', '" y="', '" width="', '" height="', '"/>', '" cx="', '" cy="', '" r="', '" points="']
WHOLE += ["<think>", "</think>", "\\boxed{", "propose: ", "\nQ: ", " A: ", NOTE_MARK, TEXT_OPEN, "</text>"]
WHOLE += ["draw ", "svg or python", ", answers", "caption: ", "```python\n", *PIECES]
WHOLE += [f"<{tag}>" for tag in TAGS] + [f"</{tag}>" for tag in TAGS]
CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}"
    "{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' or 'image' in c or 'image_url' in c %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif c['type'] == 'text' %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def build_tokenizer(samples: int = 1500) -> Qwen2TokenizerFast:
    """Byte-level BPE over the corpus, digits one by one, frequent strings whole; deterministic."""
    rng = random.Random(0)
    texts: list[str] = []
    for _ in range(samples):
        for prompt, reply, *_ in (
            proposer_sample(rng, CLEAN),
            coder_sample(rng, CLEAN),
            reader_sample(rng, CLEAN),
            solver_sample(rng, CLEAN),
        ):
            texts += [prompt, reply]
    for whole in sorted(WHOLE, key=len, reverse=True):
        texts = [part for text in texts for part in text.split(whole)]
    texts += ["user\n", "assistant\n", "system\n"] * 50
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=640, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(texts, trainer)
    bpe.add_tokens([AddedToken(whole, normalized=False, single_word=False) for whole in WHOLE])
    tokenizer = Qwen2TokenizerFast(
        tokenizer_object=bpe,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        unk_token=None,
        additional_special_tokens=SPECIALS,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def build_processor(tokenizer: Qwen2TokenizerFast) -> Qwen2_5_VLProcessor:
    image = Qwen2VLImageProcessor(
        min_pixels=SIDE * SIDE,
        max_pixels=SIDE * SIDE,
        patch_size=PATCH,
        merge_size=MERGE,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    return Qwen2_5_VLProcessor(
        image_processor=image,
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(),
        chat_template=CHAT_TEMPLATE,
    )


def build_model(tokenizer: Qwen2TokenizerFast, seed: int) -> Qwen2_5_VLForConditionalGeneration:
    """float32 weights with standard deviation 1/sqrt(fan in): the library's 0.02 is far too small at this width."""
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIALS}
    end, pad = ids["<|im_end|>"], ids["<|endoftext|>"]
    config = Qwen2_5_VLConfig(
        text_config=dict(
            vocab_size=(len(tokenizer) + 63) // 64 * 64,
            hidden_size=HIDDEN,
            intermediate_size=INTERMEDIATE,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=HEADS,
            max_position_embeddings=4096,
            # 1 + 2 + 13 = 16 = half the head size: time, height and width share the rotary channels
            rope_parameters={"rope_type": "default", "mrope_section": [1, 2, 13], "rope_theta": 1e4},
            tie_word_embeddings=True,
            bos_token_id=pad,
            eos_token_id=end,
            pad_token_id=pad,
        ),
        vision_config=dict(
            depth=VISION_LAYERS,
            hidden_size=VISION_HIDDEN,
            intermediate_size=VISION_INTERMEDIATE,
            num_heads=VISION_HEADS,
            out_hidden_size=HIDDEN,
            patch_size=PATCH,
            spatial_merge_size=MERGE,
            temporal_patch_size=TEMPORAL,
            window_size=SIDE,
            fullatt_block_indexes=list(range(VISION_LAYERS)),
        ),
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
        dtype="float32",
    )
    torch.manual_seed(seed)
    model = Qwen2_5_VLForConditionalGeneration(config).float()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim < 2:
                continue
            std = 0.05 if "embed_tokens" in name else weight[0].numel() ** -0.5
            if any(part in name for part in ("o_proj", "down_proj", "attn.proj")):
                std *= (2 * (VISION_LAYERS if "visual" in name else LAYERS)) ** -0.5
            weight.normal_(0, std)
    model.generation_config.eos_token_id = [end, pad]
    model.generation_config.pad_token_id = pad
    return model


def save(model: Qwen2_5_VLForConditionalGeneration, processor: Qwen2_5_VLProcessor, folder: Path) -> None:
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
