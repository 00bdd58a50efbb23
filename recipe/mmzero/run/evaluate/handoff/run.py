"""`mmzero eval --with TOOLKIT`: serve each checkpoint, let the toolkit ask, read its samples, pair them."""

import dataclasses
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from mmzero_env.process import replace
from mmzero_rewards.peers.address import base_url
from recipe.mmzero.run.evaluate import results
from recipe.mmzero.run.evaluate.asking.ask import served_model
from recipe.mmzero.run.evaluate.asking.server import Server, Serving
from recipe.mmzero.run.evaluate.asking.store import claim
from recipe.mmzero.run.evaluate.errors import EvaluationError
from recipe.mmzero.run.evaluate.evaluation import Checkpoint, Evaluation, model_of
from recipe.mmzero.run.evaluate.handoff import samples as files
from recipe.mmzero.run.evaluate.handoff.toolkits import Handoff, command, environment
from recipe.mmzero.run.evaluate.judging.rules import judge_by_rules
from recipe.mmzero.run.evaluate.suite import Suite

MOST_PICTURES = 16
"""Of one question: the toolkit knows its items, we do not."""
TOLD = ("seed", "temperature", "top_p", "max_tokens", "pixels")
"""What of a suite decides the samples of a toolkit; the prompt is its own."""


def run(
    suite: Suite,
    handoff: Handoff,
    models: Sequence[Checkpoint],
    folder: Path,
    serving: Serving,
    metric: str | None = None,
) -> list[str]:
    """Everything; returns the lines of the table.

    Args:
        suite: sampling, pixels and prompt rule (`training`: only a boxed answer counts by our rules); its benchmarks
            are the toolkit's tasks.
    Raises:
        EvaluationError: the toolkit failed, or its files cannot be used.
    """
    suite = dataclasses.replace(suite, samples=1)
    scores: dict[str, results.Scores] = {}
    lines: list[str] = []
    known: list[files.Item] | None = None
    for model in models:
        place = folder / model.label / handoff.name
        complete = (place / "finished.json").exists()
        told = {key: suite.plain()[key] for key in TOLD}
        claim(place, told | {"model": model_of(model, place, complete), "tasks": list(handoff.tasks)})
        if not complete:
            _ask(suite, handoff, model, place, serving)
        found = files.read(handoff.name, place, list(handoff.tasks), metric)
        items = [one.item for one in found]
        if known is not None and items != known:
            raise EvaluationError(f"{model.label}: its samples are of other items than those of {models[0].label}")
        known = items
        scores[model.label], note = _scored(suite, found)
        lines.append(f"{model.label}: {len(found)} samples of {handoff.name}, {note}")
    table = results.summary(suite, known or [], scores)
    table["prompt"] = f"{handoff.name}'s own"
    table["iterations"] = {model.label: model.iteration for model in models}
    return Evaluation(suite, folder).write_results(table, lines)


def _ask(suite: Suite, handoff: Handoff, model: Checkpoint, place: Path, serving: Serving) -> None:
    server = Server(model.source, model.label, suite, MOST_PICTURES, serving, place / "server.log")
    with nullcontext(model.source) if model.served else server as started:
        name = served_model(model.source) if model.served else model.label
        url = base_url(model.source if model.served else started.address)
        words = command(handoff, suite, name, url, place.absolute())
        added = environment(handoff)
        print(" ".join(f"{name}={value}" for name, value in added.items()), shlex.join(words), flush=True)
        if handoff.python is None:
            _wait_for_a_person(handoff)
        else:
            # PYTHONPATH is ours and would put our packages in front of the toolkit's
            inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            code = subprocess.run(words, env=inherited | added, check=False).returncode
            if code:
                raise EvaluationError(f"{model.label}: {handoff.name} ended with {code}; its output is above")
    replace.write(place / "finished.json", json.dumps({"command": words}) + "\n")


def _wait_for_a_person(handoff: Handoff) -> None:
    """The command is only printed: its caller runs it elsewhere while the server is up."""
    print(f"run that where {handoff.name} is installed; press Enter here when it has ended", flush=True)
    if not sys.stdin.readline():
        raise EvaluationError("nobody said that the command has ended; --python FILE runs it from here")


def _scored(suite: Suite, found: Sequence[files.Sample]) -> tuple[results.Scores, str]:
    """Scores by the toolkit where it has them, by our rules otherwise, and a note with both accuracies."""
    verdicts = [judge_by_rules(one.response, one.item, "exact", suite.prompt) for one in found]
    ours = np.array([[verdict.right] for verdict in verdicts], float)
    content = np.array([[verdict.content] for verdict in verdicts], float)
    theirs = [one.score for one in found]
    if None in theirs:
        return results.Scores(ours, content, np.zeros_like(ours)), f"judged by our rules: {100 * ours.mean():.2f}%"
    given = np.array(theirs, float)[:, None]
    note = f"its own score {100 * given.mean():.2f}%, our rules on the same answers {100 * ours.mean():.2f}%"
    differing = int((given != ours).sum())
    return results.Scores(
        given, np.maximum(given, content), np.zeros_like(ours)
    ), f"{note}, {differing} judged differently"
