"""The micro-world: scenes of coloured bars, shapes and dots on a 112 x 112 canvas, and questions with true answers.

A scene has a kind and items. Its caption, its SVG and the answer to every question follow from it, so proposals, code
and answers of the tiny model can be checked against the truth. About 13,600 scenes exist; one in eight is *held out*:
warm-up never draws it, evaluation draws nothing else.

Covered: three of the method's content types. Not covered: text in pictures, so the leak check has nothing to find here.
"""

import hashlib
import random
import re
from dataclasses import dataclass

SIDE = 112
UNIT = 18  # pixels per unit of a bar; bars have values 1..6
MOST_VALUE = 6
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
SVG_OPEN = '<svg xmlns="http://www.w3.org/2000/svg" width="112" height="112">'
HELD_OUT_SHARE = 8  # one scene in this many


@dataclass(frozen=True)
class Scene:
    """Items: (colour, value) for bars, (colour, count) for dots, (colour, shape, cell) for shapes."""

    kind: str
    items: tuple[tuple, ...]

    @property
    def caption(self) -> str:
        return self.kind + ": " + ", ".join(" ".join(map(str, item)) for item in self.items)

    @property
    def held_out(self) -> bool:
        """Reserved for evaluation, decided by the scene alone."""
        return hashlib.sha256(self.caption.encode()).digest()[0] % HELD_OUT_SHARE == 0


def any_scene(rng: random.Random, kind: str | None = None) -> Scene:
    """A random scene of a kind, held out or not."""
    kind = kind or rng.choice(KINDS)
    if kind == "bars":
        colours = rng.sample(list(COLOURS), rng.randint(2, 3))
        return Scene(kind, tuple((colour, rng.randint(1, MOST_VALUE)) for colour in colours))
    if kind == "dots":
        colours = rng.sample(list(COLOURS), rng.randint(1, 2))
        most = 4 if len(colours) == 1 else 3
        return Scene(kind, tuple((colour, rng.randint(1, most)) for colour in colours))
    cells = sorted(rng.sample(range(4), rng.randint(1, 3)))
    return Scene(kind, tuple((rng.choice(list(COLOURS)), rng.choice(SHAPES), CELLS[cell]) for cell in cells))


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
    found = re.fullmatch(r"(bars|dots|shapes): (.{1,200})", text.strip())
    if not found:
        return None
    kind, items = found[1], [tuple(item.split(" ")) for item in found[2].split(", ")]
    if kind == "shapes":
        fits = all(len(i) == 3 and i[0] in COLOURS and i[1] in SHAPES and i[2] in CELLS for i in items)
        if not fits or len({item[2] for item in items}) != len(items):
            return None
        return Scene(kind, tuple(items))
    fits = all(len(i) == 2 and i[0] in COLOURS and re.fullmatch(r"[1-9]", i[1]) for i in items)
    if not fits or len({item[0] for item in items}) != len(items):
        return None
    counted = tuple((colour, int(number)) for colour, number in items)
    if kind == "bars" and any(value > MOST_VALUE for _, value in counted):
        return None
    if kind == "dots" and sum(count for _, count in counted) > 16:
        return None
    return Scene(kind, counted)


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
                x, y = 14 + 28 * (cell % 4), 14 + 28 * (cell // 4)
                drawn.append(f'<circle fill="{colour}" cx="{x}" cy="{y}" r="9"/>')
                cell += 1
    else:
        for colour, shape, where in scene.items:
            left, top = 56 * (CELLS.index(where) % 2), 56 * (CELLS.index(where) // 2)
            if shape == "circle":
                drawn.append(f'<circle fill="{colour}" cx="{left + 28}" cy="{top + 28}" r="20"/>')
            elif shape == "square":
                drawn.append(f'<rect fill="{colour}" x="{left + 10}" y="{top + 10}" width="36" height="36"/>')
            else:
                points = f"{left + 28},{top + 6} {left + 50},{top + 48} {left + 6},{top + 48}"
                drawn.append(f'<polygon fill="{colour}" points="{points}"/>')
    return drawn


def svg(scene: Scene) -> str:
    return SVG_OPEN + "".join(elements(scene)) + "</svg>"
