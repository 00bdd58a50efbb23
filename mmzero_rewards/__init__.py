"""Rewards of MM-Zero: parsing, grading, voting and scoring as pure functions, usable without verl or torch.

The verl reward managers are in `mmzero_rewards.managers`, the async peer client in `mmzero_rewards.peers`; neither is
imported here.
"""

from mmzero_rewards.answers.grading import GraderUnavailable, canonical, grade
from mmzero_rewards.answers.voting import Vote, vote
from mmzero_rewards.config import RewardConfig
from mmzero_rewards.parsing.responses import FormatError, Proposal, extract_answer, extract_code, parse_proposal
from mmzero_rewards.scoring.diversity import BatchTerms, batch_terms, cluster_shares
from mmzero_rewards.scoring.inputs import CoderEvidence, Drawing, ProposerEvidence, SolverEvidence
from mmzero_rewards.scoring.labels import Label, label_row
from mmzero_rewards.scoring.roles import score_coder, score_proposer, score_solver

__all__ = [
    "BatchTerms",
    "CoderEvidence",
    "Drawing",
    "FormatError",
    "GraderUnavailable",
    "Label",
    "Proposal",
    "ProposerEvidence",
    "RewardConfig",
    "SolverEvidence",
    "Vote",
    "batch_terms",
    "canonical",
    "cluster_shares",
    "extract_answer",
    "extract_code",
    "grade",
    "label_row",
    "parse_proposal",
    "score_coder",
    "score_proposer",
    "score_solver",
    "vote",
]
