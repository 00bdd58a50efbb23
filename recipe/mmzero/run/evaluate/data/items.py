"""Items of a suite: rows read by its column map, checked one by one, and kept as `DIR/items.parquet`.

Nothing is repaired silently: a missing picture, an unknown column, an id that comes twice, a second answer or a gap
among the choices is an error in one line that names the row. The order of the data is the order of the items.
"""

import ast
import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mmzero_env.process.replace import replacing
from mmzero_rewards.answers.grading import canonical
from recipe.mmzero.run.evaluate.data.pictures import BadPicture, PictureStore, bytes_of
from recipe.mmzero.run.evaluate.data.sources import rows
from recipe.mmzero.run.evaluate.errors import EvaluationError
from recipe.mmzero.run.evaluate.suite import Benchmark, Suite

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LETTERED = re.compile(r"\(([A-Za-z])\)")  # "(a) red (b) blue"
PLACE = re.compile(r"<image\s*(\d{1,2})>")  # where a question names its first, second, ... picture
LETTER_ANSWER = re.compile(r"[(\[]?([A-Za-z])[)\].:]*(?:\s+(.+))?", re.DOTALL)  # "B", "(b)", "(b) blue"


@dataclass(frozen=True)
class Item:
    """One question. answers: each of them is right. choice: the right option's place, None without choices.
    cluster: equal for items that are not independent: of one group of the data, or with a picture in common.
    pictures: names in the picture store, in the prompt's order."""

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
    return _clustered([item for benchmark in suite.benchmarks for item in _read(benchmark, store)])


def _clustered(items: list[Item]) -> list[Item]:
    """Items without a cluster get that of their pictures: one for all that share a picture, also by way of others."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for item in items:
        for name in item.pictures if not item.cluster else ():
            parent[root(name)] = root(item.pictures[0])
    return [item if item.cluster else replace(item, cluster=root(item.pictures[0])) for item in items]


def _read(benchmark: Benchmark, store: PictureStore) -> list[Item]:
    found: list[Item] = []
    seen: dict[str, str] = {}
    for row, where, folder in rows(benchmark):
        place = f"{benchmark.name}: {where}"
        if benchmark.where and not all(_text(row, column, place) == v for column, v in benchmark.where.items()):
            continue
        columns = benchmark.columns
        name = str(len(seen)) if columns.id is None else _filled(row, columns.id, place, "id")
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
    question = _filled(row, columns.question, place, "question")
    pictures: list[str] = []
    empty: str | None = None
    gap: str | None = None
    for column in columns.images:
        try:
            found = [store.add(content) for content in bytes_of(_cell(row, column, place), folder)]
        except BadPicture as error:
            raise EvaluationError(f"{place}: the picture of column '{column}' {error}") from None
        gap = gap or (empty if found else None)
        empty = empty or (None if found else column)
        pictures += found
    if columns.images and not pictures:
        raise EvaluationError(f"{place}: no picture in {', '.join(columns.images)}; `images: []` is for text questions")
    choices = _choices(row, columns.choices, place)
    if gap and PLACE.search("\n".join((question, *choices))):  # <image 2> would be another one
        raise EvaluationError(f"{place}: column '{gap}' holds no picture, later ones do, and the question has numbers")
    answers = _answers(row, benchmark, place)
    choice = _choice(answers, choices, benchmark, place) if choices else None
    if choice is not None:
        answers = (LETTERS[choice],)
    cluster = "" if pictures else f"{benchmark.name}: item {name}"
    if columns.cluster:
        cluster = f"{benchmark.name}: {_filled(row, columns.cluster, place, 'cluster')}"
    return Item(benchmark.name, name, question, choices, answers, choice, cluster, tuple(pictures))


def _cell(row: Mapping[str, Any], column: str, place: str) -> Any:
    if column not in row:
        raise EvaluationError(f"{place}: no column '{column}'; the columns are {', '.join(map(str, row))}")
    return row[column]


def _text(row: Mapping[str, Any], column: str, place: str) -> str:
    """A cell as text; "" for an empty one."""
    return _plain(_cell(row, column, place), column, place)


def _filled(row: Mapping[str, Any], column: str, place: str, what: str) -> str:
    """A cell as text, trimmed; an empty one is an error."""
    text = _text(row, column, place).strip()
    if not text:
        raise EvaluationError(f"{place}: column '{column}' holds no {what}")
    return text


def _plain(value: Any, column: str, place: str) -> str:
    """A value as text: whole numbers without a decimal point, as a person writes them; None and NaN are empty."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bytes | Mapping | list):
        raise EvaluationError(f"{place}: column '{column}' holds no text but a {type(value).__name__}")
    return str(value).encode("utf-8", "replace").decode()  # no file takes lone surrogates


