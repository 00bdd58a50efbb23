"""The report of a large run, and what dumping samples costs a training step.

    python tests/bench/report.py                    # both; about five minutes on two cores
    python tests/bench/report.py page --samples 50000 --keep FOLDER
    python tests/bench/report.py dump --run RUN_DIR

page: size of report.html (goal < 15 MB), time to build it (< 60 s), the builder's peak memory (< 1 GB), time until
Chromium shows the gallery (< 3 s). Every sample has a picture file of its own. dump: seconds that pictures and JSON
lines of one step take, as a share of drawing the same pictures in the rendering environment (a lower bound of the
step: it also generates text, asks peers and updates weights), and of the steps of RUN_DIR if one is given (goal < 2%).
Nothing here is asserted; the numbers are printed.
"""

import argparse
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mmzero_env import RenderConfig, RenderEnv, RenderRequest  # noqa: E402
from recipe.mmzero.engine.train.batch import Row  # noqa: E402
from recipe.mmzero.engine.train.samples import SampleWriter  # noqa: E402
from recipe.mmzero.report.data.read import Skips, read_run  # noqa: E402
from tests.support import synthetic  # noqa: E402

ITERATIONS, STEPS, DISTINCT = 3, 20, 600
ROLLOUTS, CODES, PER_STEP = 72, 4, 32  # the Proposer's step of the published setup; dump.samples_per_step


def large_run(folder: Path, samples: int) -> Path:
    """`samples` roll-outs in all; DISTINCT drawn pictures per iteration under as many names as there are samples."""
    per_step = -(-samples // (ITERATIONS * STEPS * 3))
    shape = synthetic.Shape(ITERATIONS, STEPS, per_step, rows=1000, pictures=DISTINCT)
    draw = synthetic.draw_pictures

    def under_many_names(images: Path, dice: random.Random, count: int):
        drawn = draw(images, dice, count)
        names = []
        for k in range(per_step * STEPS):
            name, kind, code = drawn[k % len(drawn)]
            os.link(images / name, images / f"{k:06d}{name}")
            names.append((f"{k:06d}{name}", kind, code))
        return names

    synthetic.draw_pictures = under_many_names
    try:
        return synthetic.make_run(folder, "leak", shape=shape)
    finally:
        synthetic.draw_pictures = draw


def page(samples: int, keep: Path | None) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary) / "run"
        started = time.perf_counter()
        if not (folder / "config.yaml").exists():
            large_run(folder, samples)
        count = sum(sum(1 for _ in file.open()) for file in folder.glob("iter_*/*/samples/*.jsonl"))
        pictures = sum(1 for _ in folder.glob("iter_*/*/**/*.png"))
        print(f"{count} dumped samples, {pictures} picture files (made in {time.perf_counter() - started:.0f} s)")
        output = subprocess.run(
            [sys.executable, __file__, "build", "--keep", str(folder)], check=True, capture_output=True, text=True
        ).stdout.split()
        seconds, cpu, memory = map(float, output[-3:])
        size = (folder / "report.html").stat().st_size
        busy = f"{cpu:.1f} s of CPU, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        print(f"size {size / 1e6:.1f} MB (goal < 15), built in {seconds:.1f} s (goal < 60; {busy})")
        print(f"builder's peak memory {memory / 1e6:.0f} MB (goal < 1000)")
        opening(folder / "report.html")


