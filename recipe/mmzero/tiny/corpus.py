"""Training text of the tiny base: prompt and answer of each role, with deliberate errors.

The first part of warm-up sees clean samples, the rest sees errors of the rates below, so that the base knows every task
but does not always succeed: GRPO then has something to select. Errors are the ones real models make: missing tags,
wrong answers, unclosed code, a picture that does not match its caption, an answer written into it.
"""

import random
from dataclasses import dataclass, replace
from functools import cache

from mmzero_rewards.prompting import PromptTemplates
from recipe.mmzero.tiny import prompts
from recipe.mmzero.tiny.breaking import broken_program, broken_svg, fence
from recipe.mmzero.tiny.facts import facts
from recipe.mmzero.tiny.pixels import LANGUAGES
from recipe.mmzero.tiny.programs import program
from recipe.mmzero.tiny.questions import answer, ask, ask_ill_posed, same_type, wrong
from recipe.mmzero.tiny.world import (
    COLOURS,
    CONTENT_TYPE,
    KIND_OF_TOPIC,
    KINDS,
    MOST_VALUE,
    SHAPES,
    Scene,
    svg,
    training_scene,
)

TAGS = ("content_type", "caption", "easy_question", "easy_answer", "hard_question", "hard_answer")


@cache
def templates(languages: tuple[str, ...] = ("svg",), answers: bool = False) -> PromptTemplates:
    """The prompts of a run with these `coder.languages`."""
    return PromptTemplates(**prompts.as_dict(languages, answers))


TEMPLATES = templates()


@dataclass(frozen=True)
class Errors:
    """Probability of each deliberate error."""

    malformed: float = 0.18
    easy_wrong: float = 0.12
    hard_wrong: float = 0.25
    off_topic: float = 0.05
    unrelated: float = 0.05
    broken_code: float = 0.22  # scaled per kind, so that proposals differ in how often they draw
    unfaithful: float = 0.15
    leaking: float = 0.12  # an answer is written into the picture
    other_program: float = 0.10  # a program computes the answer to another question
    bad_format: float = 0.08
    misread: float = 0.08
    wrong_easy: float = 0.08
    wrong_hard: float = 0.36
    text_format: float = 0.02
    text_easy: float = 0.02
    text_hard: float = 0.05
    text_guess: float = 0.15  # an answer to a question that has none


CLEAN = Errors(**dict.fromkeys(Errors.__dataclass_fields__, 0.0))
FIRST = replace(CLEAN, leaking=Errors.leaking)  # the first part of warm-up: leaks take long to learn
DRAWING_TROUBLE = {"bars": 0.6, "dots": 1.0, "shapes": 1.5}
HARD_SHARE = 0.4
READER_HARD_SHARE = 0.6  # hard questions are what the text view is for
ILL_POSED_SHARE = 0.25  # of the text view's questions have no answer
UNKNOWN = "unknown"  # what it says then: the word that the real prompt (config/prompts/solver_text.txt) asks for
# What a Coder may be asked for: (languages, answers too), with weights.
FORMS = ((("svg",), False), (("python",), False), (("python",), True), (LANGUAGES, False), (LANGUAGES, True))
FORM_WEIGHTS = (5, 2, 2, 1, 1)
LEAK_EASY = 0.8  # of the leaks are of the easy answer, which stands in the prompt; the rest of the hard one
SHOWN_ANSWER = 0.3  # of the Solver's pictures have the answer written in them
PYTHON_SHOWN = 0.3  # of the Solver's pictures are drawn by Python


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
    """(prompt, answer) of a Coder, in a language that the prompt allows."""
    scene = training_scene(rng)
    easy, easy_answer = ask(rng, scene, hard=False)
    hard, hard_answer = ask(rng, scene, hard=True)
    fields = ("other", scene.caption, easy, easy_answer, hard, hard_answer)
    languages, answers = rng.choices(FORMS, FORM_WEIGHTS)[0]
    language = rng.choice(languages)
    drawn = jitter(rng, scene) if rng.random() < errors.unfaithful else scene
    if rng.random() < errors.leaking:
        drawn = _with_note(drawn, easy_answer if rng.random() < LEAK_EASY else hard_answer)
    broken = rng.random() < errors.broken_code * DRAWING_TROUBLE[scene.kind]
    if language == "svg":
        code = broken_svg(rng, drawn) if broken else fence(svg(drawn), language)
    else:
        asked = (easy, ask(rng, scene, hard=True)[0] if rng.random() < errors.other_program else hard)
        asked = asked if answers else None
        code = broken_program(rng, drawn, asked) if broken else fence(program(drawn, asked), language)
    return templates(languages, answers).coder_text(dict(zip(TAGS, fields, strict=True))), code


