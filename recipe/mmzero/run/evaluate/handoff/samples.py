"""Per-sample files of a toolkit as items and answers of ours, so that pairing works whoever asked.

    lmms-eval   {date}_samples_{task}.jsonl: doc_id, target, resps, one entry for each metric
    vlmevalkit  {model}_{dataset}.tsv|json: index, question, answer, prediction; hit where its judge ran

The toolkit's own score of a sample counts where the file has one, our rules otherwise; both accuracies are printed. A
sample that stands for a request that failed is an error: lmms-eval writes such a text as if it were an answer.

Not covered: which samples share a picture; the files do not say it, so intervals take items as independent.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe.mmzero.run.evaluate.data.items import Item
from recipe.mmzero.run.evaluate.errors import EvaluationError

FAILED = ("[LMMS_EVAL_REQUEST_FAILED", "[LMMS_EVAL_BUDGET_EXCEEDED", "Failed to obtain answer via API")
NOT_METRICS = {"doc_id", "target", "resps", "filtered_resps", "token_counts", "doc_hash", "input", "input_media"}


@dataclass(frozen=True)
class Sample:
    """One answered item. score: the toolkit's own, 0 to 1; None where its file has none."""

    item: Item
    response: str
    score: float | None


def read(toolkit: str, folder: Path, tasks: list[str], metric: str | None = None) -> list[Sample]:
    """All samples of the tasks, sorted by task and id.

    Args:
        metric: of lmms-eval, where a task has several; None: the only one that is a number.
    Raises:
        EvaluationError: a file is missing or damaged, a request had failed, or the metric is not clear; one line.
    """
    reader = {"lmms-eval": _lmms_eval, "vlmevalkit": _vlmevalkit}[toolkit]
    return [sample for task in tasks for sample in reader(folder, task, metric)]


def _lmms_eval(folder: Path, task: str, metric: str | None) -> list[Sample]:
    path = _newest(folder, f"*_samples_{task}.jsonl", task)
    found: dict[int, Sample] = {}
    # not splitlines(): it also ends a line at U+2028 and its like, which JSON may hold as they are
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        where = f"{path} line {number}"
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            place, target, response = row["doc_id"], row["target"], _innermost(row["resps"])
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise EvaluationError(f"{where} is no sample of lmms-eval ({type(error).__name__}: {error})") from None
        if place in found:
            raise EvaluationError(f"{where}: doc_id {place} comes twice; with repeats (-n) there is nothing to pair")
        answers = tuple(str(one) for one in (target if isinstance(target, list) else [target]))
        item = Item(task, str(place), str(row.get("input", "")), (), answers, None, f"{task}: {place}", ())
        found[place] = Sample(item, _answered(response, where), _metric(row, metric, where))
    return [found[place] for place in sorted(found)]


def _innermost(resps: Any) -> str:
    while isinstance(resps, list):
        resps = resps[0]
    return str(resps)


def _metric(row: Mapping[str, Any], metric: str | None, where: str) -> float | None:
    """The metric's value, also where it is a table with one number called score or the like."""
    named = {key: _number(value) for key, value in row.items() if key not in NOT_METRICS}
    numbers = {key: value for key, value in named.items() if value is not None}
    if metric is not None:
        if metric not in numbers:
            raise EvaluationError(
                f"{where}: no metric '{metric}' that is a number; it has {', '.join(numbers) or 'none'}"
            )
        return numbers[metric]
    if len(set(numbers.values())) > 1:
        raise EvaluationError(f"{where}: metrics {', '.join(numbers)} differ; --metric NAME says which one counts")
    return next(iter(numbers.values()), None)


def _number(value: Any) -> float | None:
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("score", "correct", "acc", "accuracy") if key in value), None)
    if isinstance(value, bool | int | float) and 0 <= value <= 1:
        return float(value)
    return None


def _vlmevalkit(folder: Path, task: str, _: str | None) -> list[Sample]:
    import pandas as pd

    path = _newest(folder, f"*_{task}.tsv", task, f"*_{task}.json")
    try:
        # as text: "None" and "007" are answers
        if path.suffix == ".tsv":
            table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        else:
            table = pd.read_json(path, dtype=False, convert_dates=False)
        rows = table.to_dict("records")
    except ValueError as error:
        raise EvaluationError(f"{path} cannot be read: {' '.join(str(error).split())[:160]}") from None
    found: dict[str, Sample] = {}
    for row in rows:
        where = f"{path} index {row.get('index')}"
        if not {"index", "answer", "prediction"} <= set(row):
            raise EvaluationError(f"{path}: no columns index, answer, prediction; it has {', '.join(map(str, row))}")
        name = str(row["index"])
        if name in found:
            raise EvaluationError(f"{where} comes twice: there is nothing to pair")
        item = Item(task, name, str(row.get("question", "")), (), (str(row["answer"]),), None, f"{task}: {name}", ())
        hit = {"0": 0.0, "1": 1.0}.get(str(row.get("hit")).removesuffix(".0"))
        found[name] = Sample(item, _answered(str(row["prediction"]), where), hit)
    return [found[name] for name in sorted(found, key=lambda name: (len(name), name))]


def _newest(folder: Path, pattern: str, task: str, *others: str) -> Path:
    paths = [path for one in (pattern, *others) for path in folder.rglob(one)]
    if not paths:
        raise EvaluationError(f"{folder} holds no samples of {task} ({pattern}); did its command end well?")
    return max(paths, key=lambda path: (path.stat().st_mtime_ns, path.name))


def _answered(response: str, where: str) -> str:
    if response.startswith(FAILED):
        raise EvaluationError(
            f"{where}: the request failed ({' '.join(response.split())[:120]}); run the toolkit again"
        )
    return response
