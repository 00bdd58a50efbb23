"""Where a training stage's seconds before its first step go, read from the logs of a run; or two checkouts in turn.

    python tests/bench/startup.py RUN_DIR
    python tests/bench/startup.py --against CHECKOUT [--pairs 3]

RUN_DIR: for every training stage the journal says when it began and ended, its log when its parts were ready, its
metrics how long its steps took. What lies between the last mark and the end and is no step is the rest: the first
weights to the server, queues, the end of Ray, the export.

--against: the tiny base's Proposer stage with one step of two prompts, by this checkout and another in turn, each with
a warm server that is ready. Processor seconds are those of all processes of the stage, so that they compare on a busy
machine, too.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

from recipe.mmzero.settings.checks.layout import ROLES
from recipe.mmzero.settings.folder import RunFolder, stage_of

# Mark of a log line -> what is ready at its first (or last, with `+`) appearance; in the order of a stage.
MARKS = (
    ("verl's imports and configuration", r"authentication_token_setup|Started a local Ray instance"),
    ("Ray", r"Started a local Ray instance"),
    ("trainer process, rows, tokenizer", r"Total training steps"),
    ("peers and training processes", r"create worker group"),
    ("training model", r"actor and ref model engine initialized"),
    ("server of the trained role +", r"multi-modal warmup completed"),
)
STAMP = re.compile(r"(?:(\d{4})-)?(\d{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2})(?:[,.](\d{3}))?")


def moment(line: str, year: int) -> float | None:
    """Seconds since 1970 of a log line's local time."""
    found = STAMP.search(line)
    if not found:
        return None
    whole = [int(found[1] or year), *(int(found[i]) for i in range(2, 7))]
    return datetime(*whole).timestamp() + int(found[7] or 0) / 1000


def parts(run: RunFolder, name: str, record: dict) -> dict[str, float]:
    """Part -> seconds, for one finished training stage."""
    began, ended = record["started"], record["ended"]
    year = datetime.fromtimestamp(began).year
    lines = run.log(name, record["attempts"]).read_text(errors="replace").splitlines()
    progress = [json.loads(line) for line in run.step(name).progress.read_text().splitlines()]
    last = next(line["time"] for line in progress if line["phase"] == "start")
    found = {"stage process, rows": last - began}
    for label, mark in MARKS:
        times = [at for line in lines if re.search(mark, line) and (at := moment(line, year)) is not None]
        if times:
            at = max(times) if label.endswith("+") else min(times)
            found[label.removesuffix(" +")] = max(0.0, at - last)
            last = max(last, at)
    steps = [json.loads(line)["data"]["timing_s/step"] for line in run.step(name).metrics.read_text().splitlines()]
    exported = next((line["time"] for line in progress if line["phase"] == "done"), ended)
    found["rest"] = exported - last - sum(steps)
    found["export and hand-over"] = ended - exported
    return found | {"steps": sum(steps)}


SMALL = ("model=tiny", "hardware=cpu", "stage.steps=1", "proposer.train.prompts_per_step=2")
SMALL += ("proposer.train.prompts_per_update=2", "proposer.train.rollouts=4")
FIRST_STEP = "Training Progress:   0%"
HERE = Path(__file__).resolve()


def spent() -> float:
    """Processor seconds of what this process has started, ended ones included; its own are the measurement's."""
    import psutil

    total = sum(psutil.Process().cpu_times()[2:4])
    for process in psutil.Process().children(recursive=True):
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return total


