"""The Coder's rollout worker: proposal -> drawing code."""

from typing import Any

from mmzero_rewards import FormatError, extract_code
from recipe.mmzero.engine.rollout.base import RoleAgentLoop


class CoderAgentLoop(RoleAgentLoop):
    """Attaches `code` and `language`: the extracted drawing, or None and why there is none."""

    def parse(self, text: str, row: dict[str, Any]) -> dict[str, Any]:
        languages = tuple(self.config.mmzero.scoring.coder.languages)
        try:
            request = extract_code(text, languages)
            return {"code": request.code, "language": request.language, "format_error": ""}
        except FormatError as error:
            return {"code": None, "language": "", "format_error": str(error)}
