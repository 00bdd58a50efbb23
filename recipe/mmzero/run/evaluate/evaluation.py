"""One evaluation folder: checkpoints asked one after the other, judged, compared; every part of it resumes."""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmzero_env.process import replace
from mmzero_rewards.peers.address import no_address
from recipe.mmzero.run.evaluate import results
from recipe.mmzero.run.evaluate.asking.ask import Asking, ask_all, served_model
from recipe.mmzero.run.evaluate.asking.server import Server, Serving
from recipe.mmzero.run.evaluate.asking.store import AnswerStore, bound_to, claim
from recipe.mmzero.run.evaluate.data import items as data
from recipe.mmzero.run.evaluate.data.items import Item
from recipe.mmzero.run.evaluate.data.pictures import PictureStore
from recipe.mmzero.run.evaluate.errors import EvaluationError
from recipe.mmzero.run.evaluate.judging import judge as judging
from recipe.mmzero.run.evaluate.suite import Suite, solver_templates
from recipe.mmzero.run.record.artifacts import fingerprint, problem_with
from recipe.mmzero.settings.folder import iteration_of

BLIND = "blind"
OURS = ("pictures", "lock", "items.parquet", "suite.json", "results.json", "RESULTS.md")
# What of a suite decides the answers; the rest (judging, names, notes) may change without asking again.
ASKED = ("prompt", "seed", "samples", "temperature", "top_p", "top_k", "max_tokens", "pixels")


@dataclass(frozen=True)
class Checkpoint:
    """A model folder, or the address of a server that somebody else started. iteration: of a run's checkpoint."""

    label: str
    source: str
    served: bool
    iteration: int | None = None


def checkpoints(words: Sequence[str]) -> list[Checkpoint]:
    """`PATH`, `http://HOST:PORT` or `LABEL=` either; labels are folder names, made of the path where none is given.

    Raises:
        EvaluationError: no model or address there, or two labels are the same.
    """
    found: list[Checkpoint] = []
    for word in words:
        label, equals, rest = word.partition("=")
        if not equals or "/" in label:
            label, rest = "", word
        rest = os.path.expanduser(rest)  # no shell does it in LABEL=~/x
        served = rest.startswith(("http://", "https://"))
        problem = no_address(rest) if served else _no_model(Path(rest))
        if problem:
            raise EvaluationError(f"checkpoint {rest}: {problem}")
        name = rest.split("//")[-1] if served else _name_of(Path(rest))
        label = label or re.sub(r"[^\w.-]+", "-", name).strip(".-") or "model"
        if not re.fullmatch(r"\w[\w.-]*", label):
            raise EvaluationError(f"label '{label}' is no name of letters, digits and . _ - that starts with a letter")
        if label in OURS:
            raise EvaluationError(f"'{label}' is a name of the evaluation's own; write another LABEL={rest}")
        if label in [one.label for one in found]:
            raise EvaluationError(f"two checkpoints are called '{label}'; write LABEL=PATH")
        found.append(Checkpoint(label, rest, served, None if served else _iteration(Path(rest))))
    return found


def _no_model(folder: Path) -> str | None:
    """What keeps a path from being a model that can be served."""
    problem = problem_with(folder)
    if problem or (folder / "config.json").is_file():
        return problem
    kind = "an adapter: `mmzero export` makes a whole model of it" if folder.is_dir() else "no folder"
    return f"{folder} is {kind}"


def _name_of(path: Path) -> str:
    """`RUN/iter_01/solver/hf` -> `RUN-iter_01-solver`."""
    parts = [part for part in Path(os.path.abspath(path)).parts if part not in ("hf", "/")]
    for k, part in enumerate(parts):
        if iteration_of(part) is not None:
            return "-".join(parts[max(0, k - 1) :])
    return parts[-1] if parts else ""


def _iteration(path: Path) -> int | None:
    numbers = [iteration_of(part) for part in Path(os.path.abspath(path)).parts]
    return next((number for number in numbers if number is not None), None)


def model_of(checkpoint: Checkpoint, folder: Path, complete: bool) -> str:
    """What tells a model from others: the hash of its files; of a server its address and the name of what it serves.

    Args:
        folder: that holds its answers. complete: all of them are there, so the server is not asked and may be gone.
    Raises:
        EvaluationError: the server does not answer.
    """
    if not checkpoint.served:
        return fingerprint(Path(checkpoint.source))
    known = str(bound_to(folder).get("model"))
    if complete and known.endswith(f" at {checkpoint.source}"):
        return known
    return f"{served_model(checkpoint.source)} at {checkpoint.source}"


