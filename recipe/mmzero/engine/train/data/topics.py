"""The Proposer's training rows: prompts made of topics, round-robin (docs/method.md §2.1: 8 topics x 126)."""

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mmzero_rewards.prompting import PromptTemplates
from recipe.mmzero.engine.collect.rows import TOPIC_ROWS, training_row, write_parquet
from recipe.mmzero.settings.seeds import derive_seed


def write_topic_rows(path: Path, topics: Sequence[str], rows: int, seed: int, templates: PromptTemplates) -> int:
    """Write at least `rows` prompts; returns how many.

    Every stretch of len(topics) rows holds each topic once, in an order that depends on `seed`. The last stretch is
    whole, too, so that rows that are used again go on with the round.

    Raises:
        ValueError: no topics, or no rows.
    """
    if not topics or rows < 1:
        raise ValueError(f"proposer rows: {len(topics)} topics, {rows} rows; need at least one of each")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)

    def build() -> Iterable[dict[str, Any]]:
        for first in range(0, rows, len(topics)):
            order = list(topics)
            random.Random(derive_seed(seed, 0, "topic_rows", first)).shuffle(order)
            for index, topic in enumerate(reversed(order), start=first):
                yield training_row("proposer", templates.proposer_row(topic), {"index": index, "topic": topic})

    return write_parquet(path, TOPIC_ROWS, build())
