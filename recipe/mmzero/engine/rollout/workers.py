"""The rollout workers: verl's single-turn loop with a seed for every roll-out.

verl makes one worker object per roll-out inside its agent-loop processes (config/agent_loops.yaml). A role that needs
more between prompt and reward than one sampled answer, such as its own stop strings or repair turns, gets it here.
Workers attach nothing: what a response says is read once, by the reward manager, with the run's own settings.
"""

from typing import Any

from verl.experimental.agent_loop.agent_loop import AgentLoopOutput
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop

from recipe.mmzero.engine.rollout.pictures import prepare_once
from recipe.mmzero.engine.rollout.written import announce
from recipe.mmzero.settings.seeds import derive_seed

STEP_STRIDE = 1_000_003
"""Keeps step and session apart in one number: more roll-outs of a prompt than this are not made."""


class RoleAgentLoop(SingleTurnAgentLoop):
    """Samples one answer with a seed derived from the run's seed, iteration, role, row, step and roll-out."""

    async def run(self, sampling_params: dict[str, Any], **kwargs) -> AgentLoopOutput:
        settings = self.config.mmzero
        row, step = int(_plain(kwargs.get("index", 0))), int(_plain(kwargs.get("global_steps", 0)))
        sample = step * STEP_STRIDE + int(kwargs.get("session_id", 0))
        seed = derive_seed(settings.seed, settings.iteration, settings.role, row, sample)
        try:
            return await super().run(dict(sampling_params) | {"seed": seed}, **kwargs)
        finally:  # one that failed is not waited for either
            if settings.overlap:
                await announce(kwargs["uid"], int(kwargs.get("session_id", 0)), step)


class ProposerAgentLoop(RoleAgentLoop):
    """Topic -> six blocks."""


class CoderAgentLoop(RoleAgentLoop):
    """Proposal -> drawing code."""


class SolverAgentLoop(RoleAgentLoop):
    """Picture and question -> reasoning and a boxed answer."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        prepare_once(self.processor)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
