"""Where a training stage's seconds before its first step go, read from the logs of a run.

    python tests/bench/startup.py RUN_DIR

For every training stage: the journal says when it began and ended, its log when its parts were ready, its metrics how
long its steps took. What lies between the last mark and the end and is no step is the rest: the first weights to the
server, queues, the end of Ray, the export.
"""

import argparse
import json
import re
from datetime import datetime
from pathlib import Path

from recipe.mmzero.settings.folder import RunFolder, stage_of
from recipe.mmzero.settings.layout import ROLES

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_dir", type=Path)
    run = RunFolder(parser.parse_args().run_dir)
    state = json.loads(run.state.read_text())["steps"]
    for name, record in state.items():
        if stage_of(name) in ROLES and record["status"] == "done":
            found = parts(run, name, record)
            whole = sum(found.values())
            print(f"{name}: {whole:.1f} s, of which {whole - found['steps']:.1f} s are no step")
            for label, seconds in found.items():
                print(f"  {seconds:6.1f}  {label}")


if __name__ == "__main__":
    main()
