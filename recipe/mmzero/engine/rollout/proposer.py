"""The Proposer's rollout worker: topic -> six blocks."""

from dataclasses import asdict
from typing import Any

from mmzero_rewards import FormatError, parse_proposal
from recipe.mmzero.engine.rollout.base import RoleAgentLoop


class ProposerAgentLoop(RoleAgentLoop):
    """Attaches `proposal`: the parsed fields, or None and the format error."""

    def parse(self, text: str, row: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"proposal": asdict(parse_proposal(text)), "format_error": ""}
        except FormatError as error:
            return {"proposal": None, "format_error": str(error)}
