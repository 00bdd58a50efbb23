"""What a model wrote -> proposal, drawing code, boxed answer. One parser for training, collection and evaluation.

Bodies are kept character for character (only trimmed at both ends). Everything works with `str.find` on literal tags
or single-pass scans, so a hostile text of any length costs linear time. Source: METHOD §2.0-2.2.

Not covered: whether code draws (mmzero_env) and whether answers are equal (grading.py).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import numpy as np

from mmzero_rewards.config import NON_ANSWERS, ProposerConfig
from mmzero_rewards.parsing.content_types import content_type

if TYPE_CHECKING:
    from mmzero_env import RenderRequest

TEXT_TAGS = ("caption", "easy_question", "easy_answer", "hard_question", "hard_answer")
ALL_TAGS = ("content_type", *TEXT_TAGS)


class FormatError(ValueError):
    """The text is not in the required format; the message names the first thing that is wrong."""


@dataclass(frozen=True)
class Proposal:
    """One imagined picture with two questions; field names are the tags and the parquet columns."""

    content_type: str
    caption: str
    easy_question: str
    easy_answer: str
    hard_question: str
    hard_answer: str


def parse_proposal(text: str, config: ProposerConfig | None = None) -> Proposal:
    """The six blocks of a Proposer response, in any order; text around them is ignored.

    Raises:
        FormatError: a required tag is missing, empty, unclosed, duplicated or nested.
    """
    config = config or ProposerConfig()
    spans = {tag: _block(text, tag) for tag in TEXT_TAGS}
    spans["content_type"] = _content_type_span(text)
    _reject_nesting({tag: span for tag, span in spans.items() if span})
    bodies = {tag: text[span[0] : span[1]].strip() if span else "" for tag, span in spans.items()}
    for tag in TEXT_TAGS:
        if not bodies[tag] and config.empty_body == "error":
            raise FormatError(f"<{tag}> is empty")
    bodies["content_type"] = content_type(
        bodies["content_type"], bodies["caption"], fallback=config.content_type.fallback
    )
    return Proposal(**bodies)


def _block(text: str, tag: str) -> tuple[int, int]:
    """(start, end) of the body of the only <tag>...</tag>; FormatError if there is not exactly one."""
    opening, closing = f"<{tag}>", f"</{tag}>"
    start = text.find(opening)
    if start < 0:
        raise FormatError(f"<{tag}> is missing")
    start += len(opening)
    end = text.find(closing, start)
    if end < 0:
        raise FormatError(f"<{tag}> is not closed")
    if text.find(opening, start) >= 0 or text.find(closing) != end or text.find(closing, end + 1) >= 0:
        raise FormatError(f"<{tag}> occurs more than once")
    return start, end


def _content_type_span(text: str) -> tuple[int, int] | None:
    """Body span of <content_type>, None when it is absent; the tag is optional but must be well-formed if used."""
    if "<content_type>" not in text:
        return None
    return _block(text, "content_type")


def _reject_nesting(spans: dict[str, tuple[int, int]]) -> None:
    ordered = sorted(spans.items(), key=lambda item: item[1])
    for (outer, (_, end)), (inner, (start, _)) in pairwise(ordered):
        if start < end:
            raise FormatError(f"<{inner}> stands inside <{outer}>")


def render_proposal(proposal: Proposal) -> str:
    """The six blocks as a Proposer would write them; `parse_proposal` gives the same proposal back."""
    return "\n".join(f"<{tag}>{getattr(proposal, tag)}</{tag}>" for tag in ALL_TAGS)


def extract_code(text: str, languages: Sequence[str] = ("svg",)) -> "RenderRequest":
    """The drawing in a Coder response: svg fence, xml fence holding an svg, bare <svg>...</svg>, python fence.

    Args:
        languages: which of `svg` and `python` count.
    Raises:
        FormatError: nothing found, or it was cut off before the fence or the root element was closed.
    """
    from mmzero_env import RenderRequest

    if "svg" in languages:
        code = next(fence_bodies(text, "svg"), None)
        if code is None and "<svg" in text:
            code = next((body for body in fence_bodies(text, "xml") if "<svg" in body), None)
        if code is None:
            code = _bare_svg(text)
        if code:
            return RenderRequest(code=code, language="svg")
    if "python" in languages:
        code = next(fence_bodies(text, "python"), None)
        if code:
            return RenderRequest(code=code, language="python")
    raise FormatError("no closed drawing found: expected a fenced block or <svg>...</svg>")


MOST_PARTS = 10_000
"""Fences, and svg tags inside one drawing, that are looked at: more than a response of 4,096 tokens can hold."""
FENCES = {kind: re.compile(rf"```{kind}(?![\w+.-])") for kind in ("svg", "xml", "python")}


def fence_bodies(text: str, kind: str) -> Iterator[str]:
    """Trimmed body of every closed ``` block of one kind, in order; of the first MOST_PARTS blocks."""
    for match in islice(FENCES[kind].finditer(text), MOST_PARTS):
        end = text.find("```", match.end())
        if end < 0:
            return
        yield text[match.end() : end].strip()


