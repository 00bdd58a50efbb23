"""What the three rollout workers share: verl's single-turn loop, a seed per roll-out, and parsed output.

verl instantiates one worker object per roll-out inside its agent-loop processes (config/agent_loops.yaml). A worker
samples one answer and attaches what it parsed to `extra_fields`, where the reward manager and the sample dumps read it.
"""

from typing import Any

from verl.experimental.agent_loop.agent_loop import AgentLoopOutput
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop

from recipe.mmzero.settings.seeds import derive_seed


class RoleAgentLoop(SingleTurnAgentLoop):
    """Samples one answer with a derived seed, then calls `parse`."""

    async def run(self, sampling_params: dict[str, Any], **kwargs) -> AgentLoopOutput:
        settings = self.config.mmzero
        index = int(_plain(kwargs.get("index", 0)))
        step, session = int(_plain(kwargs.get("global_steps", 0))), int(kwargs.get("session_id", 0))
        seed = derive_seed(settings.seed, settings.iteration, settings.role, index, step * 1_000_003 + session)
        output = await super().run(dict(sampling_params) | {"seed": seed % 2**31}, **kwargs)
        text = self.tokenizer.decode(output.response_ids, skip_special_tokens=True)
        output.extra_fields.update(self.parse(text, kwargs))
        return output

    def parse(self, text: str, row: dict[str, Any]) -> dict[str, Any]:
        """What the role's answer holds; the same keys for every roll-out. Malformed answers are data, not errors."""
        raise NotImplementedError


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
