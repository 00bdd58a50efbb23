"""Ten thousand renders in one process, a tenth of them hostile: nothing leaks, grows, or is out of order.

Nine tenths are SVG. Of the Python snippets a quarter is hostile. All the while processes that wait for code are killed,
as the kernel does when memory is short; no harmless snippet may pay for it.
"""

import contextlib
import os
import re
import signal
import threading

import psutil
import pytest

from mmzero_env import RenderConfig, RenderEnv, RenderRequest
from mmzero_env.process import held_folder, scratch
from tests.support.sandbox import hostile_python, hostile_svg

RENDERS = 10_000
BATCH = 1_000
GROWTH_MB = 20
# Those that end quickly (what takes a limit to end is in test_hostile.py) and need nothing to be there.
SLOW = {"OK", "TIMEOUT", "MEMORY"}
QUICK = {
    language: [
        (code, statuses)
        for _, code, statuses, *_ in cases
        if statuses.isdisjoint(SLOW) and code.strip() and not re.search("PLAYGROUND|PORT", code)
    ]
    for language, cases in (("svg", hostile_svg.CASES), ("python", hostile_python.CASES))
}
# Files without a name, and results that claim too much or say what they like.
TURNS = hostile_python.TOOLS + "import mmap\nkept = []\nfor i in range(4):\n    "
FORGED = (
    "(chr(0x100).encode() + bytes(1)) * 28000",
    "bytes(84000)",
    "b'a' * 20001",
    "(chr(0x100).encode() + bytes(1)) * 4999",  # as much as is let through
)
QUICK["python"] += [(TURNS + how, {"FORBIDDEN", "NO_IMAGE"}) for how in hostile_python.NAMELESS.values()]
QUICK["python"] += [(f"{hostile_python.FORGE}forge({texts})", {"OK", "CRASH"}) for texts in FORGED] * 3
KILL_EVERY_S = 0.3


def harmless_svg(number: int) -> str:
    colour = f"#{number % 200:02x}4080"
    return (
        f'<svg width="{40 + number % 50}" height="40"><rect width="{5 + number % 30}" height="20" fill="{colour}"/>'
        f'<text y="38" font-size="9">{number}</text></svg>'
    )


def harmless_python(number: int) -> str:
    if number % 40 == 5:
        return (
            f"import matplotlib.pyplot as plt\nplt.figure(figsize=({0.4 + number % 50 / 100}, 0.4), dpi=100)\n"
            f"plt.figtext(0.1, 0.5, '{number}')\nplt.savefig('a.png')"
        )
    return (
        f"from PIL import Image, ImageDraw\nimage = Image.new('RGB', ({40 + number % 50}, 40), 'white')\n"
        f"ImageDraw.Draw(image).text((1, 1), '{number}', fill='black')\nimage.save('a.png')"
    )


def request(number: int) -> tuple[RenderRequest, set[str]]:
    """The snippet of this number, no two the same so that none is cached, and the statuses that are right."""
    if number % 10 == 0:
        language = "python" if number % 40 == 0 else "svg"
        code, statuses = QUICK[language][number // 10 % len(QUICK[language])]
        return RenderRequest(code + "\n" + " " * (number // 10), language), statuses
    if number % 20 in (5, 15):
        return RenderRequest(harmless_python(number), "python"), {"OK"}
    return RenderRequest(harmless_svg(number), "svg"), {"OK"}


def render_batch(env: RenderEnv, numbers: range) -> None:
    """Render and check one batch; nothing of it stays in memory but what the environment keeps."""
    asked = [request(number) for number in numbers]
    for number, (_, statuses), result in zip(
        numbers, asked, env.render_many([snippet for snippet, _ in asked]), strict=True
    ):
        fits = result.status.name in statuses
        if result.ok and number % 10:
            fits = fits and result.text == (str(number),) and result.width == 40 + number % 50
        if not fits:
            raise AssertionError(f"render {number}: {result}")


@contextlib.contextmanager
def killing_those_that_wait(env: RenderEnv):
    """Yields a list with the process killed each time: one that has no code yet."""
    killed: list[int] = []
    done = threading.Event()

    def kill() -> None:
        while not done.wait(KILL_EVERY_S):
            for spawner in list(env._spawners.values()):
                with spawner._changed:  # nobody takes it in the meantime
                    for child in list(spawner._children)[:1]:
                        os.kill(child.pid, signal.SIGKILL)
                        killed.append(child.pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        done.set()
        thread.join()


def abandoned() -> set[str]:
    """Folders of templates that nobody holds any more."""
    found = set()
    for name in os.listdir("/dev/shm"):
        with contextlib.suppress(OSError):
            if name.startswith(scratch.PREFIX) and (lock := held_folder._locked(f"/dev/shm/{name}")) is not None:
                os.close(lock)
                found.add(name)
    return found


@pytest.mark.slow
def test_ten_thousand_renders():
    me = psutil.Process()
    before = abandoned()
    with RenderEnv(RenderConfig(workers=2, timeout_s=60.0)) as env, killing_those_that_wait(env) as killed:
        baseline = None
        for start in range(0, RENDERS, BATCH):
            render_batch(env, range(start, start + BATCH))
            family = me.children(recursive=True)
            assert len(family) <= 2 * (1 + 2 + 1 + 3), "templates, workers, spares, and a few on their way out"
            memory_mb = me.memory_info().rss / 2**20
            print(f"{start + BATCH} renders: {memory_mb:.0f} MB, {me.num_fds()} descriptors")
            if baseline is None:  # the first batch is the warm-up
                baseline = memory_mb, me.num_fds(), threading.active_count(), [p for p in me.children()]
        assert memory_mb - baseline[0] < GROWTH_MB, f"grew from {baseline[0]:.0f} to {memory_mb:.0f} MB"
        assert abs(me.num_fds() - baseline[1]) <= 4, "sockets of ready children come and go"
        assert threading.active_count() == baseline[2] and me.children() == baseline[3]
        for template in me.children():
            assert not [name for name in template.environ() if re.search("SECRET|TOKEN", name)]
            assert template.num_fds() < 20
    assert not me.children() and len(killed) > 50
    assert abandoned() <= before
