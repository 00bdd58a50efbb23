"""Sampling from a checkpoint with plain transformers: texts (and pictures) in, texts out. For evaluation only."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration


class Sampler:
    """A loaded checkpoint. `generate` returns n texts per prompt; temperature 0 is greedy.

    batch: sequences at once; large ones cost little for so small a model, and waiting threads cost much in small ones.
    """

    def __init__(self, folder: Path | str, batch: int = 1024):
        self.model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
        self.processor = AutoProcessor.from_pretrained(folder)
        self.processor.tokenizer.padding_side = "left"
        self.batch = batch

    @torch.no_grad()
    def generate(
        self,
        prompts: Sequence[str],
        pictures: Sequence[np.ndarray] | None = None,
        n: int = 1,
        max_tokens: int = 96,
        temperature: float = 1.0,
    ) -> list[list[str]]:
        """Args: pictures: uint8 (112, 112, 3), one per prompt, or None for text-only prompts."""
        results: list[list[str]] = []
        size = max(1, self.batch // n)
        # top_k is 50 by default in transformers; 0 switches it off
        sampling = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
        if not temperature:
            sampling = {"do_sample": False}
        for start in range(0, len(prompts), size):
            part = prompts[start : start + size]
            content = [[{"type": "image"}] * (pictures is not None) + [{"type": "text", "text": text}] for text in part]
            texts = [
                self.processor.apply_chat_template(
                    [{"role": "user", "content": item}], tokenize=False, add_generation_prompt=True
                )
                for item in content
            ]
            images = {}
            if pictures is not None:
                images = {"images": [Image.fromarray(picture) for picture in pictures[start : start + size]]}
            inputs = self.processor(text=texts, padding=True, return_tensors="pt", **images)
            output = self.model.generate(**inputs, num_return_sequences=n, max_new_tokens=max_tokens, **sampling)
            replies = self.processor.tokenizer.batch_decode(
                output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
            results += [replies[i * n : (i + 1) * n] for i in range(len(part))]
        return results
