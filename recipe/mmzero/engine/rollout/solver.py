"""The Solver's rollout worker: picture + question -> boxed answer."""

from typing import Any

from mmzero_rewards import extract_answer
from recipe.mmzero.engine.rollout.base import RoleAgentLoop


class SolverAgentLoop(RoleAgentLoop):
    """Attaches `answer`: the content of the last box, or None."""

    def parse(self, text: str, row: dict[str, Any]) -> dict[str, Any]:
        return {"answer": extract_answer(text)}
