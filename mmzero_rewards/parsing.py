"""What a model wrote -> proposal, drawing code, boxed answer. One parser for training, collection and evaluation.

Bodies are kept character for character (only trimmed at both ends). Everything works with `str.find` on literal tags
or single-pass scans, so a hostile text of any length costs linear time. Source: METHOD §2.0-2.2.

Not covered: whether code draws (mmzero_env) and whether answers are equal (grading.py).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mmzero_rewards.config import CONTENT_TYPES, NON_ANSWERS, ProposerConfig

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


KEYWORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "diagram",
        (
            "flowchart",
            "flow chart",
            "network diagram",
            "org diagram",
            "state diagram",
            "circuit diagram",
            "block diagram",
        ),
    ),
    (
        "data_chart",
        (
            "bar chart",
            "line chart",
            "pie chart",
            "area chart",
            "radar chart",
            "bubble chart",
            "scatter",
            "histogram",
            "stacked",
            "heatmap",
            "treemap",
        ),
    ),
    (
        "geometry",
        (
            "angle",
            "triangle",
            "circle",
            "radius",
            "coordinate",
            "geometry",
            "perpendicular",
            "chord",
            "polygon",
            "rectangle",
        ),
    ),
    ("timeline", ("timeline", "schedule", "gantt")),
    ("map", ("map", "region", "geographic", "country")),
    ("table", ("table", "grid")),
)
"""Caption keywords of each class, tried in this order (METHOD §2.1)."""

PLURALS = {"radius": "radii", "country": "countries", "geometry": "geometries"}


def _whole_word(form: str) -> re.Pattern:
    """`form` between non-letters; starts with the literal, which `re` finds fast in long text."""
    return re.compile(rf"{re.escape(form)}(?<![^\W_]{re.escape(form)})(?![^\W_])")


WORD_PATTERNS = tuple(
    (kind, tuple((form, _whole_word(form)) for word in words for form in (word, PLURALS.get(word, word + "s"))))
    for kind, words in KEYWORDS
)


def content_type(tag: str, caption: str, fallback: str = "word") -> str:
    """Class of a proposal: the tag if it is on the list, else the first caption keyword, else `other`.

    Args:
        tag: body of <content_type>; case, outer blanks and blank-for-underscore are forgiven.
        fallback: `word` (whole words, plural allowed), `substring` (as the reference) or `none`.
    """
    name = "_".join(tag.lower().split())
    if name in CONTENT_TYPES and name != "other":
        return name
    lowered = caption.lower()
    if fallback == "substring":
        return next((kind for kind, words in KEYWORDS if any(word in lowered for word in words)), "other")
    if fallback == "word":
        for kind, patterns in WORD_PATTERNS:
            if any(form in lowered and pattern.search(lowered) for form, pattern in patterns):
                return kind
    return "other"


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
        if code is None:
            code = next((body for body in fence_bodies(text, "xml") if "<svg" in body), None)
        if code is None:
            code = _bare_svg(text)
        if code:
            return RenderRequest(code=code, language="svg")
    if "python" in languages:
        code = next(fence_bodies(text, "python", "py"), None)
        if code:
            return RenderRequest(code=code, language="python")
    raise FormatError("no closed drawing found: expected a fenced block or <svg>...</svg>")


FENCE = re.compile(r"```[ \t]*([\w+.-]*)")


def fence_bodies(text: str, *kinds: str) -> Iterator[str]:
    """Trimmed body of every closed ``` block of one of `kinds` (lower-case info words), in order."""
    for match in FENCE.finditer(text):
        if match.group(1).lower() in kinds:
            end = text.find("```", match.end())
            if end < 0:
                return
            yield text[match.end() : end].strip()


SVG_OPEN = re.compile(r"<svg(?=[\s>/])")


def _bare_svg(text: str) -> str | None:
    opening = SVG_OPEN.search(text)
    if not opening:
        return None
    end = text.find("</svg>", opening.end())
    return text[opening.start() : end + len("</svg>")] if end >= 0 else None


def looks_like_svg(code: str) -> bool:
    """METHOD §2.2: the code starts with `<` or contains `<svg`."""
    return code.lstrip().startswith("<") or "<svg" in code


BOX = "\\boxed{"


def boxed(text: str) -> str | None:
    """Trimmed content of the last \\boxed{...} whose braces balance, "" for an empty box; None without one.

    Escaped braces \\{ and \\} are text. A box that is never closed cannot be inside an earlier one that is, so each
    candidate is searched only up to the next one and the whole scan is linear.
    """
    limit = len(text)
    start = text.rfind(BOX)
    while start >= 0:
        end = _closing_brace(text, start + len(BOX), limit)
        if end >= 0:
            return text[start + len(BOX) : end].strip()
        limit = start
        start = text.rfind(BOX, 0, limit)
    return None


def _closing_brace(text: str, start: int, limit: int) -> int:
    """Index of the brace that closes the one just before `start`, searched up to `limit`; -1 if there is none."""
    segment = text[start:limit]
    if "\\" in segment:
        for escape in ("\\\\", "\\{", "\\}"):
            segment = segment.replace(escape, "  ")
    codes = np.frombuffer(segment.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    depth = 1 + np.cumsum((codes == ord("{")).astype(np.int32) - (codes == ord("}")))
    closed = depth == 0
    return start + int(closed.argmax()) if closed.any() else -1


def extract_answer(text: str, non_answers: Sequence[str] = NON_ANSWERS) -> str | None:
    """The answer of a Solver response: the last box, or None when there is no box or it holds a non-answer."""
    return answered(boxed(text), non_answers)


def answered(answer: str | None, non_answers: Sequence[str] = NON_ANSWERS) -> str | None:
    """`answer` trimmed, or None if it is missing or a non-answer such as "N/A" (case ignored)."""
    if answer is None:
        return None
    answer = answer.strip()
    return None if not answer or answer.lower() in non_answers else answer


THINK_OPEN, THINK_CLOSE = "<think>", "</think>"


def has_answer_format(text: str) -> bool:
    """METHOD §2.3: blanks, one <think>...</think>, blanks, exactly one \\boxed{...}, blanks, end."""
    text = text.strip()
    if not text.startswith(THINK_OPEN) or text.count(THINK_OPEN) != 1 or text.count(THINK_CLOSE) != 1:
        return False
    tail = text[text.index(THINK_CLOSE) + len(THINK_CLOSE) :].strip()
    return tail.startswith(BOX) and _closing_brace(tail, len(BOX), len(tail)) == len(tail) - 1
