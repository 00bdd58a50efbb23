"""Code that fails as a model's code fails: cut off, unclosed, with a part missing or one that fits another scene."""

import random
import re

from recipe.mmzero.tiny.programs import LOOPS, parts
from recipe.mmzero.tiny.world import SVG_OPEN, Scene, elements


def fence(code: str, language: str) -> str:
    """A Coder's whole response."""
    return f"```{language}\n{code}\n```"


def broken_svg(rng: random.Random, scene: Scene) -> str:
    """A response whose SVG does not draw."""
    drawn, which = elements(scene), rng.random()
    i = rng.randrange(len(drawn))
    if which < 0.25:
        return fence(SVG_OPEN + "".join(drawn), "svg")  # no </svg>
    if which < 0.5:
        drawn[i] = re.sub('"/>|</text>', "", drawn[i])  # element never closed
    elif which < 0.7:
        return "```svg\n" + SVG_OPEN + "".join(drawn[:i]) + drawn[i][: len(drawn[i]) // 2]  # cut off
    elif which < 0.85:
        return fence("".join(drawn) + "</svg>", "svg")  # no <svg>
    else:
        drawn[i] = re.sub(r'(width|r|points|font-size)="', r"\1=", drawn[i], count=1)
    return fence(SVG_OPEN + "".join(drawn) + "</svg>", "svg")


def broken_program(rng: random.Random, scene: Scene, questions: tuple[str, str] | None) -> str:
    """A response whose Python does not draw."""
    pieces, which = parts(scene, questions), rng.random()
    if which < 0.3:
        pieces[1] = pieces[1].replace("}", "")  # the data is never closed
    elif which < 0.5:
        pieces[1] = re.sub(r'":', ":", pieces[1], count=1)  # a name without its second quote
    elif which < 0.65:
        return fence("".join(pieces[1:]), "python")  # no import, no canvas
    elif which < 0.8:
        pieces[2] = LOOPS["shapes" if scene.kind != "shapes" else rng.choice(("bars", "dots"))]
    else:
        return "```python\n" + "".join(pieces[: rng.randrange(2, len(pieces))])  # cut off
    return fence("".join(pieces), "python")
