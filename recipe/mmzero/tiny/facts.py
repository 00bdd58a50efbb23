"""What of a scene a question is about, in writing: the thought before an answer that is read from a caption.

    bars: red 3, blue 5        sum of blue and red?   ->  blue 5, red 3
    shapes: red circle nw      what shape is se?      ->  se empty
    dots: red 2                sum of red and red?    ->  red 2, same
    bars: red 2, blue 2        which bar is second?   ->  red 2, blue 2, tie

A small model picks out items far more easily than it answers in one step.
"""

import re

from recipe.mmzero.tiny.questions import WRITTEN, answer
from recipe.mmzero.tiny.world import CELLS, COLOURS, SHAPES, Scene

WORD = re.compile(rf"\b({'|'.join((*COLOURS, *SHAPES, *CELLS))})s?\b")


def facts(scene: Scene, question: str) -> str:
    """The items that answer a question of this world, in the order in which it names them."""
    if question == WRITTEN:
        return f"text {scene.note}"
    named = WORD.findall(question)
    if len(named) == 2 and named[0] == named[1]:
        return f"{_named(scene, question, named[:1])}, same"
    found = _named(scene, question, named)
    # what is missing stands there as "no"; without such a word, nothing says why there is no answer
    return found if answer(scene, question) is not None or " no" in found else f"{found}, tie"


def _named(scene: Scene, question: str, named: list[str]) -> str:
    """The items with the words of the question, as captions of the scene's kind write them."""
    return _shape_facts(scene, question, named) if scene.kind == "shapes" else _amounts(scene, named)


def _amounts(scene: Scene, named: list[str]) -> str:
    amounts = dict(scene.items)
    return ", ".join(f"{colour} {amounts.get(colour, 'no')}" for colour in named or amounts)


def _shape_facts(scene: Scene, question: str, named: list[str]) -> str:
    if question.startswith(("number of", "difference of")):
        return "; ".join(_items(scene, [name]) for name in named)
    found = _items(scene, named)
    if question.startswith("what shape is opposite"):
        where = next((item[2] for item in scene.items if item[:2] == tuple(named)), None)
        return found if where is None else f"{found}, {_items(scene, [CELLS[3 - CELLS.index(where)]])}"
    return found


def _items(scene: Scene, words: list[str]) -> str:
    """The items with all the words; what is missing where there is none."""
    found = [" ".join(item) for item in scene.items if set(words) <= set(item)]
    return ", ".join(found) or " ".join([*words, "empty" if words[0] in CELLS else "no"])