class Evaluation:
    """`DIR`: items and pictures of a suite, and the answers of every checkpoint to them."""

    def __init__(self, suite: Suite, folder: Path):
        self.suite, self.folder = suite, folder
        self.pictures = PictureStore(folder / "pictures")

    def prepare(self) -> list[Item]:
        """Read the items, and bind the folder to them.

        Raises:
            EvaluationError: data that cannot be used, or the folder holds other items.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        items = data.load(self.suite, self.pictures)
        path = self.folder / "items.parquet"
        if path.exists() and data.digest(data.read(path)) != data.digest(items):
            raise EvaluationError(f"{self.folder} holds an evaluation of other items; use another --out")
        data.write(items, path)
        replace.write(self.folder / "suite.json", json.dumps(self.suite.plain(), indent=1) + "\n")
        return items

    def store(self, label: str) -> AnswerStore:
        return AnswerStore(self.folder / label)

    def identity(self, model: str, items: Sequence[Item], blind: bool) -> dict[str, Any]:
        """What the answers of a checkpoint depend on.

        Args:
            model: of `model_of`.
        """
        plain = self.suite.plain()
        prompts = [solver_templates(self.suite).solver]
        if self.suite.prompt == "own":
            prompts = [text or "" for one in self.suite.benchmarks for text in (one.own, one.own_open)]
        return {key: plain[key] for key in ASKED} | {
            "model": model,
            "items": data.digest(list(items)),
            "prompt_texts": hashlib.sha256("\x1f".join(prompts).encode()).hexdigest(),
            "blind": blind,
        }

    def ask(self, checkpoint: Checkpoint, items: Sequence[Item], serving: Serving, asking: Asking, blind: bool) -> None:
        """Store all answers of a checkpoint; it is served once, and not at all if everything is there.

        Args:
            blind: also ask without pictures.
        """
        stores: list[tuple[AnswerStore, PictureStore | None]] = [(self.store(checkpoint.label), self.pictures)]
        if blind:
            stores.append((self.store(f"{checkpoint.label}-{BLIND}"), None))
        complete = all(store.final.exists() for store, _ in stores)
        model = model_of(checkpoint, self.folder / checkpoint.label, complete)
        passes = []
        for store, pictures in stores:
            claim(store.folder, self.identity(model, items, pictures is None))
            store.load()
            if len(store.answers) < len(items) * self.suite.samples:
                passes.append((store, pictures))
            elif not store.final.exists():
                store.finish()
        if not passes:
            print(f"{checkpoint.label}: all answers are there", flush=True)
            return
        most = max(len(item.pictures) for item in items)
        log = self.folder / checkpoint.label / "server.log"
        print(f"{checkpoint.label}: {'asking ' if checkpoint.served else 'serving '}{checkpoint.source}", flush=True)
        ours = Server(checkpoint.source, checkpoint.label, self.suite, most, serving, log)
        with nullcontext(checkpoint.source) if checkpoint.served else ours as server:
            for store, pictures in passes:
                ask_all(self.suite, items, pictures, store, server, asking)
                store.finish()

    def verdicts(self, label: str, items: Sequence[Item]) -> dict[str, Any]:
        """The judge's part of a checkpoint's result; asks the judge for what it has not said yet.

        Returns:
            decided: (item, sample) -> verdict where the judge decides; record: numbers for results.json.
        Raises:
            EvaluationError: the judge cannot be reached.
        """
        store = self.store(label)
        store.load()
        asked = judging.cases(self.suite, items, store.answers)
        judge = self.suite.judge
        if judge.address is None:
            return {"decided": {}, "record": {"undecided": len(asked.open)} if asked.open else {}}
        said = AnswerStore(self.folder / label / "verdicts")
        if asked.open or asked.check:
            print(
                f"{label}: judge {judge.address}: {len(asked.open)} to decide, {len(asked.check)} to compare",
                flush=True,
            )
            judging.judge_all(self.suite, items, store.answers, asked, said)
        name = str(bound_to(said.folder).get("judge", judge.model))
        return judging.outcome(self.suite, items, store.answers, asked, said.answers, name)

    def write_results(self, found: dict[str, Any], more: Sequence[str] = ()) -> list[str]:
        """results.json and RESULTS.md; returns the lines of the table."""
        shown = [*results.lines(found), *more]
        replace.write(self.folder / "results.json", json.dumps(found, indent=1) + "\n")
        text = f"# {found['suite']}\n\n```\n" + "\n".join(shown) + "\n```\n"
        rows = next(iter(found["checkpoints"].values()))
        catches = [
            f"* **{one.name}**: {' '.join(one.catch.split())}"
            for one in self.suite.benchmarks
            if one.catch and one.name in rows
        ]
        if catches:
            text += "\nBefore reading a number:\n\n" + "\n".join(catches) + "\n"
        for label, record in found.get("judged", {}).items():
            for one in record.get("shown", []):
                text += f"\n    {label}, {one['item']}: reference {one['reference']!r}, response {one['response']!r}\n"
                text += f"    judge: {one['judge']!r}\n"
        replace.write(self.folder / "RESULTS.md", text)
        return shown
