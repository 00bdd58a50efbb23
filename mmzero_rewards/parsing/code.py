"""The drawing in a Coder response: fenced blocks and bare <svg> elements (docs/method.md §2.2).

A fence counts when its language ends the line, so "in a ```svg block" is prose; {attributes} or key=value may follow.
Single-pass scans: linear time for a text of any length. Not covered: whether the code draws (mmzero_env).
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from textwrap import dedent
from typing import TYPE_CHECKING

from mmzero_rewards.parsing.thought import FormatError, after_thought

if TYPE_CHECKING:
    from mmzero_env import RenderRequest


def extract_code(text: str, languages: Sequence[str] = ("svg",)) -> "RenderRequest":
    """The drawing in a Coder response: svg fence, xml fence holding an svg, bare <svg>...</svg>, python fence.

    Args:
        languages: which of `svg` and `python` count.
    Raises:
        FormatError: nothing found, or it was cut off before the fence or the root element was closed.
    """
    from mmzero_env import RenderRequest

    text = after_thought(text)
    if "svg" in languages:
        code = next(filter(None, fence_bodies(text, "svg")), None)
        if code is None and "<svg" in text:
            code = next((body for body in fence_bodies(text, "xml") if "<svg" in body), None)
        if code is None:
            code = _bare_svg(text)
        if code:
            return RenderRequest(code=code, language="svg")
    if "python" in languages:
        code = next(filter(None, fence_bodies(text, "python")), None)
        if code:
            return RenderRequest(code=code, language="python")
    raise FormatError("no closed drawing found: expected a fenced block or <svg>...</svg>")


MOST_PARTS = 10_000
"""Fences, and svg tags inside one drawing, that are looked at: more than a response of 4,096 tokens can hold."""
NAMES = {"svg": "svg", "xml": "xml", "python": "python3?|py3?"}
ATTRIBUTES = r"[^\S\n]+(?:\{[^\n{}`]{0,80}\}|\w{1,20}=[^\n`]{0,80})"
FENCES = {
    kind: re.compile(rf"```[^\S\n]{{0,4}}(?:{names})(?:{ATTRIBUTES})?[^\S\n]*\n", re.IGNORECASE)
    for kind, names in NAMES.items()
}

CLOSE = re.compile(r"^[^\S\n]*```|```[^\S\n]*$", re.MULTILINE)  # not the one in print("```")


def fence_bodies(text: str, kind: str) -> Iterator[str]:
    """Trimmed body of every closed ``` block of one kind (svg | xml | python), in order; of the first MOST_PARTS.

    A block in a list item is indented as a whole; that indentation is no part of the body.
    """
    for match in islice(FENCES[kind].finditer(text), MOST_PARTS):
        close = CLOSE.search(text, match.end())
        end = close.start() if close else text.find("```", match.end())
        if end < 0:
            return
        yield _flush_left(text[match.end() : end])


def _flush_left(body: str) -> str:
    """Trimmed; where the first line is indented, the indentation common to all lines is taken off."""
    bare = body.lstrip()
    before = body[: len(body) - len(bare)]
    return (dedent(body) if before[-1:] in (" ", "\t") else bare).strip()


SVG_OPEN = re.compile(r"<svg(?=[\s>/])(?![^<>]*/>)")
SVG_END = re.compile(r"</svg\s*>")
SVG_TAG = re.compile(rf"{SVG_OPEN.pattern}|{SVG_END.pattern}|<!--|<!\[CDATA\[")
HIDES = {"<!--": "-->", "<![CDATA[": "]]>"}
"""What begins and ends text that holds no tags."""


def _bare_svg(text: str) -> str | None:
    """The first <svg ... </svg>, whole when other svg elements or comments with such tags stand inside it."""
    opening = SVG_OPEN.search(text)
    first_end = SVG_END.search(text, opening.end()) if opening else None
    if not first_end:
        return None
    depth, at = 1, opening.end()
    for _ in range(MOST_PARTS):
        tag = SVG_TAG.search(text, at)
        if not tag:
            break
        at = tag.end()
        if tag.group() in HIDES:
            at = text.find(HIDES[tag.group()], at)
            if at < 0:
                break
            continue
        depth += -1 if tag.group()[1] == "/" else 1
        if not depth:
            return text[opening.start() : at]
    return text[opening.start() : first_end.end()]


def looks_like_svg(code: str) -> bool:
    """docs/method.md §2.2: the code starts with `<` or contains `<svg`."""
    return code.lstrip().startswith("<") or "<svg" in code
