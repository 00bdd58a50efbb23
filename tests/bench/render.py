"""Speed of the rendering environment against unprotected rendering: `python tests/bench/render.py`.

Everything that is compared runs side by side in this run, in alternating rounds, on the same cores. Ratios of
throughput are of CPU seconds, those of the environment counted over all its processes (owner, template, children): what
one core would give. A busy machine still moves them by 10 to 20%, since cache misses and page faults cost CPU time too.
A process per snippet touches a few thousand fresh pages, so what one costs here (more where the host of a virtual
machine takes free memory back) is printed first. Wall-clock rates on all cores are printed beside the ratios. 1.0 is
as fast as unprotected. Exit code 1 if a goal is missed.
"""

import io
import mmap
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "env"), str(ROOT / "tests" / "bench")]

import hostile_python  # noqa: E402
import hostile_svg  # noqa: E402
from render_inputs import snippets, svg_drawings, tiny_drawings  # noqa: E402

from mmzero_env import RenderConfig, RenderEnv, RenderRequest  # noqa: E402

ROUNDS = 3
SVGS, TINY, PYTHON, COLD = 120, 200, 30, 3
CPU_S = 2.0
HOSTILE_SVG = ("use_9_levels", "200000_rectangles", "laughs", "image_path", "12000_square", "marker_bomb")
HOSTILE_PYTHON = ("allocates_4gb", "subprocess", "endless_loop")
CORES = sorted(os.sched_getaffinity(0))

missed: list[str] = []


def show(name: str, value: float, unit: str, goal: float | None = None, at_least: bool = False) -> None:
    met = goal is None or (value >= goal if at_least else value <= goal)
    wanted = "" if goal is None else f"  goal {'>=' if at_least else '<='} {goal:g}  {'ok' if met else 'MISSED'}"
    print(f"{name:<62}{value:>10,.4g} {unit:<8}{wanted}", flush=True)
    if not met:
        missed.append(name)


@dataclass(frozen=True)
class Spent:
    """Seconds of CPU, over all processes concerned, and by the clock."""

    cpu_s: float
    wall_s: float


def cpu_seconds() -> float:
    """CPU seconds of this process, of its ended children, and of running templates with their ended children."""
    mine = os.times()
    total = mine.user + mine.system + mine.children_user + mine.children_system
    for child in psutil.Process().children():
        times = child.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total


def spend(call: Callable[[], object]) -> Spent:
    wall, cpu = time.perf_counter(), cpu_seconds()
    call()
    return Spent(cpu_seconds() - cpu, time.perf_counter() - wall)


def side_by_side(calls: Sequence[Callable[[], object]], rounds: int = ROUNDS) -> list[Spent]:
    """The least that each call took over alternating rounds: what disturbs the machine hits all alike."""
    found = [[spend(call) for call in calls] for _ in range(rounds)]
    return [
        Spent(min(one.cpu_s for one in column), min(one.wall_s for one in column))
        for column in zip(*found, strict=True)
    ]


def fresh_page_us() -> float:
    """Microseconds for the first touch of a page of memory, less those of the second."""
    pages = 8192
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    with mmap.mmap(-1, pages * mmap.PAGESIZE, flags=private) as memory:
        times = []
        for value in (1, 2):
            start = time.perf_counter()
            for offset in range(0, len(memory), mmap.PAGESIZE):
                memory[offset] = value
            times.append(time.perf_counter() - start)
    return 1e6 * (times[0] - times[1]) / pages


def requests(codes: Sequence[str], language: str) -> list[RenderRequest]:
    return [RenderRequest(code, language) for code in codes]


def bare_svg(codes: Sequence[str]) -> None:
    import cairosvg

    for code in codes:
        cairosvg.svg2png(bytestring=code.encode(), background_color="white")


