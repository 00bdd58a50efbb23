"""Ten thousand renders in one process, a tenth of them hostile: nothing leaks, grows, or is out of order."""

import re
import sys
import threading
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import hostile_svg

from mmzero_env import RenderConfig, RenderEnv, RenderRequest

RENDERS = 10_000
BATCH = 1_000
GROWTH_MB = 20
# Those that end quickly; what takes CPU until a limit is in test_hostile.py.
QUICK = [
    (code, statuses)
    for name, code, statuses in hostile_svg.CASES
    if statuses.isdisjoint({"OK", "TIMEOUT"}) and code.strip()
]


def harmless(number: int) -> str:
    colour = f"#{number % 200:02x}4080"
    return (
        f'<svg width="{40 + number % 50}" height="40"><rect width="{5 + number % 30}" height="20" fill="{colour}"/>'
        f'<text y="38" font-size="9">{number}</text></svg>'
    )


def hostile(number: int) -> tuple[str, set[str]]:
    code, statuses = QUICK[number // 10 % len(QUICK)]
    return code + " " * (number // 10 // len(QUICK)), statuses  # no two the same, so that none is cached


def render_batch(env: RenderEnv, numbers: range) -> None:
    """Render and check one batch; nothing of it stays in memory but what the environment keeps."""
    codes = [hostile(n)[0] if n % 10 == 0 else harmless(n) for n in numbers]
    for n, result in zip(numbers, env.render_many([RenderRequest(code, "svg") for code in codes]), strict=True):
        if n % 10 == 0:
            fits = result.status.name in hostile(n)[1]
        else:
            fits = result.ok and result.text == (str(n),) and result.width == 40 + n % 50
        if not fits:
            raise AssertionError(f"render {n}: {result}")


@pytest.mark.slow
def test_ten_thousand_renders():
    me = psutil.Process()
    with RenderEnv(RenderConfig(workers=2, timeout_s=60.0)) as env:
        baseline = None
        for start in range(0, RENDERS, BATCH):
            render_batch(env, range(start, start + BATCH))
            family = me.children(recursive=True)
            assert len(family) <= 1 + 2 + 1 + 3, "template, workers, spare, and a few on their way out"
            memory_mb = me.memory_info().rss / 2**20
            print(f"{start + BATCH} renders: {memory_mb:.0f} MB, {me.num_fds()} descriptors")
            if baseline is None:  # the first batch is the warm-up
                baseline = memory_mb, me.num_fds(), threading.active_count(), [p for p in me.children()]
        assert memory_mb - baseline[0] < GROWTH_MB, f"grew from {baseline[0]:.0f} to {memory_mb:.0f} MB"
        assert abs(me.num_fds() - baseline[1]) <= 4, "sockets of ready children come and go"
        assert threading.active_count() == baseline[2] and me.children() == baseline[3]
        (template,) = me.children()
        assert not [name for name in template.environ() if re.search("SECRET|TOKEN", name)]
        assert template.num_fds() < 20
    assert not me.children()
