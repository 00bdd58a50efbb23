"""Batches for warm-up: token ids, labels, M-RoPE positions and patches, without the processor's per-sample cost.

Every picture has the same size and place in the prompt, so positions are one template for the whole batch. A test
compares all of this with the real processor.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import Qwen2TokenizerFast

from recipe.mmzero.tiny.corpus import PYTHON_SHOWN, Errors, coder_sample, proposer_sample, reader_sample, solver_sample
from recipe.mmzero.tiny.model import MERGE, PATCH, TEMPORAL
from recipe.mmzero.tiny.pixels import draw
from recipe.mmzero.tiny.world import SIDE

PATCHES = (SIDE // PATCH) ** 2
IMAGE_TOKENS = PATCHES // MERGE**2
IGNORED = -100


@dataclass(frozen=True)
class Batch:
    """ids, labels: (B, T), labels already shifted; positions: (3, B, T); patches: (B * 64, 1176) or None."""

    ids: torch.Tensor
    labels: torch.Tensor
    positions: torch.Tensor
    patches: torch.Tensor | None


def patchify(pictures: np.ndarray) -> torch.Tensor:
    """uint8 (B, 112, 112, 3) -> float (B * 64, 1176) in Qwen2-VL's order, normalised with mean = std = 0.5."""
    count, grid = len(pictures), SIDE // (PATCH * MERGE)
    pixels = torch.from_numpy(np.ascontiguousarray(pictures)).float().div_(127.5).sub_(1)
    pixels = pixels.view(count, grid, MERGE, PATCH, grid, MERGE, PATCH, 3).permute(0, 1, 4, 2, 5, 7, 3, 6)
    pixels = pixels.unsqueeze(6).expand(-1, -1, -1, -1, -1, -1, TEMPORAL, -1, -1)
    return pixels.reshape(count * PATCHES, -1)


class Batches:
    """Draws batches of the tasks from one seeded stream."""

    def __init__(self, tokenizer: Qwen2TokenizerFast, seed: int):
        self.tokenizer, self.rng = tokenizer, random.Random(seed)
        self.user, self.turn, self.end = (
            tokenizer(text).input_ids
            for text in ("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>")
        )
        image = tokenizer.convert_tokens_to_ids("<|image_pad|>")
        self.image = (
            tokenizer("<|vision_start|>").input_ids + [image] * IMAGE_TOKENS + tokenizer("<|vision_end|>").input_ids
        )

    def proposer(self, size: int, errors: Errors) -> Batch:
        return self._text([proposer_sample(self.rng, errors) for _ in range(size)])

    def coder(self, size: int, errors: Errors) -> Batch:
        return self._text([coder_sample(self.rng, errors) for _ in range(size)])

    def reader(self, size: int, errors: Errors) -> Batch:
        return self._text([reader_sample(self.rng, errors) for _ in range(size)])

    def solver(self, size: int, errors: Errors) -> Batch:
        samples = [solver_sample(self.rng, errors) for _ in range(size)]
        ids, labels = self.collate([(prompt, reply) for prompt, reply, _ in samples], with_image=True)
        languages = ["python" if self.rng.random() < PYTHON_SHOWN else "svg" for _ in samples]
        pictures = [draw(scene, language) for (_, _, scene), language in zip(samples, languages, strict=True)]
        patches = patchify(np.stack(pictures))
        return Batch(ids, labels, self.positions(ids.shape[1], True).expand(-1, size, -1), patches)

    def _text(self, samples: Sequence[tuple[str, str]]) -> Batch:
        ids, labels = self.collate(samples, with_image=False)
        return Batch(ids, labels, self.positions(ids.shape[1], False).expand(-1, len(samples), -1), None)

    def collate(self, samples: Sequence[tuple[str, str]], with_image: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Right-padded (B, T) ids and shifted labels; only the reply is learned."""
        head = self.user + (self.image if with_image else [])
        rows = []
        for prompt, reply in samples:
            before = head + self.tokenizer(prompt).input_ids + self.turn
            rows.append((before, self.tokenizer(reply).input_ids + self.end))
        length = max(len(before) + len(after) for before, after in rows)
        length = (length + 7) // 8 * 8
        ids = np.zeros((len(rows), length), np.int64)
        labels = np.full((len(rows), length), IGNORED, np.int64)
        for row, (before, after) in enumerate(rows):
            start, stop = len(before), len(before) + len(after)
            ids[row, :start], ids[row, start:stop] = before, after
            labels[row, start - 1 : stop - 1] = after
        return torch.from_numpy(ids), torch.from_numpy(labels)

    def positions(self, length: int, with_image: bool) -> torch.Tensor:
        """(3, 1, T) M-RoPE positions (time, height, width)."""
        if not with_image:
            return torch.arange(length).view(1, 1, length).expand(3, 1, length)
        start, side = len(self.user) + 1, SIDE // (PATCH * MERGE)
        cells = torch.arange(IMAGE_TOKENS)
        positions = torch.zeros(3, length, dtype=torch.long)
        positions[:, :start] = torch.arange(start)
        stop = start + IMAGE_TOKENS
        positions[0, start:stop] = start
        positions[1, start:stop] = start + cells // side
        positions[2, start:stop] = start + cells % side
        positions[:, stop:] = torch.arange(length - stop) + start + side
        return positions.view(3, 1, length)
