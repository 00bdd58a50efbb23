"""Rates of a checkpoint in one role against the truth of the tiny world, item by item.

    rates = solver_rates(sampler, 240)          # {"hard_right": [0.75, 0.0, ...], ...}

Every checkpoint is asked the same items, so two of them can be compared item by item. A value is a share over an item's
samples; None where the item has none (an invalid proposal has no question). What is measured:

    solver    easy_right, hard_right, easy_answered, hard_answered      held-out scenes, drawn by us, true answers
              text_easy_right, text_hard_right                          the same questions to their captions
              text_hard_abstains, text_ill_posed_abstains               the hard ones are called unknown; so are others
                                                                        that have no answer in their captions
    coder     draws, faithful                                           held-out captions; faithful: of all prompts
              draws_svg, draws_python                                   of the responses in one language
              leaks, writes_answer                                      of what draws
    proposer  valid, understood, well_posed, easy_true, hard_true       topics in turn; last three: of understood ones

`well_posed`: the hard question has an answer in the scene of the proposal's own caption. `leaks`: an answer stands in
the picture, by the check that the reward uses; `writes_answer`: also where that check excuses it (one digit) or takes
it for a label (a colour of the caption), as long as the scene has no such writing. Answers are compared as text
(the world's answers are words and whole numbers), so no grader is involved. `seed` seeds the sampling, never the items.
"""

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from statistics import fmean

import numpy as np
import torch

from mmzero_env import RenderConfig, RenderEnv, RenderRequest, RenderResult
from mmzero_rewards import FormatError, Proposal, extract_answer, extract_code, parse_proposal
from mmzero_rewards.parsing.boxed import has_answer_format
from mmzero_rewards.scoring.checks import leak
from recipe.mmzero.tiny.corpus import TEMPLATES, templates
from recipe.mmzero.tiny.pixels import LANGUAGES, draw, same_picture
from recipe.mmzero.tiny.questions import answer, ask, ask_ill_posed
from recipe.mmzero.tiny.sample import Sampler
from recipe.mmzero.tiny.world import CONTENT_TYPE, KIND_OF_TOPIC, Scene, held_out_scene, parse_caption

SEED = 777
Values = dict[str, list[float | None]]


def held_out_items(count: int, hard: bool, seed: int = SEED) -> list[tuple[Scene, str, str]]:
    """`count` (scene, question, true answer) of held-out scenes; the same for every checkpoint."""
    rng = random.Random(f"{seed}:{hard}")
    items = []
    for _ in range(count):
        scene = held_out_scene(rng)
        items.append((scene, *ask(rng, scene, hard)))
    return items


def solver_rates(sampler: Sampler, count: int = 240, samples: int = 4, seed: int = SEED) -> Values:
    torch.manual_seed(seed)
    values: Values = {}
    for name, hard in (("easy", False), ("hard", True)):
        items = held_out_items(count, hard)
        answers = answers_to_pictures(sampler, items, samples)
        values[f"{name}_right"] = _right(answers, items)
        values[f"{name}_answered"] = [fmean(a is not None for a in said) for said in answers]
        prompts = [TEMPLATES.caption_text(scene.caption, question) for scene, question, _ in items]
        replies = sampler.generate(prompts, n=samples, max_tokens=48)
        values[f"text_{name}_right"] = _right(_answers(replies), items)
        if hard:
            values["text_hard_abstains"] = _abstains(replies)
    prompts = [TEMPLATES.caption_text(scene.caption, question) for scene, question in ill_posed_items(count)]
    values["text_ill_posed_abstains"] = _abstains(sampler.generate(prompts, n=samples, max_tokens=48))
    return values


def ill_posed_items(count: int, seed: int = SEED) -> list[tuple[Scene, str]]:
    """At most `count` (scene, hard question without an answer in it) of held-out scenes."""
    rng = random.Random(f"{seed}:ill-posed")
    scenes = [held_out_scene(rng) for _ in range(count)]
    asked = [(scene, ask_ill_posed(rng, scene, hard=True)) for scene in scenes]
    return [(scene, question) for scene, question in asked if question is not None]


def answers_to_pictures(
    sampler: Sampler, items: Sequence[tuple[Scene, str, str]], samples: int
) -> list[list[str | None]]:
    """(items, samples) boxed answers to the questions of `held_out_items` with their pictures; None without a box."""
    prompts = [TEMPLATES.question_text(question) for _, question, _ in items]
    return _answers(sampler.generate(prompts, [draw(scene) for scene, _, _ in items], n=samples, max_tokens=48))


def _answers(replies: list[list[str]]) -> list[list[str | None]]:
    return [[extract_answer(text) for text in texts] for texts in replies]


def _abstains(replies: list[list[str]]) -> list[float | None]:
    """A whole reply, with a word in its box that the method counts as no answer."""
    return [fmean(has_answer_format(one) and extract_answer(one) is None for one in texts) for texts in replies]


