"""Items of a suite: rows read by its column map, checked one by one, and kept as `DIR/items.parquet`.

Nothing is repaired silently: a missing picture, an unknown column, an id that comes twice or a second answer is an
error in one line that names the row. The order of the data is the order of the items.
"""

import ast
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmzero_env.process.replace import replacing
from mmzero_rewards.answers.grading import canonical
from recipe.mmzero.run.evaluate.data.pictures import BadPicture, PictureStore, bytes_of
from recipe.mmzero.run.evaluate.data.sources import rows
from recipe.mmzero.run.evaluate.errors import EvaluationError
from recipe.mmzero.run.evaluate.suite import Benchmark, Suite

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Item:
    """One question. answers: each of them is right. choice: the right option's place, None without choices.
    cluster: equal for items that are not independent. pictures: names in the picture store, in the prompt's order."""

    benchmark: str
    id: str
    question: str
    choices: tuple[str, ...]
    answers: tuple[str, ...]
    choice: int | None
    cluster: str
    pictures: tuple[str, ...]


def load(suite: Suite, store: PictureStore) -> list[Item]:
    """All items of a suite, benchmark by benchmark; their pictures are in the store afterwards.

    Raises:
        EvaluationError: data is missing or an item is broken; one line.
    """
    return [item for benchmark in suite.benchmarks for item in _read(benchmark, store)]


def _read(benchmark: Benchmark, store: PictureStore) -> list[Item]:
    found: list[Item] = []
    seen: dict[str, str] = {}
    for row, where, folder in rows(benchmark):
        place = f"{benchmark.name}: {where}"
        if benchmark.where and not all(_text(_cell(row, c, place)) == v for c, v in benchmark.where.items()):
            continue
        columns = benchmark.columns
        name = str(len(seen)) if columns.id is None else _text(_cell(row, columns.id, place))
        if name in seen:
            raise EvaluationError(f"{place}: id {name!r} is also that of {seen[name]}; map a column of different ids")
        seen[name] = where
        found.append(_item(row, name, benchmark, store, f"{place} (id {name})", folder))
    if not found:
        raise EvaluationError(
            f"{benchmark.name}: {benchmark.path} holds no rows{' that `where` lets through' if benchmark.where else ''}"
        )
    return found


def _item(
    row: Mapping[str, Any], name: str, benchmark: Benchmark, store: PictureStore, place: str, folder: Path
) -> Item:
    columns = benchmark.columns
    question = _text(_cell(row, columns.question, place)).strip()
    if not question:
        raise EvaluationError(f"{place}: column '{columns.question}' holds no question")
    pictures: list[str] = []
    for column in columns.images:
        try:
            pictures += [store.add(content) for content in bytes_of(_cell(row, column, place), folder)]
        except BadPicture as error:
            raise EvaluationError(f"{place}: the picture of column '{column}' {error}") from None
    if columns.images and not pictures:
        raise EvaluationError(f"{place}: no picture in {', '.join(columns.images)}; `images: []` is for text questions")
    choices = _choices(row, columns.choices, place)
    answers = _answers(_cell(row, columns.answer, place), benchmark, place)
    choice = _choice(answers, choices, benchmark, place) if choices else None
    if choice is not None:
        answers = (LETTERS[choice],)
    group = _text(_cell(row, columns.cluster, place)) if columns.cluster else f"item {name}"
    cluster = " ".join(pictures) if pictures and not columns.cluster else f"{benchmark.name}: {group}"
    return Item(benchmark.name, name, question, choices, answers, choice, cluster, tuple(pictures))


def _cell(row: Mapping[str, Any], column: str, place: str) -> Any:
    if column not in row:
        raise EvaluationError(f"{place}: no column '{column}'; the columns are {', '.join(map(str, row))}")
    return row[column]


