"""Rates of a checkpoint on held-out scenes with true labels: what the method never sees and a person wants to know.

Answers are compared as text (the world's answers are words and whole numbers), so no grader is involved. Intervals are
95% Wilson intervals over items; several samples of one item are averaged first.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

import torch

from mmzero_rewards import FormatError, extract_answer, parse_proposal
from recipe.mmzero.tiny.corpus import TEMPLATES
from recipe.mmzero.tiny.pixels import draw, same_picture
from recipe.mmzero.tiny.questions import answer
from recipe.mmzero.tiny.rates import SEED, held_out_items, render
from recipe.mmzero.tiny.sample import Sampler
from recipe.mmzero.tiny.world import KIND_OF_TOPIC, parse_caption


def evaluate_solver(sampler: Sampler, count: int = 200, samples: int = 4) -> dict[str, float]:
    """Accuracy of a Solver on held-out easy and hard questions: mean of `samples` at T=1, and their majority."""
    torch.manual_seed(SEED)
    result: dict[str, float] = {"items": count, "samples": samples}
    for name, hard in (("easy", False), ("hard", True)):
        items = held_out_items(count, hard)
        prompts = [TEMPLATES.question_text(question) for _, question, _ in items]
        replies = sampler.generate(prompts, [draw(scene) for scene, _, _ in items], n=samples, max_tokens=48)
        answers = [[extract_answer(text) for text in texts] for texts in replies]
        truth = [right for _, _, right in items]
        result[f"{name}_accuracy"] = fmean(
            fmean(a == right for a in said) for said, right in zip(answers, truth, strict=True)
        )
        result[f"{name}_majority"] = fmean(_majority(said) == right for said, right in zip(answers, truth, strict=True))
        result[f"{name}_answered"] = fmean(fmean(a is not None for a in said) for said in answers)
    return result


def evaluate_pipeline(sampler: Sampler, count: int = 120) -> dict[str, float]:
    """Proposer and Coder of one checkpoint: valid proposals, true answers in them, drawable and faithful code."""
    torch.manual_seed(SEED)
    rng = random.Random(SEED)
    topics = [rng.choice(list(KIND_OF_TOPIC)) for _ in range(count)]
    texts = [one for (one,) in sampler.generate([TEMPLATES.proposer_text(topic) for topic in topics])]
    proposals = []
    for text in texts:
        try:
            proposals.append(parse_proposal(text))
        except FormatError:
            continue
    scenes = [parse_caption(proposal.caption) for proposal in proposals]
    asked = [(p, s) for p, s in zip(proposals, scenes, strict=True) if s is not None]
    codes = [one for (one,) in sampler.generate([TEMPLATES.coder_text(asdict(p)) for p in proposals], max_tokens=128)]
    pictures = render(codes)
    drawn = [(p, s) for p, s in zip(pictures, scenes, strict=True) if p is not None and s is not None]
    return {
        "proposals": count,
        "proposal_valid": len(proposals) / count,
        "caption_understood": _share(scenes, lambda scene: scene is not None),
        "easy_answer_true": _share(asked, lambda pair: answer(pair[1], pair[0].easy_question) == pair[0].easy_answer),
        "hard_answer_true": _share(asked, lambda pair: answer(pair[1], pair[0].hard_question) == pair[0].hard_answer),
        "code_renders": _share(pictures, lambda picture: picture is not None),
        "picture_faithful": _share(drawn, lambda pair: same_picture(*pair)),
    }


def _majority(answers: Sequence[str | None]) -> str | None:
    said = Counter(a for a in answers if a is not None).most_common()
    return min(said, key=lambda pair: (-pair[1], pair[0]))[0] if said else None


def _share(items: Sequence, test: Callable) -> float:
    return fmean(map(test, items)) if items else float("nan")


def compare(before: Path | str, after: Path | str, count: int = 200, samples: int = 4) -> dict[str, dict[str, float]]:
    """Solver accuracy of two checkpoints on the same held-out items."""
    return {
        name: evaluate_solver(Sampler(folder), count, samples)
        for name, folder in (("before", before), ("after", after))
    }
