"""The six blocks of a Proposer response -> proposal. One parser for training, collection and evaluation.

Bodies are kept character for character (only trimmed at both ends). Everything works with `str.find` on literal tags,
so a hostile text of any length costs linear time. Source: docs/method.md §2.1.
"""

from dataclasses import dataclass, fields
from itertools import pairwise

from mmzero_rewards.config import ProposerConfig
from mmzero_rewards.parsing.content_types import content_type
from mmzero_rewards.parsing.thought import FormatError, after_thought


@dataclass(frozen=True)
class Proposal:
    """One imagined picture with two questions; field names are the tags and the parquet columns."""

    content_type: str
    caption: str
    easy_question: str
    easy_answer: str
    hard_question: str
    hard_answer: str


PROPOSAL_FIELDS = tuple(field.name for field in fields(Proposal))
"""Names of the six fields in order; the one place that lists them is the class above."""
REQUIRED = tuple(name for name in PROPOSAL_FIELDS if name != "content_type")


def parse_proposal(text: str, config: ProposerConfig | None = None) -> Proposal:
    """The six blocks of a Proposer response, in any order; thoughts and text around them are ignored.

    Raises:
        FormatError: a required tag is missing, empty, unclosed, duplicated or nested.
    """
    config = config or ProposerConfig()
    text = after_thought(text)
    spans = {tag: _block(text, tag) for tag in REQUIRED}
    spans["content_type"] = _content_type_span(text)
    _reject_nesting({tag: span for tag, span in spans.items() if span})
    bodies = {tag: text[span[0] : span[1]].strip() if span else "" for tag, span in spans.items()}
    for tag in REQUIRED:
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
    return "\n".join(f"<{tag}>{getattr(proposal, tag)}</{tag}>" for tag in PROPOSAL_FIELDS)
