"""Scenes as short Python programs that draw with Pillow, and may leave the answers they compute from what they draw.

    m={"red":3,"blue":5}
    for k,(c,n) in enumerate(m.items()):d.rectangle((28*k+4,112-14*n,28*k+23,111),c)
    answers={"easy":m["red"],"hard":m["red"]+m["blue"]}

Items are data and a loop draws them, so the computed answers are true of the picture, whatever the caption said.
"""

import re

from recipe.mmzero.tiny.world import Scene

OPEN = 'from PIL import Image,ImageDraw\ni=Image.new("RGB",(112,112),"white")\nd=ImageDraw.Draw(i)\n'
END = 'i.save("a.png")'
LOOPS = {
    "bars": "for k,(c,n) in enumerate(m.items()):d.rectangle((28*k+4,112-14*n,28*k+23,111),c)\n",
    "dots": "for k,c in enumerate(c for c in m for _ in range(m[c])):"
    "x,y=28*(k%4)+14,28*(k//4)+42;d.ellipse((x-9,y-9,x+9,y+9),c)\n",
    "shapes": 'for w,(c,h) in m.items():\n x,y=56*(w[1]=="e"),28+42*(w[0]=="s")\n'
    ' if h=="circle":d.ellipse((x+11,y+4,x+45,y+38),c)\n elif h=="square":d.rectangle((x+11,y+4,x+44,y+37),c)\n'
    " else:d.polygon((x+28,y+2,x+48,y+40,x+8,y+40),c)\n",
}
NOTE_OPEN, NOTE_END = 't="', '"\nd.text((6,2),t,"black",font_size=20)\n'
ANSWERS = ('answers={"easy":', ',"hard":', "}\n")

SUM, LARGEST, SMALLEST = "sum(m.values())", "max(m.values())", "min(m.values())"
OPPOSITE = 'm.get({"nw":"se","ne":"sw","sw":"ne","se":"nw"}[[w for w in m if m[w]==('
EXPRESSIONS = (
    (r"what is written\?", "t"),
    (r"is there a (\w+) (?:bar|dot)\?", '"yes" if "{0}" in m else "no"'),
    (r"how many (?:bars|colors|shapes)\?", "len(m)"),
    (r"(?:value of|how many) (\w+)(?: dots)?\?", 'm["{0}"]'),
    (r"which (?:bar is tallest|color has most dots)\?", "max(m,key=m.get)"),
    (r"which (?:bar is shortest|color has fewest dots)\?", "min(m,key=m.get)"),
    (r"which bar is second\?", "sorted(m,key=m.get)[-2]"),
    (r"difference of (\w+) and (\w+)\?", 'abs(m["{0}"]-m["{1}"])'),
    (r"sum of (\w+) and (\w+)\?", 'm["{0}"]+m["{1}"]'),
    (r"largest minus smallest\?", f"{LARGEST}-{SMALLEST}"),
    (r"sum of all\?", SUM),
)
SHAPE_EXPRESSIONS = (
    (r"is there a (\w+) (\w+)\?", '"yes" if ("{0}","{1}") in m.values() else "no"'),
    (r"what color is the (\w+)\?", '[c for c,h in m.values() if h=="{0}"][0]'),
    (r"what shape is (nw|ne|sw|se)\?", 'm.get("{0}",("","empty"))[1]'),
    (
        r"number of (\w+) plus number of (\w+)s\?",
        'sum(c=="{0}" for c,h in m.values())+sum(h=="{1}" for c,h in m.values())',
    ),
    (
        r"difference of (\w+)s and (\w+)s\?",
        'abs(sum(h=="{0}" for c,h in m.values())-sum(h=="{1}" for c,h in m.values()))',
    ),
    (r"what shape is opposite the (\w+) (\w+)\?", OPPOSITE + '"{0}","{1}")][0]],("","empty"))[1]'),
)
# What the tokenizer takes as one token: the parts between the names and numbers.
PIECES = [OPEN, END, *LOOPS.values(), NOTE_OPEN, NOTE_END, *ANSWERS, SUM, LARGEST, SMALLEST, OPPOSITE, "m={"]
PIECES += [',("","empty"))[1]', '"yes" if "', '" in m else "no"', '"yes" if ("', '") in m.values() else "no"', "len(m)"]
PIECES += [
    "max(m,key=m.get)",
    "min(m,key=m.get)",
    "sorted(m,key=m.get)[-2]",
    'abs(m["',
    '"]-m["',
    '"])',
    '"]+m["',
    'm["',
]
PIECES += ['[c for c,h in m.values() if h=="', '"][0]', 'm.get("', 'sum(c=="', 'sum(h=="', '" for c,h in m.values())']
PIECES += ['")][0]]', "abs("]


def data(scene: Scene) -> list[str]:
    """The items as entries of the dictionary `m`."""
    if scene.kind == "shapes":
        return [f'"{cell}":("{colour}","{shape}")' for colour, shape, cell in scene.items]
    return [f'"{colour}":{number}' for colour, number in scene.items]


def parts(scene: Scene, questions: tuple[str, str] | None = None) -> list[str]:
    """The program in pieces: head, data, loop, then text and answers where there are any, and the end.

    questions: easy and hard; the program then also leaves `answers`.
    Raises:
        KeyError: a question is none of this world's.
    """
    pieces = [OPEN, "m={" + ",".join(data(scene)) + "}\n", LOOPS[scene.kind]]
    if scene.note:
        pieces.append(NOTE_OPEN + scene.note + NOTE_END)
    if questions:
        easy, hard = (expression(scene.kind, question) for question in questions)
        pieces.append(ANSWERS[0] + easy + ANSWERS[1] + hard + ANSWERS[2])
    return [*pieces, END]


def program(scene: Scene, questions: tuple[str, str] | None = None) -> str:
    """`parts` as one text."""
    return "".join(parts(scene, questions))


def expression(kind: str, question: str) -> str:
    """Python that computes the answer to a question from `m` (and `t`, the written text).

    Raises:
        KeyError: not a question of this world.
    """
    for pattern, form in (SHAPE_EXPRESSIONS if kind == "shapes" else ()) + EXPRESSIONS:
        if found := re.fullmatch(pattern, question):
            for i, name in enumerate(found.groups()):
                form = form.replace(f"{{{i}}}", name)  # not str.format: programs have braces of their own
            return form
    raise KeyError(question)
