"""`proposer.overlap` in verl's configuration (engine/train/overlap.py)."""

from typing import Any

from omegaconf import DictConfig

SAMPLER = {"path": "pkg://recipe.mmzero.engine.train.buffer", "name": "StepByStep"}


def overlap(config: DictConfig, role: str) -> int:
    """Steps by which a stage's roll-outs run ahead of their judging."""
    return int(config.proposer.overlap) if role == "proposer" else 0


def verl_overlay(config: DictConfig, role: str) -> dict[str, Any]:
    """The buffer that keeps two steps' roll-outs apart; {} without overlap."""
    if not overlap(config, role):
        return {}
    sampler = {"custom_sampler": SAMPLER, "sampler_kwargs": {"rollouts": int(config[role].train.rollouts)}}
    return {"trainer": {"v1": {"sampler": sampler}}}
