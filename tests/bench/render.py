"""Speed of the rendering environment against unprotected rendering: `python tests/bench/render.py` (4 minutes).

    python tests/bench/render.py                    against warm and cold unprotected processes, hostile mix, latency
    python tests/bench/render.py --beside FOLDER    also against the environment of another checkout, round by round

Everything that is compared runs side by side in this run, in alternating rounds, on the same cores, by the clock: the
environment with one worker per core against as many warm processes that render unprotected, each its share. A ratio is
the median over the rounds of (time unprotected / time in the environment): 1.0 is as fast as unprotected. The ratio to
a single warm process is what somebody gains who renders in one today.

A process per snippet copies a few thousand pages of memory. What a page costs here is printed first, how many a snippet
touches for the first time beside its ratio, and what the ratio would be where a page costs PAGE_US, as on
machines of one's own.
Exit code 1 if a goal is missed.
"""

import argparse
import contextlib
import io
import json
import mmap
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mmzero_env import RenderConfig, RenderEnv, RenderRequest  # noqa: E402
from tests.bench.render_inputs import snippets, svg_drawings, tiny_drawings  # noqa: E402
from tests.support.sandbox import hostile_python, hostile_svg  # noqa: E402

ROUNDS = 9
SVGS, TINY, PYTHON = 120, 200, 30
ATTACK_SHARE = 20  # one snippet in so many is hostile
SVG_ATTACKS, PYTHON_ATTACKS = slice(None, None, 3), slice(None, None, 12)  # all of them would take half an hour
# Another checkout's environment: a line in, all codes rendered, a line out.
OTHER = """
import json, sys
from mmzero_env import RenderConfig, RenderEnv, RenderRequest
workers, language, codes = json.loads(sys.stdin.readline())
requests = [RenderRequest(code, language) for code in codes]
with RenderEnv(RenderConfig(workers=workers, cache_mb=0)) as env:
    for _ in sys.stdin:
        print(sum(result.ok for result in env.render_many(requests)), flush=True)
"""
# What a page costs without a hypervisor below: an assumption, for the ratio that is printed beside the measured one.
PAGE_US = 0.5
CORES = sorted(os.sched_getaffinity(0))

missed: list[str] = []


def show(name: str, value: float, unit: str, goal: float | None = None, at_least: bool = False) -> None:
    met = goal is None or (value >= goal if at_least else value <= goal)
    wanted = "" if goal is None else f"  goal {'>=' if at_least else '<='} {goal:g}  {'ok' if met else 'MISSED'}"
    print(f"{name:<62}{value:>10,.4g} {unit:<8}{wanted}", flush=True)
    if not met:
        missed.append(name)


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def side_by_side(*calls: Callable[[], object], rounds: int = ROUNDS) -> list[list[float]]:
    """Seconds of each call in alternating rounds: what disturbs the machine hits all alike."""
    rows = [[seconds(call) for call in calls] for _ in range(rounds)]
    return [list(column) for column in zip(*rows, strict=True)]


def ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """Median over the rounds."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


def copied_page_us() -> float:
    """Microseconds to copy a page of memory in a forked process, when it is written there for the first time."""
    pages = 8192
    with mmap.mmap(-1, pages * mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        touch(memory, 1)
        receive, send = os.pipe()
        if not (child := os.fork()):
            first, second = (seconds(partial(touch, memory, value)) for value in (2, 3))
            os.write(send, f"{1e6 * (first - second) / pages}".encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(send)
        with os.fdopen(receive) as pipe:
            return float(pipe.read())


def touch(memory: mmap.mmap, value: int) -> None:
    for offset in range(0, len(memory), mmap.PAGESIZE):
        memory[offset] = value


def page_faults() -> int:
    """Pages that this process's children, and theirs that have ended, touched for the first time (proc(5), stat)."""
    found = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone in the meantime
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            if int(fields[1]) == os.getpid():
                found += int(fields[7]) + int(fields[8])
    return found


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


