"""vLLM's own plug-in entry (group `vllm.general_plugins`): vLLM calls `register` in every engine and worker process.

It carries the one patch that vLLM's CPU build needs to accept new weights (patches.py), for processes of vLLM that
never import verl.
"""

import os


def register() -> None:
    if os.environ.get("VERL_PLATFORM") != "cpu":
        return
    from recipe.mmzero.engine.platform.hooks import after_import
    from recipe.mmzero.engine.platform.patches import PATCHES

    patch = next(p for p in PATCHES if p.name == "reloadable_cpu_linear")
    after_import(patch.module, patch.apply)
