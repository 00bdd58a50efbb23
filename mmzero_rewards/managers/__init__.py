"""The verl reward managers (`pkg://mmzero_rewards.managers`); the only part of the package that imports verl."""

from mmzero_rewards.managers.roles import CoderRewardManager, ProposerRewardManager, SolverRewardManager

__all__ = ["CoderRewardManager", "ProposerRewardManager", "SolverRewardManager"]