def _text(value: Any) -> str:
    """A cell as text: whole numbers without a decimal point, as a person writes them."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _listed(value: Any) -> list[Any]:
    """A cell as a list; "['a', 'b']" is a list that was written as text."""
    if isinstance(value, str) and re.match(r"\s*\[\s*['\"]", value):
        try:
            value = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            return [value]
    if isinstance(value, list | tuple | np.ndarray):
        return list(value)
    return [value]


def _choices(row: Mapping[str, Any], names: list[str], place: str) -> tuple[str, ...]:
    found = []
    for column in names:
        value = _cell(row, column, place)
        if value is None or (isinstance(value, str) and value.strip() in ("", "[]")):
            continue
        found += [_text(one).strip() for one in _listed(value)]
    if len(found) > len(LETTERS):
        raise EvaluationError(f"{place}: {len(found)} choices, more than letters")
    return tuple(found)


def _answers(value: Any, benchmark: Benchmark, place: str) -> tuple[str, ...]:
    texts = [_text(one).strip() for one in _listed(value)]
    texts = [benchmark.answer_map.get(one, one) for one in texts]
    if not texts or not all(texts):
        raise EvaluationError(f"{place}: column '{benchmark.columns.answer}' holds no answer")
    if len({canonical(one) for one in texts}) > 1 and benchmark.several_answers == "error":
        shown = ", ".join(map(repr, texts[:3]))
        raise EvaluationError(
            f"{place}: two answers ({shown}); map a column with one, or set several_answers: any if each is right"
        )
    return tuple(dict.fromkeys(texts))


def _choice(answers: tuple[str, ...], choices: tuple[str, ...], benchmark: Benchmark, place: str) -> int | None:
    """Place of the right choice among the choices."""
    if benchmark.judging != "option":
        raise EvaluationError(f"{place}: it has choices, so judging must be option, not {benchmark.judging}")
    answer = answers[0]
    if benchmark.answer_form == "letter":
        fitting = [k for k in range(len(choices)) if answer.strip("().").upper() == LETTERS[k]]
    elif benchmark.answer_form == "index":
        fitting = [int(answer)] if answer.isdigit() and int(answer) < len(choices) else []
    else:
        fitting = [k for k, one in enumerate(choices) if one == answer]
        fitting = fitting or [k for k, one in enumerate(choices) if canonical(one) == canonical(answer)]
    if len(fitting) != 1:
        what = "is none" if not fitting else f"is {len(fitting)}"
        raise EvaluationError(
            f"{place}: answer {answer!r} {what} of the {len(choices)} choices (answer_form={benchmark.answer_form})"
        )
    return fitting[0]


def show_choices(choices: tuple[str, ...]) -> str:
    """
    >>> show_choices(("red", "blue"))
    'A. red\\nB. blue'
    """
    return "\n".join(f"{LETTERS[k]}. {text}" for k, text in enumerate(choices))


# --- on disk --------------------------------------------------------------------------------------------------------


def digest(items: list[Item]) -> str:
    """Hash of everything that is asked."""
    whole = json.dumps([asdict(item) for item in items], ensure_ascii=True)
    return hashlib.sha256(whole.encode()).hexdigest()


def write(items: list[Item], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    plain = [asdict(item) | {"choices": list(item.choices)} for item in items]
    strings = pa.list_(pa.string())
    schema = pa.schema(
        [(name, pa.string()) for name in ("benchmark", "id", "question", "cluster")]
        + [(name, strings) for name in ("choices", "answers", "pictures")]
        + [("choice", pa.int32())]
    )
    with replacing(path, sync=True) as part:
        pq.write_table(pa.Table.from_pylist(plain, schema), part)


def read(path: Path) -> list[Item]:
    """Items of an earlier evaluation.

    Raises:
        EvaluationError: missing or damaged.
    """
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path).to_pylist()
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path} cannot be read: {str(error).splitlines()[0]}; run `mmzero eval` there") from None
    tuples = ("choices", "answers", "pictures")
    return [Item(**{key: tuple(v) if key in tuples else v for key, v in row.items()}) for row in table]