def _listed(value: Any) -> list[Any]:
    """A cell as a list; a list may be written as text: "['a', 'b']"."""
    if isinstance(value, str) and re.match(r"\s*\[\s*['\"\]]", value):
        try:
            value = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            return [value]
    return value if isinstance(value, list) else [value]


def _lettered(value: Any) -> Any:
    """The choices of "(a) red (b) blue"; anything else as it is."""
    if not isinstance(value, str):
        return value
    before, *found = LETTERED.split(value)
    in_order = "".join(found[::2]).upper() == LETTERS[: len(found) // 2]
    return found[1::2] if len(found) > 2 and in_order and not before.strip() else value


def _choices(row: Mapping[str, Any], names: list[str], place: str) -> tuple[str, ...]:
    found = []
    for column in names:
        found += [_plain(one, column, place).strip() for one in _listed(_lettered(_cell(row, column, place)))]
    while found and not found[-1]:
        found.pop()
    if "" in found:  # leaving it out would move the letters of those behind it
        raise EvaluationError(f"{place}: choice {LETTERS[found.index('') % len(LETTERS)]} is empty, later ones are not")
    if len(found) == 1:
        raise EvaluationError(f"{place}: a single choice ({found[0][:80]!r}); `choices` is a column with a list")
    if len(found) > len(LETTERS):
        raise EvaluationError(f"{place}: {len(found)} choices, more than letters")
    return tuple(found)


def _answers(row: Mapping[str, Any], benchmark: Benchmark, place: str) -> tuple[str, ...]:
    column = benchmark.columns.answer
    texts = [_plain(one, column, place).strip() for one in _listed(_cell(row, column, place))]
    texts = [benchmark.answer_map.get(one, one) for one in texts]
    if not texts or not all(texts):
        raise EvaluationError(f"{place}: column '{column}' holds no answer")
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
    if len(answers) > 1:
        raise EvaluationError(f"{place}: it has choices and several answers ({', '.join(map(repr, answers[:3]))})")
    answer = answers[0]
    if benchmark.answer_form == "letter":
        fitting = _lettered_choice(answer, choices)
    elif benchmark.answer_form == "index":
        fitting = [int(answer)] if answer.isdecimal() and int(answer) < len(choices) else []
    else:
        fitting = [k for k, one in enumerate(choices) if one == answer]
        fitting = fitting or [k for k, one in enumerate(choices) if canonical(one) == canonical(answer)]
    if len(fitting) != 1:
        what = "is none" if not fitting else f"is {len(fitting)}"
        raise EvaluationError(
            f"{place}: answer {answer!r} {what} of the {len(choices)} choices (answer_form={benchmark.answer_form})"
        )
    return fitting[0]


def _lettered_choice(answer: str, choices: tuple[str, ...]) -> list[int]:
    """The choice that "B", "(b)" or "(b) blue" names: none if the text is another choice's."""
    named = LETTER_ANSWER.fullmatch(answer)
    place = LETTERS.index(named[1].upper()) if named else len(choices)
    if place >= len(choices) or (named[2] and canonical(named[2]) != canonical(choices[place])):
        return []
    return [place]


def show_choices(choices: tuple[str, ...]) -> str:
    """
    >>> show_choices(("red", "blue"))
    'A. red\\nB. blue'
    """
    return "\n".join(f"{LETTERS[k]}. {text}" for k, text in enumerate(choices))


# --- on disk --------------------------------------------------------------------------------------------------------


def digest(items: list[Item]) -> str:
    """Hash of the items with their answers, choices and clusters."""
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
        raise EvaluationError(
            f"{path} cannot be read: {' '.join(str(error).split())[:160]}; delete it: it is made anew"
        ) from None
    tuples = ("choices", "answers", "pictures")
    return [Item(**{key: tuple(v) if key in tuples else v for key, v in row.items()}) for row in table]
