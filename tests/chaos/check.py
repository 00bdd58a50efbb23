"""Is a finished run whole, and does it hold the same rows as another one?

    python tests/chaos/check.py RUN_DIR [REFERENCE_RUN_DIR]

Checked: every step done and its outputs unchanged; every training step counted once, in order; row ids unique; every
picture that a row names is there. With a reference of the same seed: the collected rows are equal (docs/method.md §4).
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from recipe.mmzero.run.record.artifacts import fingerprint

COLLECTIONS = ("collect_coder", "collect_solver")
TABLES = ("proposals.parquet", "drawings.parquet", "train.parquet")


def problems(run_dir: Path) -> list[str]:
    """What is wrong with a finished run; nothing if it is whole."""
    found = []
    steps = json.loads((run_dir / "state.json").read_text())["steps"]
    for name, record in steps.items():
        if record["status"] != "done":
            found.append(f"{name} is {record['status']}: {record['exit_cause']}")
            continue
        for output, wanted in record["outputs"].items():
            if fingerprint(run_dir / name / output) != wanted:
                found.append(f"{name}/{output} differs from its recorded hash")
        stage = name.rsplit("/", 1)[1]
        found += [f"{name}: {text}" for text in (_rows if stage in COLLECTIONS else _training)(run_dir / name)]
    return found


def _training(folder: Path) -> list[str]:
    counted = [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [] if counted == list(range(1, len(counted) + 1)) else [f"training steps counted: {counted}"]


def _rows(folder: Path) -> list[str]:
    found = []
    proposals, drawings, train = (pd.read_parquet(folder / name) for name in TABLES)
    ids = {"proposals": proposals["proposal_id"], "drawings": drawings["code_id"]}
    ids["training rows"] = train["extra_info"].map(lambda info: info["proposal_id"])
    found += [f"{name} with one id twice" for name, column in ids.items() if column.duplicated().any()]
    if not set(ids["training rows"]) <= set(proposals["proposal_id"]):
        found.append("training rows without a proposal")
    missing = [image for image in drawings["image"].dropna() if not (folder / image).is_file()]
    return found + [f"picture {image} is missing" for image in missing[:3]]


def differences(run_dir: Path, reference: Path, stages: Sequence[str] = COLLECTIONS) -> list[str]:
    """Collected rows that differ between two runs of one seed."""
    found = []
    for folder in sorted(path for name in stages for path in reference.glob(f"iter_*/{name}")):
        for table in TABLES:
            name = f"{folder.parent.name}/{folder.name}/{table}"
            mine, other = _comparable(run_dir / name), _comparable(reference / name)
            if mine != other:
                unlike = sum(a != b for a, b in zip(mine, other, strict=False)) + abs(len(mine) - len(other))
                found.append(f"{name}: {unlike} of {len(other)} rows differ")
    return found


def _comparable(path: Path) -> list[str]:
    rows = pd.read_parquet(path)
    if "images" in rows:  # absolute paths; the path relative to the step is compared
        rows = rows.drop(columns=["images"])
    return [json.dumps(row, default=lambda v: v.tolist(), sort_keys=True) for row in rows.to_dict("records")]


def main() -> int:
    run_dir, *reference = map(Path, sys.argv[1:])
    wrong = problems(run_dir) + [text for other in reference for text in differences(run_dir, other)]
    print("\n".join(wrong) or f"{run_dir}: whole" + (", rows equal the reference's" if reference else ""))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
