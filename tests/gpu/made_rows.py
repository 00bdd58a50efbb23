"""Training rows for one stage alone, made up from the tiny world: true questions and answers, drawn pictures."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig
from PIL import Image

from recipe.mmzero.engine.collect import rows as files
from recipe.mmzero.engine.train.data.topics import write_topic_rows
from recipe.mmzero.settings import prompts
from recipe.mmzero.tiny.pixels import draw
from recipe.mmzero.tiny.questions import ask
from recipe.mmzero.tiny.world import CONTENT_TYPE, training_scene


def write_rows(config: DictConfig, role: str, folder: Path, picture_side: int) -> Path:
    """Enough rows for one step of this role; the Solver's pictures are `picture_side` pixels wide."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "made.parquet"
    templates, train = prompts.templates(config), config[role].train
    if role == "proposer":
        topics = list(config.proposer.topics)
        write_topic_rows(target, topics, max(int(train.rows or 0), len(topics)), int(config.seed), templates)
        return target
    made = []
    for scene, origin, fields in _proposals(max(train.prompts_per_step, config[role].filter.min_rows)):
        if role == "coder":
            extra = origin | fields | {"render_rate": 0.5, "reward_variance": 0.1, "kept_by": "window"}
            made.append(files.training_row("coder", templates.coder_row(fields, config.coder.prompt_fields), extra))
            continue
        picture = folder / f"{origin['proposal_id']}.png"
        side = (picture_side, picture_side)
        Image.fromarray(np.asarray(draw(scene), dtype=np.uint8)).resize(side, Image.NEAREST).save(picture)
        label = fields["hard_answer"]
        extra = origin | fields | {"code_id": origin["proposal_id"], "image": picture.name, "label": label}
        extra |= {"hard_votes": [label], "hard_consistency": 0.5, "easy_votes": [fields["easy_answer"]]}
        extra |= {"easy_accuracy": 1.0, "easy_consistency": 1.0, "label_agrees": True, "leak": False, "blind_rate": 0.0}
        prompt = templates.solver_row(fields["hard_question"])
        made.append(files.training_row("solver", prompt, extra, [str(picture)], label))
    files.write_parquet(target, files.CODER_ROWS if role == "coder" else files.SOLVER_ROWS, made)
    return target


def _proposals(count: int, seed: int = 0) -> Iterator[tuple[Any, dict[str, Any], dict[str, str]]]:
    """(scene, where it comes from, fields of a proposal)."""
    rng = random.Random(seed)
    for index in range(count):
        scene = training_scene(rng)
        easy, hard = ask(rng, scene, hard=False), ask(rng, scene, hard=True)
        fields = {"content_type": CONTENT_TYPE[scene.kind], "caption": scene.caption}
        fields |= dict(zip(("easy_question", "easy_answer"), easy, strict=True))
        fields |= dict(zip(("hard_question", "hard_answer"), hard, strict=True))
        origin = {"index": index, "proposal_id": f"made-{index:04d}", "iteration": 1, "topic": scene.kind}
        yield scene, origin | {"seed": index}, fields
