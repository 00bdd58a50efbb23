"""Questions about scenes: `answer` gives the true answer, `ask` draws a question that fits a scene, `ask_ill_posed` one
that does not.

Easy questions are read off one item; hard ones combine several (sums, differences, opposite cells).
"""

import random
import re

from recipe.mmzero.tiny.world import CELLS, COLOURS, SHAPES, Scene

YES_NO = ("yes", "no")
WRITTEN = "what is written?"
WRITTEN_SHARE = 0.4  # of the easy questions about a scene with a note


def answer(scene: Scene, question: str) -> str | None:
    """The true answer, or None if the question does not fit the scene (no such item, or a tie)."""
    if question.strip() == WRITTEN:
        return scene.note or None
    if scene.kind == "shapes":
        return _answer_shapes(scene, question.strip())
    return _answer_counts(scene, question.strip())


def _answer_counts(scene: Scene, question: str) -> str | None:
    amounts = dict(scene.items)
    values = sorted(amounts.values(), reverse=True)
    bars = scene.kind == "bars"
    if found := re.fullmatch(rf"is there a (\w+) {scene.kind[:-1]}\?", question):
        return "yes" if found[1] in amounts else "no"
    if question == ("how many bars?" if bars else "how many colors?"):
        return str(len(amounts))
    if found := re.fullmatch(r"value of (\w+)\?" if bars else r"how many (\w+) dots\?", question):
        return str(amounts[found[1]]) if found[1] in amounts else None
    if question == ("which bar is tallest?" if bars else "which color has most dots?"):
        return max(amounts, key=amounts.get) if values.count(values[0]) == 1 else None
    if question == ("which bar is shortest?" if bars else "which color has fewest dots?"):
        return min(amounts, key=amounts.get) if values.count(values[-1]) == 1 else None
    if bars and question == "which bar is second?":
        unique = len(values) > 1 and values.count(values[1]) == 1
        return next(colour for colour in amounts if amounts[colour] == values[1]) if unique else None
    if found := re.fullmatch(r"(difference|sum) of (\w+) and (\w+)\?", question):
        left, right = found[2], found[3]
        if left not in amounts or right not in amounts or left == right:
            return None
        total = amounts[left] + amounts[right] if found[1] == "sum" else abs(amounts[left] - amounts[right])
        return str(total)
    if question == "largest minus smallest?":
        return str(values[0] - values[-1]) if len(values) > 1 else None
    return str(sum(values)) if question == "sum of all?" else None


def _answer_shapes(scene: Scene, question: str) -> str | None:
    items = scene.items
    if question == "how many shapes?":
        return str(len(items))
    if found := re.fullmatch(r"is there a (\w+) (circle|square|triangle)\?", question):
        return "yes" if any(item[:2] == (found[1], found[2]) for item in items) else "no"
    if found := re.fullmatch(r"what color is the (circle|square|triangle)\?", question):
        colours = [colour for colour, shape, _ in items if shape == found[1]]
        return colours[0] if len(colours) == 1 else None
    if found := re.fullmatch(r"what shape is (nw|ne|sw|se)\?", question):
        return _shape_at(scene, found[1])
    if found := re.fullmatch(r"number of (\w+) plus number of (circle|square|triangle)s\?", question):
        if found[1] not in COLOURS:
            return None
        return str(sum(item[0] == found[1] for item in items) + sum(item[1] == found[2] for item in items))
    if found := re.fullmatch(r"difference of (circle|square|triangle)s and (circle|square|triangle)s\?", question):
        if found[1] == found[2]:
            return None
        counts = [sum(item[1] == shape for item in items) for shape in (found[1], found[2])]
        return str(abs(counts[0] - counts[1]))
    if found := re.fullmatch(r"what shape is opposite the (\w+) (circle|square|triangle)\?", question):
        cells = [where for colour, shape, where in items if (colour, shape) == (found[1], found[2])]
        return _shape_at(scene, CELLS[3 - CELLS.index(cells[0])]) if len(cells) == 1 else None
    return None


def _shape_at(scene: Scene, cell: str) -> str:
    # "empty", not "none": the method reads "none" as unanswered
    return next((shape for _, shape, where in scene.items if where == cell), "empty")


def ask(rng: random.Random, scene: Scene, hard: bool) -> tuple[str, str]:
    """A random question that fits the scene, and its true answer."""
    if scene.note and not hard and rng.random() < WRITTEN_SHARE:
        return WRITTEN, scene.note
    for _ in range(50):
        question = _shapes_question(rng, scene, hard) if scene.kind == "shapes" else _count_question(rng, scene, hard)
        truth = answer(scene, question)
        if truth is not None:
            return question, truth
    question = "how many shapes?" if scene.kind == "shapes" else "sum of all?"
    return question, answer(scene, question) or ""


