"""Rendering environment: SVG or Python written by a model in, a picture or a named failure out.

    with RenderEnv(RenderConfig(workers=4)) as env:
        result = env.render(RenderRequest(code, "svg"))     # also render_many, and await render_async
        if result.ok:
            result.image().save("picture.png")

Each snippet runs in a process of its own that can reach nothing (env.py says what is covered and what is not).
`python -m mmzero_env doctor` shows which layers of the sandbox this machine offers.
"""

from mmzero_env.config import RenderConfig
from mmzero_env.env import RenderEnv
from mmzero_env.results import LANGUAGES, RenderEnvError, RenderRequest, RenderResult, RenderStatus

__all__ = ["LANGUAGES", "RenderConfig", "RenderEnv", "RenderEnvError", "RenderRequest", "RenderResult", "RenderStatus"]