SVG_OPEN = re.compile(r"<svg(?=[\s>/])(?![^<>]*/>)")
SVG_TAG = re.compile(rf"{SVG_OPEN.pattern}|</svg>")


def _bare_svg(text: str) -> str | None:
    """The first <svg ... </svg>, whole when other svg elements stand inside it."""
    opening = SVG_OPEN.search(text)
    first_end = text.find("</svg>", opening.end()) if opening else -1
    if first_end < 0:
        return None
    depth = 1
    for tag in islice(SVG_TAG.finditer(text, opening.end()), MOST_PARTS):
        depth += 1 if tag.group() != "</svg>" else -1
        if not depth:
            return text[opening.start() : tag.end()]
    return text[opening.start() : first_end + len("</svg>")]


def looks_like_svg(code: str) -> bool:
    """METHOD §2.2: the code starts with `<` or contains `<svg`."""
    return code.lstrip().startswith("<") or "<svg" in code


BOX = "\\boxed{"


def boxed(text: str) -> str | None:
    """Trimmed content of the last \\boxed{...} whose braces balance, "" for an empty box; None without one.

    Escaped braces \\{ and \\} are text. Brace depths are computed for the whole text at once, so a text full of
    unclosed boxes costs no more than any other.
    """
    first = text.find(BOX)
    if first < 0:
        return None
    last = text.rfind(BOX)
    if len(text) - last <= SHORT_TAIL:
        inside = _until_closed(text, last + len(BOX))
        if inside is not None:
            return inside.strip()
    text = text[first:]
    depth = _brace_depth(text)
    opened = _brace_positions(text)
    later_minimum = np.minimum.accumulate(depth[::-1])[::-1]
    closed = opened[later_minimum[opened] < depth[opened]]
    if not len(closed):
        return None
    start = int(closed[-1])
    end = start + int((depth[start:] < depth[start]).argmax())
    return text[start + 1 : end].strip()


SHORT_TAIL = 1000
"""Characters from the last box to the end up to which the plain scan is cheaper than arrays; nearly every answer."""
BRACE = re.compile(r"\\[\\{}]|[{}]")


def _until_closed(text: str, start: int) -> str | None:
    """Text from `start`, just behind an opening brace, up to the brace that closes it."""
    depth = 1
    for match in BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if not depth:
            return text[start : match.start()]
    return None


def _codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _brace_depth(text: str) -> np.ndarray:
    """(len(text),) depth after each character."""
    if "\\" in text:
        for escape in ("\\\\", "\\{", "\\}"):
            text = text.replace(escape, "  ")
    codes = _codes(text)
    return np.cumsum((codes == ord("{")).astype(np.int32) - (codes == ord("}")))


def _brace_positions(text: str) -> np.ndarray:
    """Indices of the opening brace of every \\boxed{ in the text."""
    codes = _codes(text)
    found = np.ones(len(codes) - len(BOX) + 1, dtype=bool)
    for offset, char in enumerate(BOX):
        found &= codes[offset : len(found) + offset] == ord(char)
    return np.flatnonzero(found) + len(BOX) - 1


def extract_answer(text: str, non_answers: Sequence[str] = NON_ANSWERS) -> str | None:
    """The answer of a Solver response: the last box, or None when there is no box or it holds a non-answer."""
    return answered(boxed(text), non_answers)


def answered(answer: str | None, non_answers: Sequence[str] = NON_ANSWERS) -> str | None:
    """`answer` trimmed, or None if it is missing or a non-answer such as "N/A" (case ignored)."""
    if answer is None:
        return None
    answer = answer.strip()
    return None if not answer or answer.lower() in _lowered(tuple(non_answers)) else answer


@lru_cache(maxsize=64)
def _lowered(non_answers: tuple[str, ...]) -> frozenset[str]:
    return frozenset(text.lower() for text in non_answers)


THINK_OPEN, THINK_CLOSE = "<think>", "</think>"


def has_answer_format(text: str) -> bool:
    """METHOD §2.3: blanks, one <think>...</think>, blanks, exactly one \\boxed{...}, blanks, end."""
    text = text.strip()
    if not text.startswith(THINK_OPEN) or text.count(THINK_OPEN) != 1 or text.count(THINK_CLOSE) != 1:
        return False
    tail = text[text.index(THINK_CLOSE) + len(THINK_CLOSE) :].strip()
    if not (tail.startswith(BOX) and tail.endswith("}")):
        return False
    depth = _brace_depth(tail)
    return bool(depth[-1] == 0 and (depth[len(BOX) - 1 : -1] > 0).all())