def stage(services, config, number: int) -> dict[str, float]:
    """One Proposer stage: seconds and processor seconds before its first step, seconds after it, processor seconds."""
    from omegaconf import OmegaConf

    from recipe.mmzero.run.plan import plan
    from recipe.mmzero.run.processes import supervise, tree
    from recipe.mmzero.run.processes.signs import Signs

    step, run = plan(config)[0], RunFolder(Path(config.run_dir) / str(number))
    folder, log = run.step(step.id), run.log(step.id, 1)
    folder.path.mkdir(parents=True)
    base = str(services.base(config))
    document = {"id": step.id, "role": step.role, "iteration": 1, "attempt": 1, "step_dir": str(folder.path)}
    document |= {"inputs": dict.fromkeys(("policy", "coder", "solver"), base)}
    document |= {"config": OmegaConf.to_container(config, resolve=True)}
    folder.description.write_text(OmegaConf.to_yaml(OmegaConf.create(document)))
    environment = services.environment(config, run.path)
    first: list[tuple[float, float]] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            if log.exists() and FIRST_STEP in log.read_text(errors="replace"):
                return first.append((time.time(), spent()))

    began, before = time.time(), spent()
    watcher = threading.Thread(target=watch)
    watcher.start()
    signs = Signs(folder.path, step.role, 1, 1)
    command, token = services.command(step, folder.description), tree.new_token()
    ended = supervise.attempt(command, folder.path, log, token, signs, environment, 3000, 3000, 10, lambda line: None)
    over.set()
    watcher.join()
    if ended.cause or not first:
        raise SystemExit(f"{ended.cause}; log: {log}")
    stepped = folder.attempt_metrics(1).stat().st_mtime
    at, used = first[0]
    return {
        "seconds before the first step": at - began,
        "seconds after the last": time.time() - stepped,
        "processor seconds before the first step": used - before,
        "processor seconds of the stage": spent() - before,
    }


def side() -> None:
    """Of one checkout, whose modules are imported: a stage per line of stdin, its numbers as a line of JSON."""
    from recipe.mmzero.run.processes import tree
    from recipe.mmzero.run.services import Services
    from recipe.mmzero.settings import schema

    tree.adopt_orphans()
    with tempfile.TemporaryDirectory() as work, Services() as services:
        config = schema.load([*SMALL, f"run_dir={work}"])
        warm = RunFolder(Path(work)).warm_log
        services.environment(config, Path(work))
        while not (warm.exists() and "warm server ready" in warm.read_text(errors="replace")):
            time.sleep(0.2)
        for number, _ in enumerate(sys.stdin):
            print(json.dumps(stage(services, config, number)), flush=True)


def compare(other: Path, pairs: int) -> None:
    sides, found = {}, {"before": [], "now": []}
    for name, checkout in (("before", other.resolve()), ("now", HERE.parents[2])):
        environment = os.environ | {"PYTHONPATH": str(checkout)}
        command = [sys.executable, str(HERE), "--side"]
        sides[name] = subprocess.Popen(
            command, env=environment, cwd=checkout, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    for pair in range(pairs):
        for name in ("before", "now") if pair % 2 == 0 else ("now", "before"):
            sides[name].stdin.write("\n")
            sides[name].stdin.flush()
            found[name].append(json.loads(sides[name].stdout.readline()))
            print(name, json.dumps({key: round(value, 2) for key, value in found[name][-1].items()}), flush=True)
    for process in sides.values():
        process.stdin.close()
        process.wait()
    print(f"median of {pairs}; load {os.getloadavg()[0]:.0f}")
    for key in found["now"][0]:
        before, now = (statistics.median(one[key] for one in found[name]) for name in ("before", "now"))
        print(f"  {key}: {before:.1f} -> {now:.1f} (x {now / before:.2f})")


def of_run(run: RunFolder) -> None:
    state = json.loads(run.state.read_text())["steps"]
    for name, record in state.items():
        if stage_of(name) in ROLES and record["status"] == "done":
            found = parts(run, name, record)
            whole = sum(found.values())
            print(f"{name}: {whole:.1f} s, of which {whole - found['steps']:.1f} s are no step")
            for label, seconds in found.items():
                print(f"  {seconds:6.1f}  {label}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_dir", type=Path, nargs="?")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--side", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.side:
        side()
    elif chosen.against:
        compare(chosen.against, chosen.pairs)
    elif chosen.run_dir:
        of_run(RunFolder(chosen.run_dir))
    else:
        parser.error("give a run folder or --against")


if __name__ == "__main__":
    main()