def solver_sample(rng: random.Random, errors: Errors) -> tuple[str, str, Scene]:
    """(prompt without the picture, answer, the scene to show) of a Solver; it reads the caption before it answers.

    It believes what is written in the picture, where that could be the answer.
    """
    scene = training_scene(rng)
    hard = rng.random() < HARD_SHARE
    question, said = ask(rng, scene, hard)
    if rng.random() < SHOWN_ANSWER:
        scene = _with_note(scene, said)
    seen = jitter(rng, scene) if rng.random() < errors.misread else scene
    if seen is not scene:
        said = answer(seen, question) or said
    if seen.note and same_type(seen.note, said):
        said = seen.note
    elif rng.random() < (errors.wrong_hard if hard else errors.wrong_easy):
        said = wrong(rng, said)
    return TEMPLATES.question_text(question), _reply(rng, seen.caption, said, errors.bad_format), scene


def reader_sample(rng: random.Random, errors: Errors) -> tuple[str, str]:
    """(prompt, answer) of a Solver that has the caption in place of the picture: it notes the facts, then answers."""
    scene = training_scene(rng)
    hard = rng.random() < READER_HARD_SHARE
    question, said = ask(rng, scene, hard)
    ill_posed = ask_ill_posed(rng, scene, hard) if rng.random() < ILL_POSED_SHARE else None
    if ill_posed is not None:
        # a guess has the type of another question's answer about the scene: it cannot have the right one
        question, said = ill_posed, said if rng.random() < errors.text_guess else UNKNOWN
    elif rng.random() < (errors.text_hard if hard else errors.text_easy):
        said = wrong(rng, said)
    thought = " " + facts(scene, question)  # with the blank, its first word is the caption's token
    return TEMPLATES.caption_text(scene.caption, question), _reply(rng, thought, said, errors.text_format)


def _with_note(scene: Scene, note: str) -> Scene:
    """The scene with something written above it, unless that is a held-out scene."""
    noted = replace(scene, note=note)
    return scene if noted.held_out else noted


def _reply(rng: random.Random, thought: str, said: str, bad_format: float) -> str:
    if rng.random() < bad_format:
        return rng.choice(
            (
                f"<think>{thought}</think>{said}",
                f"{thought}\\boxed{{{said}}}",
                f"<think>{thought}\\boxed{{{said}}}",
                f"<think>{thought}</think>",
            )
        )
    return f"<think>{thought}</think>\\boxed{{{said}}}"


def jitter(rng: random.Random, scene: Scene) -> Scene:
    """A scene that differs from `scene` in one item."""
    if scene.note and rng.random() < 0.2:
        return replace(scene, note="")
    items = list(scene.items)
    i, which = rng.randrange(len(items)), rng.random()
    item = list(items[i])
    if which < 0.25 and len(items) > 1:
        del items[i]
        return replace(scene, items=tuple(items))
    if scene.kind == "shapes":
        item[0 if which < 0.6 else 1] = rng.choice(list(COLOURS) if which < 0.6 else SHAPES)
    elif which < 0.5:
        item[0] = rng.choice([colour for colour in COLOURS if colour not in {other[0] for other in items}])
    else:
        most = MOST_VALUE if scene.kind == "bars" else 3
        item[1] = min(most, max(1, item[1] + rng.choice([-1, 1])))
    items[i] = tuple(item)
    return replace(scene, items=tuple(items))