def cold_python(code: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "snippet.py"
        script.write_text(f"import matplotlib\nmatplotlib.use('Agg')\nTARGET = 'x.png'\n{code}")
        subprocess.run([sys.executable, str(script)], cwd=folder, check=True)


def share_out(pool: Executor, bare: Callable[[Sequence[str]], None], codes: Sequence[str]) -> None:
    """As many unprotected processes as cores, each its share."""
    list(pool.map(bare, [codes[index :: len(CORES)] for index in range(len(CORES))]))


def in_env(env: RenderEnv, codes: Sequence[str], language: str) -> Counter:
    return Counter(result.status.name for result in env.render_many(requests(codes, language)))


def config(workers: int) -> RenderConfig:
    # Without the cache: every round renders again.
    return RenderConfig(workers=workers, cache_mb=0)


@contextlib.contextmanager
def other_env(folder: Path, codes: Sequence[str], language: str):
    """The environment of another checkout, in a process of its own: a call renders all codes."""
    with subprocess.Popen(
        [sys.executable, "-c", OTHER], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        print(json.dumps([len(CORES), language, list(codes)]), file=process.stdin, flush=True)

        def call() -> None:
            print(file=process.stdin, flush=True)
            if int(process.stdout.readline() or 0) != len(codes):
                raise RuntimeError(f"{folder}: its environment did not draw all of {len(codes)} {language} snippets")

        yield call
        process.stdin.close()


def beside(folder: Path) -> None:
    """Both environments round by round. Goal: no slower, but for what two rounds of the same one differ (3%)."""
    named = [code.replace("TARGET", "'chart.png'") for code in snippets(PYTHON)]
    inputs = (("SVG", svg_drawings(SVGS), "svg"), ("112-pixel SVG", tiny_drawings(TINY), "svg"))
    for name, codes, language in (*inputs, ("matplotlib", named, "python")):
        with RenderEnv(config(len(CORES))) as env, other_env(folder, codes, language) as other:
            here = partial(in_env, env, codes, language)
            for warm_up in (here, other):
                warm_up()
            theirs, ours = side_by_side(other, here)
        show(f"{name}, time of {folder.name} / time here", ratio(theirs, ours), "", 0.97, at_least=True)


def compare() -> None:
    """Protected against unprotected."""
    spawn = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(len(CORES), spawn) as processes,
        ThreadPoolExecutor(len(CORES)) as threads,
        RenderEnv(config(len(CORES))) as env,
    ):
        for name, inputs, goal in (
            ("SVG", svg_drawings(SVGS), 0.90),
            ("112-pixel SVG", tiny_drawings(TINY), None),
        ):
            warm_and_walled(name, inputs, goal, bare_svg, partial(in_env, env, inputs, "svg"), processes)
        codes = snippets(PYTHON)
        named = [code.replace("TARGET", "'chart.png'") for code in codes]
        warm_and_walled("matplotlib", codes, 0.85, bare_python, partial(in_env, env, named, "python"), processes)
        cold, walled = side_by_side(
            lambda: list(threads.map(cold_python, codes)), partial(in_env, env, named, "python"), rounds=3
        )
        show(f"matplotlib, a cold process each, {len(CORES)} at a time", PYTHON / statistics.median(cold), "/s")
        show("matplotlib, times cold processes", ratio(cold, walled), "x", 8.0, at_least=True)


def warm_and_walled(
    name: str,
    codes: Sequence[str],
    goal: float | None,
    bare: Callable[[Sequence[str]], None],
    walled: Callable[[], object],
    processes: Executor,
) -> None:
    once = partial(share_out, processes, bare, codes)
    for warm_up in (once, walled, partial(bare, codes[:6])):
        warm_up()
    together, protected, alone = side_by_side(once, walled, partial(bare, codes))
    show(f"{name}, unprotected, {len(CORES)} warm processes", len(codes) / statistics.median(together), "/s")
    show(f"{name}, environment, {len(CORES)} workers", len(codes) / statistics.median(protected), "/s")
    show(f"{name}, ratio to as many warm processes", ratio(together, protected), "", goal, at_least=True)
    show(f"{name}, ratio to one warm process", ratio(alone, protected), "")
    before = page_faults()
    once()
    between = page_faults()
    walled()
    pages = page_faults() - between - (between - before)
    show(f"{name}, pages a snippet, more than unprotected", pages / len(codes), "")
    dearer_s = (copied_page_us() - PAGE_US) * 1e-6 * pages / len(CORES)
    show(
        f"{name}, ratio if a page cost {PAGE_US:g} us",
        statistics.median(a / (b - dearer_s) for a, b in zip(together, protected, strict=True)),
        "",
    )


def hostile_mix() -> None:
    """5% hostile against the same number of harmless snippets, at the limits that users get."""
    python = hostile_python.CASES[PYTHON_ATTACKS]
    with RenderEnv(config(len(CORES))) as env:
        mix(env, "svg", hostile_svg.CASES[SVG_ATTACKS], svg_drawings)
        mix(env, "python", python, lambda count: [code.replace("TARGET", "'x.png'") for code in snippets(count)])


def mix(env: RenderEnv, language: str, cases: Sequence[tuple], draw: Callable[[int], list[str]]) -> None:
    attacks = [code for _, code, *_ in cases]
    harmless = draw(ATTACK_SHARE * len(attacks))
    mixed = list(harmless)
    mixed[ATTACK_SHARE // 2 :: ATTACK_SHARE] = attacks
    seen: list[Counter] = []
    benign, hostile = side_by_side(
        partial(in_env, env, harmless, language), lambda: seen.append(in_env(env, mixed, language)), rounds=2
    )
    print(f"  {language}, {len(attacks)} attacks among {len(mixed)}: {dict(seen[0])}")
    show(f"{language}, 5% hostile / none hostile", min(hostile) / min(benign), "x", 1.5)


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
            times = sorted(1000 * seconds(partial(env.render, request)) for request in asked)
            show(f"{language}, one after another: median", statistics.median(times), "ms")
            show(f"{language}, one after another: p99", times[int(0.99 * len(times))], "ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beside", type=Path, metavar="FOLDER", help="another checkout to compare with")
    options = parser.parse_args()
    start = time.perf_counter()
    sizes = sorted(len(code) for code in svg_drawings(SVGS) + snippets(PYTHON))
    print(f"{SVGS} SVG and {PYTHON} Python drawings of {sizes[0]} to {sizes[-1]} bytes; load {os.getloadavg()[0]:.1f}")
    show("a page of memory, copied in a forked process", copied_page_us(), "us")
    compare()
    if options.beside:
        beside(options.beside.resolve())
    hostile_mix()
    latency()
    print(f"load at the end {os.getloadavg()[0]:.1f}; {time.perf_counter() - start:.0f} s")
    if missed:
        print("missed:", "; ".join(missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
