#!/usr/bin/env python3
"""The table of tests/gpu/run.sh: table.py add FILE STAGE RESULT SECONDS PEAK_MIB NOTE | table.py show FILE RUNS

`show` prints the machine in one line and one row per stage: measured GPU memory beside what `mmzero doctor` computes,
the agreement of roll-out and actor, and the times of the last training step.
"""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

PEARSON = "training/rollout_actor_probs_pearson_corr"
PACKAGES = ("torch", "vllm", "verl", "transformers", "flash-attn")
HEAD = ("stage", "result", "time", "GPU peak", "computed", "correlation", "step", "roll-out", "update")
# Which of a stage's folders under RUNS hold trained steps.
FOLDERS = {"train": ["train"], "two": ["two"], "3b": ["3b"], "3b-proposer": ["3b-proposer"]}


def add(file: Path, stage: str, result: str, seconds: str, peak_mib: str, note: str) -> None:
    record = {"stage": stage, "result": result, "seconds": float(seconds), "peak_mib": float(peak_mib), "note": note}
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(record) + "\n")


def machine() -> str:
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        cards = subprocess.run(query, capture_output=True, text=True, check=False).stdout.splitlines()
    except FileNotFoundError:
        cards = []
    names = []
    for name in PACKAGES:
        try:
            names.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            names.append(f"{name} missing")
    return f"{len(cards)} x {cards[0] if cards else 'no GPU'}; {os.cpu_count()} cores; " + ", ".join(names)


def cells(record: dict, runs: Path) -> list[str]:
    """One row. A stage's training steps are those of all its roles: the worst correlation, the longest last step."""
    results = [json.loads(f.read_text()) for name in FOLDERS.get(record["stage"], []) for f in _results(runs, name)]
    steps = [result["steps"][-1] for result in results if result["steps"]]
    correlations = [step[PEARSON] for result in results for step in result["steps"] if PEARSON in step]
    # The update and the roll-out each fill the GPU; a server or a peer is a part of the roll-out.
    computed = [result["computed"].get(phase, 0.0) for result in results for phase in ("update", "roll-out")]

    def longest(key: str) -> str:
        return max(
            (f"{step[key]:.1f} s" for step in steps if key in step), default="-", key=lambda text: float(text[:-2])
        )

    return [
        record["stage"],
        record["result"],
        f"{record['seconds']:.0f} s" if record["seconds"] else "-",
        f"{record['peak_mib'] / 1024:.1f} GiB" if record["peak_mib"] else "-",
        f"{max(computed):.1f} GiB" if any(computed) else "-",
        f"{min(correlations):.4f}" if correlations else "-",
        longest("timing_s/step"),
        longest("timing_s/gen"),
        longest("timing_s/update_actor"),
    ]


def _results(runs: Path, name: str) -> list[Path]:
    return sorted((runs / name).glob("result-*.json"))


def show(file: Path, runs: Path) -> str:
    records = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    rows = [list(HEAD), *(cells(record, runs) for record in records)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    notes = [f"{record['stage']}: {record['note']}" for record in records if record["note"]]
    return "\n".join([machine(), "", *lines, *([""] if notes else []), *notes])


if __name__ == "__main__":
    if sys.argv[1] == "add":
        add(Path(sys.argv[2]), *sys.argv[3:8])
    else:
        print(show(Path(sys.argv[2]), Path(sys.argv[3])))