def ask_ill_posed(rng: random.Random, scene: Scene, hard: bool) -> str | None:
    """A random question of this world without an answer in the scene; None if the scene answers all that were tried."""
    draw_one = _loose_shapes_question if scene.kind == "shapes" else _loose_count_question
    tried = (draw_one(rng, scene, hard) for _ in range(20))
    return next((question for question in tried if answer(scene, question) is None), None)


def _loose_count_question(rng: random.Random, scene: Scene, hard: bool) -> str:
    """As `_count_question`, of any colours."""
    bars = scene.kind == "bars"
    one, other = rng.choice(list(COLOURS)), rng.choice(list(COLOURS))
    if not hard:
        extremes = ("which bar is tallest?", "which bar is shortest?")
        extremes = extremes if bars else ("which color has most dots?", "which color has fewest dots?")
        return rng.choice((f"value of {one}?" if bars else f"how many {one} dots?", *extremes))
    if rng.random() < 0.2:
        return "which bar is second?" if bars and rng.random() < 0.5 else "largest minus smallest?"
    if rng.random() < 0.5:
        other = one = rng.choice([colour for colour, _ in scene.items])
    return f"{rng.choice(('difference', 'sum'))} of {one} and {other}?"


def _loose_shapes_question(rng: random.Random, scene: Scene, hard: bool) -> str:
    """As `_shapes_question`, of any colours and shapes."""
    shape = rng.choice(SHAPES)
    if not hard:
        return f"what color is the {shape}?"
    if rng.random() < 0.5:
        return f"difference of {shape}s and {shape}s?"
    return f"what shape is opposite the {rng.choice(list(COLOURS))} {shape}?"


def _count_question(rng: random.Random, scene: Scene, hard: bool) -> str:
    present = [item[0] for item in scene.items]
    bars = scene.kind == "bars"
    if not hard:
        some = rng.choice(present) if rng.random() < 0.6 else rng.choice(list(COLOURS))
        return rng.choice(
            (
                f"is there a {some} {scene.kind[:-1]}?",
                "how many bars?" if bars else "how many colors?",
                f"value of {rng.choice(present)}?" if bars else f"how many {rng.choice(present)} dots?",
                "which bar is tallest?" if bars else "which color has most dots?",
                "which bar is shortest?" if bars else "which color has fewest dots?",
            )
        )
    choices = ["largest minus smallest?", "sum of all?"]
    if bars:
        choices.append("which bar is second?")
    if len(present) > 1:
        left, right = rng.sample(present, 2)
        choices += [f"difference of {left} and {right}?", f"sum of {left} and {right}?"] * 2
    return rng.choice(choices)


def _shapes_question(rng: random.Random, scene: Scene, hard: bool) -> str:
    colour, shape, _ = rng.choice(scene.items)
    if not hard:
        other = f"is there a {rng.choice(list(COLOURS))} {rng.choice(SHAPES)}?"
        return rng.choice(
            (
                "how many shapes?",
                f"is there a {colour} {shape}?" if rng.random() < 0.5 else other,
                f"what color is the {rng.choice(SHAPES)}?",
                f"what shape is {rng.choice(CELLS)}?",
            )
        )
    left, right = rng.sample(SHAPES, 2)
    some = colour if rng.random() < 0.6 else rng.choice(list(COLOURS))
    return rng.choice(
        (
            f"number of {some} plus number of {rng.choice(SHAPES)}s?",
            f"difference of {left}s and {right}s?",
            f"what shape is opposite the {colour} {shape}?",
        )
    )


def wrong(rng: random.Random, truth: str) -> str:
    """A plausible wrong answer of the same type."""
    if truth.isdigit():
        return str(max(0, int(truth) + rng.choice([-2, -1, 1, 2])))
    return rng.choice([value for value in _pool(truth) if value != truth] or ["empty"])


def same_type(one: str, other: str) -> bool:
    """Could both be answers to one question: two numbers, two colours, two shapes, yes and no?"""
    return (one.isdigit() and other.isdigit()) or other in _pool(one)


def _pool(answer: str) -> tuple[str, ...]:
    return next((pool for pool in (tuple(COLOURS), (*SHAPES, "empty"), YES_NO) if answer in pool), ())
