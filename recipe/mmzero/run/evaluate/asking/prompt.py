"""The chat messages of an item: the Solver's training prompt, or the benchmark's own; both with the pictures in place.

A picture stands where the question's text says `<image 2>` or `<image2>`; pictures without such a place come first, as
in training. Choices follow the question under their letters.
"""

import re
from typing import Any

from mmzero_rewards.prompting import PromptTemplates
from recipe.mmzero.run.evaluate.data.items import PLACE, Item, show_choices
from recipe.mmzero.run.evaluate.data.pictures import PictureStore
from recipe.mmzero.run.evaluate.suite import Benchmark


def prompt_text(item: Item, prompt: str, templates: PromptTemplates, benchmark: Benchmark) -> str:
    """The text of the prompt; picture places are still in it.

    Args:
        prompt: `training` or `own`. benchmark: has its own templates, with {question} and {choices}.
    """
    choices = show_choices(item.choices)
    if prompt == "training":
        return templates.question_text("\n".join(part for part in (item.question, choices) if part))
    template = benchmark.own
    if not choices:
        template = (benchmark.own_open or template).replace("{choices}\n", "").replace("{choices}", "")
    parts = {"question": item.question, "choices": choices}
    return re.sub(r"\{(question|choices)\}", lambda found: parts[found[1]], template).strip()


def messages(item: Item, text: str, store: PictureStore | None) -> list[dict[str, Any]]:
    """OpenAI chat messages: one user message.

    Args:
        store: None asks without pictures (blind); the text stays the same.
    """
    if store is None or not item.pictures:
        return [{"role": "user", "content": text}]
    placed: set[int] = set()
    parts: list[dict[str, Any]] = []
    rest = 0
    for found in PLACE.finditer(text):
        place = int(found[1]) - 1
        if 0 <= place < len(item.pictures) and place not in placed:
            placed.add(place)
            parts += [_text(text[rest : found.start()]), _picture(store, item.pictures[place])]
            rest = found.end()
    parts.append(_text(text[rest:]))
    first = [_picture(store, name) for k, name in enumerate(item.pictures) if k not in placed]
    return [{"role": "user", "content": first + [part for part in parts if part.get("text") != ""]}]


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _picture(store: PictureStore, name: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": store.url(name)}}
