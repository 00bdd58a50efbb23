"""Training text of the tiny base: prompt and answer of each role, with deliberate errors.

The first part of warm-up sees clean samples, the rest sees errors of the rates below, so that the base knows every task
but does not always succeed: GRPO then has something to select. Errors are the ones real models make: missing tags,
wrong answers, unclosed SVG, a picture that does not match its caption.
"""

import random
import re
from dataclasses import dataclass

from mmzero_rewards.prompting import PromptTemplates
from recipe.mmzero.tiny import prompts
from recipe.mmzero.tiny.questions import answer, ask, wrong
from recipe.mmzero.tiny.world import (
    COLOURS,
    CONTENT_TYPE,
    KIND_OF_TOPIC,
    KINDS,
    MOST_VALUE,
    SHAPES,
    SVG_OPEN,
    Scene,
    elements,
    svg,
    training_scene,
)

TAGS = ("content_type", "caption", "easy_question", "easy_answer", "hard_question", "hard_answer")
TEMPLATES = PromptTemplates(**prompts.as_dict())


@dataclass(frozen=True)
class Errors:
    """Probability of each deliberate error."""

    malformed: float = 0.18
    easy_wrong: float = 0.12
    hard_wrong: float = 0.25
    off_topic: float = 0.05
    unrelated: float = 0.05
    broken_svg: float = 0.22  # scaled per kind, so that proposals differ in how often they draw
    unfaithful: float = 0.15
    bad_format: float = 0.08
    misread: float = 0.08
    wrong_easy: float = 0.08
    wrong_hard: float = 0.30


CLEAN = Errors(**dict.fromkeys(Errors.__dataclass_fields__, 0.0))
DRAWING_TROUBLE = {"bars": 0.6, "dots": 1.0, "shapes": 1.5}
HARD_SHARE = 0.4


def proposer_sample(rng: random.Random, errors: Errors) -> tuple[str, str]:
    """(prompt, answer) of a Proposer."""
    topic = rng.choice(list(KIND_OF_TOPIC))
    kind = rng.choice(KINDS) if rng.random() < errors.off_topic else KIND_OF_TOPIC[topic]
    scene = training_scene(rng, kind)
    source = training_scene(rng) if rng.random() < errors.unrelated else scene
    easy, easy_answer = ask(rng, source, hard=False)
    hard, hard_answer = ask(rng, source, hard=True)
    if rng.random() < errors.easy_wrong:
        easy_answer = wrong(rng, easy_answer)
    if rng.random() < errors.hard_wrong:
        hard_answer = wrong(rng, hard_answer)
    values = (CONTENT_TYPE[kind], scene.caption, easy, easy_answer, hard, hard_answer)
    blocks = [f"<{tag}>{value}</{tag}>" for tag, value in zip(TAGS, values, strict=True)]
    if rng.random() < errors.malformed:
        blocks = _malformed(rng, blocks, values)
    return TEMPLATES.proposer_text(topic), "".join(blocks)


def _malformed(rng: random.Random, blocks: list[str], values: tuple[str, ...]) -> list[str]:
    which, i = rng.random(), rng.randrange(1, 6)
    blocks = list(blocks)
    if which < 0.4:
        del blocks[i]
    elif which < 0.7:
        blocks[i] = blocks[i].replace(f"</{TAGS[i]}>", "")
    elif which < 0.85:
        blocks[i] = values[i]
    else:
        blocks = blocks[:i]
    return blocks


def coder_sample(rng: random.Random, errors: Errors) -> tuple[str, str]:
    """(prompt, answer) of a Coder."""
    scene = training_scene(rng)
    easy, easy_answer = ask(rng, scene, hard=False)
    hard, hard_answer = ask(rng, scene, hard=True)
    fields = ("other", scene.caption, easy, easy_answer, hard, hard_answer)
    drawn = jitter(rng, scene) if rng.random() < errors.unfaithful else scene
    broken = rng.random() < errors.broken_svg * DRAWING_TROUBLE[scene.kind]
    code = _broken(rng, drawn) if broken else fence(svg(drawn))
    return TEMPLATES.coder_text(dict(zip(TAGS, fields, strict=True))), code


def fence(code: str) -> str:
    return f"```svg\n{code}\n```"


def _broken(rng: random.Random, scene: Scene) -> str:
    drawn, which = elements(scene), rng.random()
    i = rng.randrange(len(drawn))
    if which < 0.25:
        return fence(SVG_OPEN + "".join(drawn))  # no </svg>
    if which < 0.5:
        drawn[i] = drawn[i].replace('"/>', "")  # element never closed
    elif which < 0.7:
        return "```svg\n" + SVG_OPEN + "".join(drawn[:i]) + drawn[i][: len(drawn[i]) // 2]  # cut off
    elif which < 0.85:
        return fence("".join(drawn) + "</svg>")  # no <svg>
    else:
        drawn[i] = re.sub(r'(width|r|points)="', r"\1=", drawn[i], count=1)
    return fence(SVG_OPEN + "".join(drawn) + "</svg>")


def solver_sample(rng: random.Random, errors: Errors) -> tuple[str, str, Scene]:
    """(prompt without the picture, answer, the scene to show) of a Solver; it reads the caption before it answers."""
    scene = training_scene(rng)
    hard = rng.random() < HARD_SHARE
    question, said = ask(rng, scene, hard)
    seen = jitter(rng, scene) if rng.random() < errors.misread else scene
    if seen is not scene:
        said = answer(seen, question) or said
    if rng.random() < (errors.wrong_hard if hard else errors.wrong_easy):
        said = wrong(rng, said)
    text = f"<think>{seen.caption}</think>\\boxed{{{said}}}"
    if rng.random() < errors.bad_format:
        text = rng.choice(
            (
                f"<think>{seen.caption}</think>{said}",
                f"{seen.caption}\\boxed{{{said}}}",
                f"<think>{seen.caption}\\boxed{{{said}}}",
                f"<think>{seen.caption}</think>",
            )
        )
    return TEMPLATES.question_text(question), text, scene


def jitter(rng: random.Random, scene: Scene) -> Scene:
    """A scene that differs from `scene` in one item."""
    items = list(scene.items)
    i, which = rng.randrange(len(items)), rng.random()
    item = list(items[i])
    if which < 0.25 and len(items) > 1:
        del items[i]
        return Scene(scene.kind, tuple(items))
    if scene.kind == "shapes":
        item[0 if which < 0.6 else 1] = rng.choice(list(COLOURS) if which < 0.6 else SHAPES)
    elif which < 0.5:
        item[0] = rng.choice([colour for colour in COLOURS if colour not in {other[0] for other in items}])
    else:
        most = MOST_VALUE if scene.kind == "bars" else 3
        item[1] = min(most, max(1, item[1] + rng.choice([-1, 1])))
    items[i] = tuple(item)
    return Scene(scene.kind, tuple(items))
