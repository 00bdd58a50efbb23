"""The micro-world: scenes of coloured bars, shapes and dots on a 112 x 112 canvas, and questions with true answers.

A scene has a kind, items, and sometimes a word or number written above them. Its caption, its SVG, its Python program
(programs.py) and the answer to every question follow from it, so proposals, code and answers of the tiny model can be
checked against the truth. About 13,600 scenes exist without writing and 29 times as many with it; one in eight is *held
out*: warm-up never draws it, evaluation draws nothing else.

Whatever can be written is also an answer to some question, so a Coder can give answers away in writing.

Covered: three of the method's content types. Not covered: more than one written text in a picture.
"""

import hashlib
import random
import re
from dataclasses import dataclass

SIDE = 112
TOP = 28  # the strip above the items, for writing; one row of image tokens
UNIT = 14  # pixels per unit of a bar; bars have values 1..6
MOST_VALUE = 6
MOST_DOTS = 12
COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255), "green": (0, 128, 0), "black": (0, 0, 0)}
SHAPES = ("circle", "square", "triangle")
CELLS = ("nw", "ne", "sw", "se")
KINDS = ("bars", "shapes", "dots")
CONTENT_TYPE = {"bars": "data_chart", "shapes": "geometry", "dots": "diagram"}
TOPICS = {
    "bars": ("chart", "statistics", "trend", "numbers"),
    "shapes": ("geometry", "spatial", "logic", "perception"),
    "dots": ("counting", "diagram", "structure", "quantity"),
}
KIND_OF_TOPIC = {topic: kind for kind, topics in TOPICS.items() for topic in topics}
MOST_NUMBER = MOST_VALUE * 3  # no answer of this world is larger
NOTES = (*COLOURS, *SHAPES, "empty", "yes", "no", *map(str, range(MOST_NUMBER + 1)))
NOTED_SHARE = 0.2  # of the scenes have something written in them
NOTE_MARK = "; text "
SVG_OPEN = '<svg xmlns="http://www.w3.org/2000/svg" width="112" height="112">'
TEXT_OPEN = '<text x="6" y="21" font-size="20">'
HELD_OUT_SHARE = 8  # one scene in this many


@dataclass(frozen=True)
class Scene:
    """Items: (colour, value) for bars, (colour, count) for dots, (colour, shape, cell) for shapes.

    note: what is written above them, one of NOTES; "" for nothing.
    """

    kind: str
    items: tuple[tuple, ...]
    note: str = ""

    @property
    def caption(self) -> str:
        items = self.kind + ": " + ", ".join(" ".join(map(str, item)) for item in self.items)
        return items + (NOTE_MARK + self.note if self.note else "")

    @property
    def held_out(self) -> bool:
        """Reserved for evaluation, decided by the scene alone."""
        return hashlib.sha256(self.caption.encode()).digest()[0] % HELD_OUT_SHARE == 0


def any_scene(rng: random.Random, kind: str | None = None) -> Scene:
    """A random scene of a kind, held out or not."""
    kind = kind or rng.choice(KINDS)
    return Scene(kind, _any_items(rng, kind), rng.choice(NOTES) if rng.random() < NOTED_SHARE else "")


def _any_items(rng: random.Random, kind: str) -> tuple[tuple, ...]:
    if kind == "bars":
        colours = rng.sample(list(COLOURS), rng.randint(2, 3))
        return tuple((colour, rng.randint(1, MOST_VALUE)) for colour in colours)
    if kind == "dots":
        colours = rng.sample(list(COLOURS), rng.randint(1, 2))
        most = 4 if len(colours) == 1 else 3
        return tuple((colour, rng.randint(1, most)) for colour in colours)
    cells = sorted(rng.sample(range(4), rng.randint(1, 3)))
    return tuple((rng.choice(list(COLOURS)), rng.choice(SHAPES), CELLS[cell]) for cell in cells)


def training_scene(rng: random.Random, kind: str | None = None) -> Scene:
    """A random scene that is not held out."""
    while True:
        scene = any_scene(rng, kind)
        if not scene.held_out:
            return scene


def held_out_scene(rng: random.Random, kind: str | None = None) -> Scene:
    """A random held-out scene."""
    while True:
        scene = any_scene(rng, kind)
        if scene.held_out:
            return scene


def parse_caption(text: str) -> Scene | None:
    """The scene that a caption describes, or None if it describes none of this world."""
    text, mark, note = text.strip().partition(NOTE_MARK)
    found = re.fullmatch(r"(bars|dots|shapes): (.{1,200})", text)
    if not found or (mark and note not in NOTES):
        return None
    kind, items = found[1], [tuple(item.split(" ")) for item in found[2].split(", ")]
    if kind == "shapes":
        fits = all(len(i) == 3 and i[0] in COLOURS and i[1] in SHAPES and i[2] in CELLS for i in items)
        if not fits or len({item[2] for item in items}) != len(items):
            return None
        return Scene(kind, tuple(items), note)
    fits = all(len(i) == 2 and i[0] in COLOURS and re.fullmatch(r"[1-9]", i[1]) for i in items)
    if not fits or len({item[0] for item in items}) != len(items):
        return None
    counted = tuple((colour, int(number)) for colour, number in items)
    if kind == "bars" and any(value > MOST_VALUE for _, value in counted):
        return None
    if kind == "dots" and sum(count for _, count in counted) > MOST_DOTS:
        return None
    return Scene(kind, counted, note)


def elements(scene: Scene) -> list[str]:
    """The scene's SVG elements, in drawing order."""
    drawn = []
    if scene.kind == "bars":
        for i, (colour, value) in enumerate(scene.items):
            height = UNIT * value
            drawn.append(f'<rect fill="{colour}" x="{28 * i + 4}" y="{SIDE - height}" width="20" height="{height}"/>')
    elif scene.kind == "dots":
        cell = 0
        for colour, count in scene.items:
            for _ in range(count):
                x, y = 14 + 28 * (cell % 4), TOP + 14 + 28 * (cell // 4)
                drawn.append(f'<circle fill="{colour}" cx="{x}" cy="{y}" r="9"/>')
                cell += 1
    else:
        for colour, shape, where in scene.items:
            left, top = 56 * (CELLS.index(where) % 2), TOP + 42 * (CELLS.index(where) // 2)
            if shape == "circle":
                drawn.append(f'<circle fill="{colour}" cx="{left + 28}" cy="{top + 21}" r="17"/>')
            elif shape == "square":
                drawn.append(f'<rect fill="{colour}" x="{left + 11}" y="{top + 4}" width="34" height="34"/>')
            else:
                points = f"{left + 28},{top + 2} {left + 48},{top + 40} {left + 8},{top + 40}"
                drawn.append(f'<polygon fill="{colour}" points="{points}"/>')
    return [*drawn, TEXT_OPEN + scene.note + "</text>"] if scene.note else drawn


def svg(scene: Scene) -> str:
    return SVG_OPEN + "".join(elements(scene)) + "</svg>"
