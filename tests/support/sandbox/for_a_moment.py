"""A template in which making folders or processes fails for two seconds: `python for_a_moment.py mkdir|fork`.

Prints whether each of six renders worked, one after another.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from mmzero_env import RenderConfig, RenderEnv, RenderRequest
from mmzero_env.process import spawner

FAIL = """
import os, time
real_call, failing = os.{call}, []
def fails(*args, **kwargs):
    # only for snippets: the layers are tried and the fonts are listed before
    if sys._getframe(1).f_code.co_name in ("fork", "folder"):
        failing.append(time.monotonic())
        if failing[-1] < failing[0] + 2.0:
            raise OSError(28, "not now")
    return real_call(*args, **kwargs)
os.{call} = fails
"""


def main(call: str) -> None:
    # The template runs this first.
    spawner.BOOT = spawner.BOOT.replace("from mmzero", f"exec({FAIL.format(call=call)!r}); from mmzero")
    with RenderEnv(RenderConfig(workers=2)) as env:
        for number in range(6):
            code = f"from PIL import Image\nImage.linear_gradient('L').show()\n# {number}"
            print(env.render(RenderRequest(code, "python")).ok, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
