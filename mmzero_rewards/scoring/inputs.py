"""What a score is computed from: a response, its drawings, and the answers of the frozen Solver. Plain data."""

from dataclasses import dataclass

from mmzero_rewards.parsing.responses import Proposal
from mmzero_rewards.scoring.verified import TextView


@dataclass(frozen=True)
class Drawing:
    """One code of one proposal: did it draw, and what the Solver answered about the picture.

    easy_votes, hard_votes: boxed contents of K roll-outs, None without a box. status: RenderStatus name or "".
    drawn_text: texts that stand in the picture. program: the easy and the hard answer that Python code left, "" where
    it left none; None where the code is no Python or did not draw.
    """

    rendered: bool
    easy_votes: tuple[str | None, ...] = ()
    hard_votes: tuple[str | None, ...] = ()
    status: str = ""
    drawn_text: tuple[str, ...] = ()
    program: tuple[str, str] | None = None


@dataclass(frozen=True)
class ProposerEvidence:
    """A Proposer response, its N drawings, the hard answers given without a picture and what is answered from the
    caption (both None: not asked)."""

    text: str
    drawings: tuple[Drawing, ...] = ()
    blind_votes: tuple[str | None, ...] | None = None
    text_view: TextView | None = None


@dataclass(frozen=True)
class CoderEvidence:
    """A Coder response to a proposal; `drawing.rendered` is False when there was no code or it did not draw.
    text_view: what is answered from the proposal's caption (None: not asked)."""

    response: str
    proposal: Proposal
    drawing: Drawing
    text_view: TextView | None = None


@dataclass(frozen=True)
class SolverEvidence:
    """A Solver response and its label; None is "no label"."""

    response: str
    label: str | None
