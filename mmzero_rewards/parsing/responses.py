"""What a model wrote -> proposal, drawing code, boxed answer: the parsers of this package under one name.

One parser each for training, collection and evaluation; all of them read what follows the model's thoughts.
"""

from mmzero_rewards.parsing.boxed import boxed, extract_answer, has_answer_format
from mmzero_rewards.parsing.code import extract_code, fence_bodies, looks_like_svg
from mmzero_rewards.parsing.proposal import PROPOSAL_FIELDS, Proposal, parse_proposal, render_proposal
from mmzero_rewards.parsing.thought import FormatError, after_thought

__all__ = [
    "PROPOSAL_FIELDS",
    "FormatError",
    "Proposal",
    "after_thought",
    "boxed",
    "extract_answer",
    "extract_code",
    "fence_bodies",
    "has_answer_format",
    "looks_like_svg",
    "parse_proposal",
    "render_proposal",
]