def build(folder: Path) -> None:
    """One process of the measurement: imports included."""
    from recipe.mmzero import report

    report.build(folder)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(time.perf_counter() - STARTED, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def opening(path: Path, times: int = 5) -> None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("opening time not measured: playwright is not installed")
        return
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("opening time not measured: no chromium on this machine")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for width in (1440, 390):
            opened, filtered, clicked = [], [], []
            for _ in range(times):
                tab = browser.new_page(viewport={"width": width, "height": 900})
                began = time.perf_counter()
                tab.goto(path.as_uri())
                tab.wait_for_function(PAINTED)
                opened.append(time.perf_counter() - began)
                filtered.append(tab.evaluate(FILTER))
                clicked.append(tab.evaluate(CLICK))
                tab.close()
            print(
                f"{width} px: opens in {statistics.median(opened):.2f} s (goal < 3; worst of {times}: "
                f"{max(opened):.2f} s); a filter takes {statistics.median(filtered):.0f} ms, a sample "
                f"{statistics.median(clicked):.0f} ms"
            )
        browser.close()


PAINTED = """() => {
  const image = document.querySelector('#cards img');
  if (document.readyState !== 'complete' || !image) return false;
  image.scrollIntoView();
  return image.complete && image.naturalWidth > 0;
}"""
FILTER = """async () => {
  const select = document.querySelector('select[name=role]'), began = performance.now();
  select.value = 'coder';
  select.dispatchEvent(new Event('input', {bubbles: true}));
  await new Promise(done => setTimeout(() => requestAnimationFrame(() => setTimeout(done, 0)), 0));
  return performance.now() - began;
}"""
CLICK = """async () => {
  const began = performance.now();
  document.querySelector('#cards button').click();
  while (!document.querySelector('dialog[open] section')) await new Promise(done => setTimeout(done, 0));
  return performance.now() - began;
}"""


def dump(run: Path | None) -> None:
    """Median seconds of one step's dump: every picture of the step is written, PER_STEP records with all terms."""
    dice = random.Random(0)
    codes = [synthetic.svg(synthetic.KINDS[k % 7], dice, f"chart {k}") for k in range(ROLLOUTS * CODES)]
    requests = [RenderRequest(code, "svg") for code in codes]
    with RenderEnv(RenderConfig(workers=2)) as env:
        env.render_many(requests[:8])
        began = time.perf_counter()
        results = env.render_many(requests)
        drawing = time.perf_counter() - began
    pngs = [result.png for result in results if result.ok]
    names = [("a.png", "map", code) for code in codes]
    rows, samples = [], []
    for k in range(ROLLOUTS):
        record = synthetic.sample("proposer", 1, 1, k, None, dice, names)
        rows.append(Row(k, k, record["uid"], record["sample"], False, record["terms"], record))
        samples.append(record)
    with tempfile.TemporaryDirectory() as folder:
        taken = [one_dump(Path(folder) / str(k), pngs, rows) for k in range(9)]
    pictures, lines = (statistics.median(part) for part in zip(*taken, strict=True))
    total = pictures + lines
    print(f"one step of {ROLLOUTS} proposals x {CODES} drawings: {len(pngs)} pictures, {PER_STEP} records")
    print(f"pictures written in {1000 * pictures:.0f} ms, records chosen and written in {1000 * lines:.0f} ms")
    print(
        f"drawing the same pictures on two workers: {drawing:.2f} s; dump / drawing {total / drawing:.2%} (goal < 2%)"
    )
    for step in read_run(run).steps if run else ():
        timed = [value for _, value in step.series.get("timing_s/step", [])]
        if timed:
            cost = own_dump(step.folder, Skips())
            print(
                f"{step.id}: median step {statistics.median(timed):.1f} s, "
                f"its dump {cost / statistics.median(timed):.2%} (goal < 2%)"
            )


def one_dump(folder: Path, pngs: list[bytes], rows: list[Row]) -> tuple[float, float]:
    """(seconds for the pictures, seconds for the records) of one step, as managers._store and trainer._dump do it."""
    from mmzero_rewards.evidence import digest

    images = folder / "images"
    began = time.perf_counter()
    for png in pngs:
        target = images / f"{digest(png)}.png"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f"{target.name}.{os.getpid()}.part")
            temporary.write_bytes(png)
            os.replace(temporary, target)
    middle = time.perf_counter()
    writer = SampleWriter(folder, PER_STEP)
    writer.write(1, [dict(row.sample) | asdict(row) | {"sample": row.session} for row in writer.choose(rows, 1)])
    return middle - began, time.perf_counter() - middle


def own_dump(step: Path, skips: Skips) -> float:
    """Seconds to write the pictures and the records of a real step once more, per dumped step."""
    from recipe.mmzero.report.data.read import json_lines

    files = sorted((step / "samples").glob("*.jsonl"))
    pngs = [path.read_bytes() for path in (step / "samples" / "images").glob("*.png")]
    with tempfile.TemporaryDirectory() as folder:
        pictures, _ = one_dump(Path(folder), pngs, [])
        began = 0.0
        for k, file in enumerate(files):
            records = [record for _, record in json_lines(file, skips)]
            start = time.perf_counter()
            SampleWriter(Path(folder), len(records)).write(k, records)
            began += time.perf_counter() - start
    return (pictures + began) / max(1, len(files))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="all", choices=["all", "page", "dump", "build"])
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--keep", type=Path, help="make the large run there, or use the one that is there")
    parser.add_argument("--run", type=Path, help="a real run folder to compare the dump with")
    arguments = parser.parse_args()
    if arguments.what == "build":
        build(arguments.keep)
    if arguments.what in ("all", "page"):
        page(arguments.samples, arguments.keep)
    if arguments.what in ("all", "dump"):
        dump(arguments.run)


STARTED = time.perf_counter()

if __name__ == "__main__":
    main()
