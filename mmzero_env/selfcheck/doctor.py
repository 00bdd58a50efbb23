"""What this machine offers: each layer of the sandbox, and whether each language draws behind it."""

import dataclasses

from mmzero_env.config import RenderConfig
from mmzero_env.env import RenderEnv
from mmzero_env.results import RenderEnvError, RenderRequest

TRIALS = {
    "svg": '<svg width="40" height="40"><rect width="9" height="9" fill="red"/></svg>',
    "python": "from PIL import Image\nImage.linear_gradient('L').show()",
}


def examine(config: RenderConfig | None = None) -> list[tuple[str, bool, str]]:
    """(name, fine, detail) for each layer and each language. Never raises for what a machine lacks."""
    config = dataclasses.replace(config or RenderConfig(), workers=1, sandbox="best_effort")
    try:
        with RenderEnv(config) as env:
            return env.layers() + [(language, *_trial(env, language)) for language in TRIALS]
    except RenderEnvError as error:
        return [("start", False, str(error))]


def _trial(env: RenderEnv, language: str) -> tuple[bool, str]:
    try:
        result = env.render(RenderRequest(TRIALS[language], language))
    except RenderEnvError as error:
        return False, str(error)
    return (
        result.ok,
        f"draws in {1000 * result.wall_s:.0f} ms" if result.ok else f"{result.status.name}: {result.message}",
    )
