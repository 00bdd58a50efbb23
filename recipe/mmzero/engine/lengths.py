"""How long a training prompt is, in tokens, counted as verl's rollout workers count it.

verl 0.9.1 cuts a text prompt that is longer than `data.max_prompt_length` from the left, which takes the chat header
and the beginning of the request (experimental/agent_loop/agent_loop.py, `_cap_text_prompt_length`), and fails a
roll-out whose prompt with a picture is longer. `data.truncation` does not change that. So longer prompts must not
become rows.
"""

import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mmzero_rewards.prompting import IMAGE_TOKEN


class PromptLengths:
    """Counts with a model's own tokenizer, processor and chat template.

    Args:
        tokenizer, processor: of the model; a processor that is None leaves text prompts only.
        model_type: of the model's Hugging Face config; verl picks its prompt builder by it.
        data: verl's `data` block (apply_chat_template_kwargs, mm_processor_kwargs).
    """

    def __init__(self, tokenizer: Any, processor: Any, model_type: str | None, data: Mapping[str, Any] | DictConfig):
        from verl.utils.tokenizer.continuous_token_wiring import create_continuous_token_builder

        self._data, self._processor = data, processor
        self._lock = threading.Lock()  # a tokenizer may not be used by two threads at once
        self._builder = create_continuous_token_builder(
            tokenizer,
            hf_model_type=model_type,
            chat_template_kwargs=_plain(data.get("apply_chat_template_kwargs")),
            mm_processor_kwargs=_plain(data.get("mm_processor_kwargs")),
            processor=processor,
        )

    @classmethod
    def of_model(cls, folder: str | Path, data: Mapping[str, Any] | DictConfig) -> "PromptLengths":
        """For a model folder."""
        from transformers import AutoConfig
        from verl.utils import hf_processor, hf_tokenizer

        kind = AutoConfig.from_pretrained(str(folder)).model_type
        return cls(hf_tokenizer(str(folder)), hf_processor(str(folder)), kind, data)

    def count(self, prompt: Sequence[Mapping[str, str]], images: Sequence[str | Path] = ()) -> int:
        """Tokens of a row's `prompt` and `images` columns, the chat template and the picture's tokens included."""
        from verl.utils.dataset.rl_dataset import RLHFDataset

        messages = _with_images(prompt, images)
        patch = getattr(getattr(self._processor, "image_processor", None), "patch_size", 14)
        with self._lock:
            pictures, *_ = RLHFDataset._process_multi_modal_info(messages, image_patch_size=patch, config=self._data)
            return len(self._builder.build_initial_tokens(messages, images=pictures))


def _with_images(prompt: Sequence[Mapping[str, str]], images: Sequence[str | Path]) -> list[dict[str, Any]]:
    """A row's prompt as verl's dataset hands it on: each picture's marker becomes the picture."""
    if not images:
        return [dict(message) for message in prompt]
    left = iter(images)
    messages = []
    for message in prompt:
        pieces = [piece for piece in re.split(f"({re.escape(IMAGE_TOKEN)})", message["content"]) if piece]
        content = [
            {"type": "image", "image": str(next(left))} if piece == IMAGE_TOKEN else {"type": "text", "text": piece}
            for piece in pieces
        ]
        messages.append({"role": message["role"], "content": content})
    return messages


def _plain(values: Any) -> dict[str, Any]:
    return OmegaConf.to_container(values, resolve=True) if OmegaConf.is_config(values) else dict(values or {})
