"""What of a scene a question is about, in writing: the thought before an answer that is read from a caption.

    bars: red 3, blue 5        sum of blue and red?   ->  blue 5, red 3
    shapes: red circle nw      what shape is se?      ->  se empty

A small model finds what stands after a word far more easily than it answers in one step.
"""

import re

from recipe.mmzero.tiny.questions import WRITTEN
from recipe.mmzero.tiny.world import CELLS, COLOURS, SHAPES, Scene

WORD = re.compile(rf"\b({'|'.join((*COLOURS, *SHAPES, *CELLS))})s?\b")


def facts(scene: Scene, question: str) -> str:
    """The facts that answer a question of this world, in the order in which it names them."""
    if question == WRITTEN:
        return f"text {scene.note}"
    named = WORD.findall(question)
    return _shape_facts(scene, question, named) if scene.kind == "shapes" else _amounts(scene, named)


def _amounts(scene: Scene, named: list[str]) -> str:
    amounts = dict(scene.items)
    return ", ".join(f"{colour} {amounts.get(colour, 'no')}" for colour in named or amounts)


def _shape_facts(scene: Scene, question: str, named: list[str]) -> str:
    at = {where: (colour, shape) for colour, shape, where in scene.items}
    if question.startswith(("number of", "difference of")):
        counts = {name: sum(name in item for item in scene.items) for name in named}
        return ", ".join(f"{name} {count}" for name, count in counts.items())
    if question.startswith("what shape is opposite"):
        where = next((cell for cell, item in at.items() if item == tuple(named)), None)
        if where is None:
            return "no"
        other = CELLS[3 - CELLS.index(where)]
        return f"{where}, {other} {at[other][1] if other in at else 'empty'}"
    if question.startswith("what shape is"):
        return f"{named[0]} {at[named[0]][1] if named[0] in at else 'empty'}"
    if question.startswith("what color"):
        return f"{named[0]} " + " ".join(colour for colour, shape in at.values() if shape == named[0])
    if named:  # is there a red circle?
        return " ".join(named) + " " + next((cell for cell, item in at.items() if item == tuple(named)), "no")
    return " ".join(at)