def _right(answers: list[list[str | None]], items: Sequence[tuple[Scene, str, str]]) -> list[float | None]:
    return [fmean(a == truth for a in said) for said, (_, _, truth) in zip(answers, items, strict=True)]


def coder_rates(
    sampler: Sampler,
    count: int = 240,
    samples: int = 2,
    seed: int = SEED,
    languages: Sequence[str] = ("svg",),
    computed: bool = False,
) -> Values:
    """languages: the run's `coder.languages`; computed: programs were also asked for answers."""
    torch.manual_seed(seed)
    rng = random.Random(f"{SEED}:coder")
    scenes = [held_out_scene(rng) for _ in range(count)]
    asked = []
    for scene in scenes:
        questions = (*ask(rng, scene, hard=False), *ask(rng, scene, hard=True))
        asked.append(Proposal(CONTENT_TYPE[scene.kind], scene.caption, *questions))
    prompts = [templates(tuple(languages), computed).coder_text(proposal) for proposal in asked]
    replies = sampler.generate(prompts, n=samples, max_tokens=128)
    drawn = rendered([text for texts in replies for text in texts], languages)
    values: Values = {"draws": [], "faithful": [], "leaks": [], "writes_answer": []}
    values |= {f"draws_{language}": [] for language in LANGUAGES}
    for i, (scene, proposal) in enumerate(zip(scenes, asked, strict=True)):
        item = drawn[i * samples : (i + 1) * samples]
        shown = [result for _, result in item if result is not None and result.ok]
        values["draws"].append(len(shown) / samples)
        values["faithful"].append(sum(same_picture(np.asarray(one.image()), scene) for one in shown) / samples)
        values["leaks"].append(_mean(leak(one.text, proposal).penalised for one in shown))
        given = {proposal.easy_answer, proposal.hard_answer} - {scene.note}
        values["writes_answer"].append(_mean(bool(given.intersection(one.text)) for one in shown))
        for language in LANGUAGES:
            own = [result for request, result in item if request is not None and request.language == language]
            values[f"draws_{language}"].append(_mean(result.ok for result in own))
    return values


def _mean(values: Iterable[bool]) -> float | None:
    known = list(values)
    return fmean(known) if known else None


def proposer_rates(sampler: Sampler, count: int = 960, seed: int = SEED) -> tuple[Values, dict[str, float]]:
    """The values, and numbers of the whole set: distinct captions and hard questions (shares of the valid proposals),
    entropy of content types (nats)."""
    torch.manual_seed(seed)
    topics = [list(KIND_OF_TOPIC)[i % len(KIND_OF_TOPIC)] for i in range(count)]
    texts = [one for (one,) in sampler.generate([TEMPLATES.proposer_text(topic) for topic in topics], max_tokens=96)]
    proposals = [_parsed(text) for text in texts]
    valid = [proposal for proposal in proposals if proposal is not None]
    kinds = Counter(proposal.content_type for proposal in valid)
    whole = {
        "distinct_captions": len({p.caption for p in valid}) / max(1, len(valid)),
        "distinct_hard_questions": len({(p.caption, p.hard_question) for p in valid}) / max(1, len(valid)),
        "type_entropy": -sum(n / len(valid) * math.log(n / len(valid)) for n in kinds.values()),
    }
    return proposal_truth([asdict(p) if p else None for p in proposals]), whole


def proposal_truth(proposals: Sequence[dict[str, str] | None]) -> Values:
    """What is true of proposals (None: invalid): see the module's docstring."""
    scenes = [parse_caption(p["caption"]) if p else None for p in proposals]
    pairs = list(zip(proposals, scenes, strict=True))
    return {
        "valid": [float(p is not None) for p in proposals],
        "understood": [None if p is None else float(s is not None) for p, s in pairs],
        "well_posed": [None if s is None else float(answer(s, p["hard_question"]) is not None) for p, s in pairs],
        "easy_true": [
            None if s is None else float(answer(s, p["easy_question"]) == p["easy_answer"]) for p, s in pairs
        ],
        "hard_true": [
            None if s is None else float(answer(s, p["hard_question"]) == p["hard_answer"]) for p, s in pairs
        ],
    }


def _parsed(text: str) -> Proposal | None:
    try:
        return parse_proposal(text)
    except FormatError:
        return None


def rendered(
    codes: Sequence[str], languages: Sequence[str]
) -> list[tuple[RenderRequest, RenderResult] | tuple[None, None]]:
    """The code in each model-written response and what the sandbox made of it; None where there is no code."""
    requests: list[RenderRequest | None] = []
    for text in codes:
        try:
            requests.append(extract_code(text, languages))
        except FormatError:
            requests.append(None)
    with RenderEnv(RenderConfig(workers=1, timeout_s=30.0)) as env:
        results = iter(env.render_many([request for request in requests if request is not None]))
        return [(request, next(results)) if request is not None else (None, None) for request in requests]