def bare_python(codes: Sequence[str]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    for code in codes:
        exec(code, {"TARGET": io.BytesIO()})
        plt.close("all")


def cold_python(codes: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for index, code in enumerate(codes):
            script = Path(folder) / f"{index}.py"
            script.write_text(f"import matplotlib\nmatplotlib.use('Agg')\nTARGET = 'x.png'\n{code}")
            subprocess.run([sys.executable, str(script)], cwd=folder, check=True)


def in_env(env: RenderEnv, codes: Sequence[str], language: str) -> Counter:
    return Counter(result.status.name for result in env.render_many(requests(codes, language)))


def config(workers: int) -> RenderConfig:
    # Without the cache: every round renders again.
    return RenderConfig(workers=workers, cpu_s=CPU_S, timeout_s=30.0, cache_mb=0)


def compare() -> None:
    """Protected against unprotected."""
    drawings, tiny, bare_codes = svg_drawings(SVGS), tiny_drawings(TINY), snippets(PYTHON)
    codes = [code.replace("TARGET", "'chart.png'") for code in bare_codes]
    with RenderEnv(config(len(CORES))) as env:
        assert in_env(env, drawings[:6], "svg") == {"OK": 6} and in_env(env, codes[:2], "python") == {"OK": 2}
        bare_svg(drawings[:6])
        bare_python(bare_codes[:2])
        for name, inputs, goal in (("SVG", drawings, 0.90), ("112-pixel SVG", tiny, None)):
            bare, walled = side_by_side([partial(bare_svg, inputs), partial(in_env, env, inputs, "svg")])
            show(f"{name}, bare CairoSVG in this process, per CPU second", len(inputs) / bare.cpu_s, "/s")
            show(f"{name}, environment, per CPU second", len(inputs) / walled.cpu_s, "/s")
            show(f"{name}, ratio on the same CPU time", bare.cpu_s / walled.cpu_s, "", goal, at_least=True)
            show(f"{name}, ratio by the clock, {len(CORES)} cores", bare.wall_s / walled.wall_s, "")
        warm, walled, cold = side_by_side(
            [
                partial(bare_python, bare_codes),
                partial(in_env, env, codes, "python"),
                partial(cold_python, bare_codes[:COLD]),
            ],
            rounds=4,
        )
        show("matplotlib, warm in this process, per CPU second", PYTHON / warm.cpu_s, "/s")
        show("matplotlib, environment, per CPU second", PYTHON / walled.cpu_s, "/s")
        show("matplotlib, ratio to warm on the same CPU time", warm.cpu_s / walled.cpu_s, "", 0.85, at_least=True)
        show(f"matplotlib, ratio to warm by the clock, {len(CORES)} cores", warm.wall_s / walled.wall_s, "")
        each = walled.cpu_s / PYTHON
        show("matplotlib, times a cold process on the same CPU time", cold.cpu_s / COLD / each, "x", 8.0, at_least=True)


def hostile_mix() -> None:
    """5% hostile against the same number of harmless snippets, by the clock on all cores."""
    attacks = {name: code for name, code, *_ in hostile_svg.CASES + hostile_python.CASES}
    python = [code.replace("TARGET", "'x.png'") for code in snippets(20 * len(HOSTILE_PYTHON), seed=1)]
    with RenderEnv(config(len(CORES))) as env:
        mix(env, "svg", svg_drawings(SVGS, seed=1), [attacks[name] for name in HOSTILE_SVG])
        mix(env, "python", python, [attacks[name] for name in HOSTILE_PYTHON])


def mix(env: RenderEnv, language: str, harmless: Sequence[str], attacks: Sequence[str]) -> None:
    step = len(harmless) // len(attacks)
    mixed = list(harmless)
    mixed[step // 2 :: step] = attacks
    in_env(env, harmless[:2], language)
    seen: list[Counter] = []
    benign, hostile = side_by_side(
        [partial(in_env, env, harmless, language), lambda: seen.append(in_env(env, mixed, language))], rounds=2
    )
    print(f"  {language}: {dict(seen[0])} with limit cpu_s={CPU_S:g}")
    show(f"{language}, {len(attacks)} of {len(mixed)} hostile / none hostile", hostile.wall_s / benign.wall_s, "x", 1.5)


def latency() -> None:
    start = time.perf_counter()
    with RenderEnv(config(1)) as env:
        env.render(RenderRequest(svg_drawings(1)[0], "svg"))
        show("first SVG, from opening the environment", time.perf_counter() - start, "s")
        start = time.perf_counter()
        env.render(RenderRequest(snippets(1)[0].replace("TARGET", "'x.png'"), "python"))
        show("first Python, from asking for it", time.perf_counter() - start, "s")
        for language, codes in (("svg", svg_drawings(200, seed=2)), ("python", snippets(60, seed=2))):
            asked = [RenderRequest(code.replace("TARGET", "'x.png'"), language) for code in codes]
            times = sorted(1000 * spend(partial(env.render, request)).wall_s for request in asked)
            show(f"{language}, one after another: median", statistics.median(times), "ms")
            show(f"{language}, one after another: p99", times[int(0.99 * len(times))], "ms")


def main() -> int:
    sizes = sorted(len(code) for code in svg_drawings(SVGS) + snippets(PYTHON))
    print(f"{SVGS} SVG and {PYTHON} Python drawings of {sizes[0]} to {sizes[-1]} bytes; load {os.getloadavg()[0]:.1f}")
    show("a fresh page of memory", fresh_page_us(), "us")
    compare()
    hostile_mix()
    latency()
    if missed:
        print("missed:", "; ".join(missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
